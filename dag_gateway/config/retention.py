"""The section ``retention``: for how long the database remembers."""

from pydantic import Field

from .section import Settings
from .units import Seconds

_HOUR = 3600.0


class RetentionSettings(Settings):
    """Ages are counted from the end of a deployment; what has not ended stays."""

    deployments: Seconds = Field(default=90 * 86_400.0, ge=_HOUR)
    """Whole deployments. Of each environment the newest that was pushed and the newest that was proven stay."""
    events: Seconds = Field(default=30 * 86_400.0, ge=_HOUR)
    """What happened on the way. The last event stays as long as its deployment."""
    audit: Seconds = Field(default=365 * 86_400.0, ge=_HOUR)
    """Rows of the audit log, from when they were written."""
