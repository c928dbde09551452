"""Which of the commits that a cluster speaks of have ours in them."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import datetime, timedelta

from dag_gateway.clock import Clock

Contains = Callable[[str], Awaitable[bool | None]]
"""Whether a commit is ours or comes after it; None when nobody has that commit, or does not have it yet."""

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 300.0
"""Seconds: a git server may show a push late, but the commit may as well be of another repository for ever."""


class Ancestry:
    """Asks once per commit. Those that nobody has are asked for again, with pauses that grow."""

    def __init__(self, ours: str, contains: Contains, clock: Clock) -> None:
        self._contains = contains
        self._clock = clock
        self._known = {ours: True}
        self._pauses: dict[str, float] = {}
        self._again_at: dict[str, datetime] = {}

    @property
    def good(self) -> Collection[str]:
        """The commits that hold our content."""
        return [commit for commit, ours in self._known.items() if ours]

    async def learn(self, hashes: Iterable[str]) -> datetime | None:
        """Returns when it has to be called again, None for not before there are others. Raises what the asked raise."""
        unknown = [commit for commit in dict.fromkeys(hashes) if commit not in self._known]
        for commit in unknown:
            if commit not in self._again_at or self._again_at[commit] <= self._clock.now():
                await self._ask(commit)
        return min((self._again_at[commit] for commit in unknown if commit not in self._known), default=None)

    async def _ask(self, commit: str) -> None:
        answer = await self._contains(commit)
        if answer is None:
            pause = self._pauses.get(commit, _FIRST_PAUSE)
            self._again_at[commit] = self._clock.now() + timedelta(seconds=pause)
            self._pauses[commit] = min(2 * pause, _LONGEST_PAUSE)
        else:
            self._known[commit] = answer
