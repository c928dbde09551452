"""Those who listen, by the thousand: one connection each, and a note of what came when."""

import asyncio
import re
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import accumulate

_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)
_AT_ONCE = 100
_SOURCES = 40
"""Addresses of the loopback network: one alone has ports for some twenty thousand connections."""
_PATIENCE = 120.0


class Listener(asyncio.Protocol):
    """One stream. ``deployment`` is the number of what it listens to."""

    __slots__ = ("_crowd", "_request", "chunks", "deployment", "greeted", "times", "transport")

    def __init__(self, crowd: "Crowd", deployment: int, request: bytes) -> None:
        self.deployment = deployment
        self.chunks: list[bytes] = []
        self.times: list[float] = []
        self.greeted = asyncio.Event()
        self.transport: asyncio.Transport | None = None
        self._crowd = crowd
        self._request = request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.times.append(time.monotonic())
        self.chunks.append(data)
        events = data.count(b"\nid: ")
        if events:
            self._crowd.heard += events
            self._crowd.news.set()
            self.greeted.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.gone += 1
        self._crowd.news.set()

    def heard(self) -> list[tuple[int, float]]:
        """The numbers of the events in the order in which they came, and when they had come."""
        ends = list(accumulate(map(len, self.chunks)))
        found = _ID.finditer(b"".join(self.chunks))
        return [(int(match[1]), self.times[bisect_left(ends, match.end())]) for match in found]


class Crowd:
    """``heard`` counts the events of all, ``gone`` the streams that have ended."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.heard = 0
        self.gone = 0
        self.news = asyncio.Event()

    async def until(self, heard: int) -> None:
        """Wait until so many events have come. Raises TimeoutError."""
        async with asyncio.timeout(_PATIENCE):
            while self.heard < heard:
                await self._more()

    async def ended(self) -> None:
        """Wait until all streams have ended. Raises TimeoutError."""
        async with asyncio.timeout(_PATIENCE):
            while self.gone < len(self.listeners):
                await self._more()

    async def _more(self) -> None:
        self.news.clear()
        await self.news.wait()

    async def come(self, port: int, ids: Sequence[str], each: int) -> None:
        """``each`` listeners per deployment, which have all heard where it stands."""
        room = asyncio.Semaphore(_AT_ONCE)

        async def listen(number: int) -> None:
            deployment = number % len(ids)
            listener = Listener(self, deployment, _request(ids[deployment]))
            self.listeners.append(listener)
            async with room:
                source = (f"127.0.0.{2 + number % _SOURCES}", 0)
                await loop.create_connection(lambda: listener, "127.0.0.1", port, local_addr=source)
                await listener.greeted.wait()

        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(*map(listen, range(len(ids) * each)))

    def leave(self) -> None:
        for listener in self.listeners:
            if listener.transport:
                listener.transport.abort()


@asynccontextmanager
async def crowd() -> AsyncIterator[Crowd]:
    """Whoever still listens at the end leaves."""
    listeners = Crowd()
    try:
        yield listeners
    finally:
        listeners.leave()


def _request(deployment: str) -> bytes:
    path = f"/api/deployments/{deployment}/events"
    return f"GET {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n".encode()
