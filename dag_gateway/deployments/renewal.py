"""Staying alive in the eyes of the others: the lease is renewed long before it ends, and what was lost is let go."""

from collections.abc import Callable, Collection, Mapping

import structlog

from dag_gateway.clock import Clock
from dag_gateway.errors import Temporary
from dag_gateway.store import ACCEPTED, LEASE, Leases

from .signals import Signals

log = structlog.get_logger(__name__)

EVERY = 10.0
"""Seconds between two renewals: two may fail before the lease ends."""

_AGAIN = 1.0


class Renewal:
    """``carried`` tells the lease of each deployment that is carried, by number; ``lose`` is told which are lost."""

    def __init__(
        self,
        leases: Leases,
        clock: Clock,
        signals: Signals,
        carried: Callable[[], Mapping[int, int]],
        lose: Callable[[Collection[int]], None],
    ) -> None:
        self._leases = leases
        self._clock = clock
        self._signals = signals
        self._carried = carried
        self._lose = lose
        self._until = clock.monotonic()

    def held(self) -> bool:
        """Whether nobody else can have claimed what is carried here. Safe to call in any thread.

        Counted from before each renewal was asked for, by a clock that nobody sets.
        """
        return self._clock.monotonic() < self._until

    async def run(self) -> None:
        """For ever. Begins with joining the others."""
        while True:
            pause = EVERY
            try:
                await self._renew()
            except Exception as error:
                unexpected = None if isinstance(error, Temporary) else error
                log.warning("the leases could not be renewed", why=str(error), exc_info=unexpected)
                pause = _AGAIN
            await self._clock.sleep(pause)

    async def _renew(self) -> None:
        began, carried = self._clock.monotonic(), dict(self._carried())
        newest = await self._leases.renew(carried) if self.held() else None
        if newest is None:
            self._lose(carried)
            await self._leases.join()
        else:
            self._lose([number for number, lease in carried.items() if newest.get(number, lease) != lease])
        # While it was not held, some may have been let go, and nothing was claimed.
        regained = not self.held()
        self._until = began + LEASE
        if regained:
            self._signals.wake(ACCEPTED)
