"""The points that a gateway passes on its way, each with a name, and the one at which it is killed."""

from collections.abc import Callable


class Toll:
    """``reached`` is told every name once; at the one to be killed at it is ``die``. Nothing counts before ``arm``."""

    def __init__(self, reached: Callable[[str], object], die: Callable[[str], object]) -> None:
        self._reached = reached
        self._die = die
        self._kill_at: str | None = None
        self._passed: set[str] | None = None

    def arm(self, kill_at: str | None) -> None:
        """Begin to count, from nothing."""
        self._kill_at = kill_at
        self._passed = set()

    def disarm(self) -> None:
        self._passed = None

    def pass_by(self, name: str) -> None:
        """Here the gateway is about to touch the outside, or has just been answered."""
        if self._passed is None or name in self._passed:
            return
        self._passed.add(name)
        if name == self._kill_at:
            self._die(name)
        else:
            self._reached(name)
