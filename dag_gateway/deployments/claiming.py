"""Claiming what nobody carries, one round after the other."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dag_gateway.clock import Clock
from dag_gateway.store import Claim, Leases, Work

from .claims import choose
from .renewal import EVERY

_AT_ONCE = 100
"""Deployments in one claim: others want to write too, and to be heard."""

_SOON = 0.05
"""Seconds at most until the next round, when there is more to take, or somebody else took the same."""

OVERDUE = 5.0
"""Seconds after which a deployment is anybody's, whose share it ever was."""


class Claiming:
    """``limit`` is how many deployments a replica carries at once."""

    def __init__(self, leases: Leases, clock: Clock, limit: int) -> None:
        self._leases = leases
        self._clock = clock
        self._limit = limit
        self._seen_since: dict[int, float] = {}
        self._in_doubt = False
        self._more = False
        self.left_some = False
        """Whether the last round may have left something that could have been claimed."""

    @property
    def pause(self) -> float:
        """Seconds until another round is worth it though nobody woke us: a replica may have died."""
        if self._more:
            return random.uniform(0, _SOON)  # noqa: S311  spreads load, guards nothing
        return OVERDUE if self.left_some else EVERY

    def doubt(self) -> None:
        """This replica may hold claims that nobody works on: before the next round they are handed back."""
        self._in_doubt = True

    async def round(self, carried: Mapping[int, str]) -> Sequence[Claim]:
        """What is to be carried from now on. ``carried`` is what is already: the app of each, by number."""
        self._more = False
        if self._in_doubt:
            await self._clear_up(carried)
        room = self._limit - len(carried)
        if room <= 0:
            self.left_some = True
            return ()
        work = _without(await self._leases.work(room), carried)
        wanted = choose(work, Counter(carried.values()), self._limit, self._overdue(work))
        self.left_some = work.waiting > len(wanted)
        if not wanted:
            return ()
        try:
            claims = await self._leases.claim(wanted[:_AT_ONCE])
        except BaseException:
            # Nobody knows what is claimed.
            self.doubt()
            raise
        self._more = len(claims) < len(wanted)
        return claims

    async def _clear_up(self, carried: Mapping[int, str]) -> None:
        # Reset before: what is let go meanwhile is kept by this, and has to be cleared up in the next round.
        self._in_doubt = False
        try:
            await self._leases.keep_only(carried)
        except BaseException:
            self.doubt()
            raise

    def _overdue(self, work: Work) -> set[int]:
        now, before = self._clock.monotonic(), self._seen_since
        self._seen_since = {one.number: before.get(one.number, now) for one in work.claimable}
        return {number for number, since in self._seen_since.items() if now - since >= OVERDUE}


def _without(work: Work, carried: Mapping[int, str]) -> Work:
    """What was lost a moment ago may not have been let go yet."""
    return replace(work, claimable=[one for one in work.claimable if one.number not in carried])
