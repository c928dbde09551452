"""A few places for very many: every client gets one in its turn, however many requests it sends."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

# A place goes on to the next after so many seconds, even if whoever has it is not done: a client that sends slowly or a
# forge that answers slowly needs no processor, and must not keep the others waiting.
_HELD = 0.25
# The pause, in seconds, before a place goes on: time for everybody who needs none.
_REST = 0.02


class NoTurn(Exception):
    """None came in time, or the client has as many requests waiting as it may."""


class Turns:
    """Clients take turns; the requests of one client are served first come, first served."""

    def __init__(self, places: int, waiting: int, patience: float) -> None:
        """``waiting``: requests of one client; ``patience``: how long each of them waits, in seconds."""
        self._free = places
        self._waiting = waiting
        self._patience = patience
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._queues.values()))

    @asynccontextmanager
    async def one(self, client: str) -> AsyncIterator[None]:
        """A place, for as long as the block runs at most. Raises NoTurn."""
        if self._free:
            self._free -= 1
        else:
            await self._turn(client)
        give_back = self._lend()
        try:
            yield
        finally:
            give_back()

    async def _turn(self, client: str) -> None:
        queue = self._queues.setdefault(client, deque())
        if len(queue) >= self._waiting:
            raise NoTurn
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except TimeoutError:
            self._leave(client, turn)
            raise NoTurn from None
        except asyncio.CancelledError:
            self._leave(client, turn)
            raise

    def _leave(self, client: str, turn: asyncio.Future[None]) -> None:
        """Wait no longer; a place that came at the last moment goes on."""
        if not turn.cancelled():
            self._pass_on()
            return
        queue = self._queues.get(client, deque())
        if turn in queue:
            queue.remove(turn)
            if not queue:
                del self._queues[client]

    def _lend(self) -> Callable[[], None]:
        """What gives the place back, unless the clock did so before."""
        loop = asyncio.get_running_loop()

        def give_back() -> None:
            if not held.cancelled():
                held.cancel()
                loop.call_later(_REST, self._pass_on)

        held = loop.call_later(_HELD, give_back)
        return give_back

    def _pass_on(self) -> None:
        """The next one of the client whose turn it is gets the place."""
        while self._queues:
            client, queue = self._queues.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._queues[client] = queue
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
