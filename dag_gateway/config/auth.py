"""The section ``auth``: the API keys of operators."""

from pydantic import Field

from dag_gateway.model.api_key import KEY_NAME, Role

from .section import Settings
from .units import Sha256


class KeySettings(Settings):
    """The API key of a person or a program; the key itself is written down nowhere."""

    name: str = Field(pattern=KEY_NAME)
    """Stands in the audit log."""
    role: Role
    sha256: Sha256
    """Of the key, as ``dag auth new-key`` prints it."""


class AuthSettings(Settings):
    """Who may use the operators' side of the API."""

    keys: tuple[KeySettings, ...] = ()
    """Names and hashes are unique."""
