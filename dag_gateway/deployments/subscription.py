"""One listener of a deployment: what it was given so far, and what it waits for."""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Self

from .transcript import Transcript

HEARTBEAT = b"event: heartbeat\ndata: {}\n\n"
FAREWELLS = tuple(
    b": this stream ends here; it goes on when you come back\nretry: %d\n\n" % pause for pause in range(500, 2500, 50)
)
"""Milliseconds: thousands are sent away at the same time, and should not come back so."""

# A listener that is so many new events behind is sent away, to come back for them. What it held meanwhile is its
# connection: the frames are the same for all.
BACKLOG = 256


class Subscription:
    """An async iterator of frames, for one task, to the terminal event, one of ``FAREWELLS``, or until it is closed.

    Whoever has one closes it. ``turn`` is its place on the clock of the heartbeats.
    """

    __slots__ = (
        "_beat",
        "_ending",
        "_first",
        "_leave",
        "_leaving",
        "_met",
        "_over",
        "_position",
        "_transcript",
        "_waiter",
        "turn",
    )

    def __init__(
        self, transcript: Transcript, position: int, first: Iterable[bytes], leave: Callable[["Subscription"], None]
    ) -> None:
        """``position`` is the number of the last event that the listener had, ``first`` comes before all others."""
        self.turn = 0
        self._transcript = transcript
        self._position = position
        self._met = transcript.last
        self._first: Iterator[bytes] | None = iter(first)
        self._leave = leave
        self._beat = self._ending = self._leaving = self._over = False
        self._waiter: asyncio.Future[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while (frame := self._next()) is None:
            if self._over:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return frame

    def wake(self) -> None:
        """There may be something to hand out."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def beat(self) -> None:
        """Say that the stream is alive."""
        self._beat = True
        self.wake()

    def finish(self) -> None:
        """Nothing comes behind what the transcript has."""
        self._ending = True
        self.wake()

    def dismiss(self) -> None:
        """End with an invitation to come back."""
        self._leaving = True
        self.wake()

    def close(self) -> None:
        """Nobody listens any more, also when called from beside the task that iterates."""
        self._over = True
        self._first = None
        self.wake()
        self._leave(self)

    def _next(self) -> bytes | None:
        """What there is to hand out now."""
        if self._over:
            return None
        if self._first is not None:
            if (frame := next(self._first, None)) is not None:
                return frame
            self._first = None
        return self._event() or self._sign()

    def _event(self) -> bytes | None:
        last = self._transcript.last
        if self._position == last:
            return None
        if last - max(self._position, self._met) > BACKLOG:
            return self._farewell()
        self._position += 1
        return self._transcript.frame(self._position)

    def _sign(self) -> bytes | None:
        """What is said when there is no event to tell."""
        if self._ending:
            self._over = True
        elif self._leaving:
            return self._farewell()
        elif self._beat:
            self._beat = False
            return HEARTBEAT
        return None

    def _farewell(self) -> bytes:
        self._over = True
        return random.choice(FAREWELLS)  # noqa: S311  spreads load, guards nothing
