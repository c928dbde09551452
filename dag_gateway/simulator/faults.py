"""What tests break on purpose, and what they count."""

from dataclasses import dataclass, field

_LOGGED = 20_000


@dataclass(slots=True)
class Faults:
    """Switches that the API server asks before every answer.

    ``forbidden`` holds ``(verb, plural)`` pairs such as ``("list", "secrets")`` (verbs as in RBAC, ``pods/log`` for
    subresources); ``missing_groups`` API groups that are not installed; ``watch_era`` is raised to end
    open watches; after ``bookmark_seconds`` of quiet a watch is sent a bookmark (real servers: a minute).
    """

    unavailable: bool = False
    forbidden: set[tuple[str, str]] = field(default_factory=set)
    missing_groups: set[str] = field(default_factory=set)
    watch_era: int = 0
    bookmark_seconds: float = 1.0
    request_log: list[tuple[str, str]] = field(default_factory=list)

    def log(self, method: str, url: str) -> None:
        """Note a request; the older half is forgotten when there are too many."""
        self.request_log.append((method, url))
        if len(self.request_log) > _LOGGED:
            del self.request_log[: _LOGGED // 2]
