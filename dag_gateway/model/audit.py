"""The audit log: who asked for what, from where, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

ALLOWED = "allowed"

Fact = str | int | bool


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row to be. ``actor`` is a verified name, or empty where nobody was verified; ``outcome`` is ``allowed``
    or the code of the refusal; ``data`` says what it was about, and never holds a secret.
    """

    at: datetime
    actor: str
    address: str
    action: str
    outcome: str
    request_id: str
    data: Mapping[str, Fact] = field(default_factory=dict)

    def about(self, **facts: Fact) -> "AuditEntry":
        """The entry with more ``data``."""
        return replace(self, data={**self.data, **facts})


@dataclass(frozen=True, slots=True)
class Audited:
    """A row as it is kept; numbers grow with time."""

    number: int
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows: at most ``limit``, behind (older than) number ``before``; None takes every value."""

    limit: int
    before: int | None = None
    actor: str | None = None
    action: str | None = None
    outcome: str | None = None
