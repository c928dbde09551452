"""What tests break on purpose, and what they count."""

from collections.abc import Callable
from dataclasses import dataclass, field

_LOGGED = 20_000


@dataclass(slots=True)
class Faults:
    """Switches that the API server asks before every answer.

    ``forbidden`` holds ``(verb, plural)`` pairs such as ``("list", "secrets")`` (verbs as in RBAC, ``pods/log`` for
    subresources); ``roles_only`` grants nothing at the cluster scope; ``missing_groups`` API groups that are not
    installed; ``watch_era`` is raised to end open watches; after ``bookmark_seconds`` of quiet a watch is sent a
    bookmark (real servers: a minute). ``refuse_connections``: nobody answers at all, every connection is reset.
    ``slow_start`` is for how many more simulated seconds every controller overlooks a change; so long an old status
    stands beside a new spec. ``asked`` is told method and URL of every request before it is answered. ``open_watches``
    counts.
    """

    unavailable: bool = False
    refuse_connections: bool = False
    slow_start: float = 0.0
    open_watches: int = 0
    forbidden: set[tuple[str, str]] = field(default_factory=set)
    roles_only: bool = False
    missing_groups: set[str] = field(default_factory=set)
    watch_era: int = 0
    bookmark_seconds: float = 1.0
    asked: Callable[[str, str], object] | None = None
    request_log: list[tuple[str, str]] = field(default_factory=list)

    def log(self, method: str, url: str) -> None:
        """Note a request; the older half is forgotten when there are too many."""
        self.request_log.append((method, url))
        if len(self.request_log) > _LOGGED:
            del self.request_log[: _LOGGED // 2]
        if self.asked:
            self.asked(method, url)
