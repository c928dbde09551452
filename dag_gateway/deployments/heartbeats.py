"""One clock for the heartbeats of all streams: each gets one per period, and not all of them at once."""

import asyncio

from .subscription import Subscription

# Between two ticks, in seconds: the listeners share the ticks of a period evenly.
_TICK = 0.25


class Heartbeats:
    """``period`` is in seconds."""

    def __init__(self, period: float) -> None:
        turns = max(1, round(period / _TICK))
        self._pause = period / turns
        self._turns: list[set[Subscription]] = [set() for _ in range(turns)]
        self._next = 0

    def join(self, listener: Subscription) -> None:
        """From now on it gets heartbeats, the first within one period."""
        listener.turn = self._next
        self._turns[self._next].add(listener)
        self._next = (self._next + 1) % len(self._turns)

    def leave(self, listener: Subscription) -> None:
        """It gets no more. Leaving twice does nothing."""
        self._turns[listener.turn].discard(listener)

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            for turn in self._turns:
                await asyncio.sleep(self._pause)
                for listener in turn:
                    listener.beat()
