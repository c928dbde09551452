"""How a moment is written."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """``2026-01-31T12:00:00.123Z``: UTC, milliseconds, as every timestamp of the API."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
