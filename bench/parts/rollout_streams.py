"""Those who listen: one SSE stream per deployment, and bare watches at the cluster as the floor."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

_LONGEST_LINE = 2**20
_PATIENCE = 60.0
"""Seconds for what has to come; a benchmark that waits longer has failed."""
_WATCHED = (
    "/apis/helm.toolkit.fluxcd.io/v2/helmreleases",
    "/apis/apps/v1/deployments",
    "/api/v1/pods",
)


@dataclass
class Stream:
    """The events of one deployment: when each came, on CLOCK_MONOTONIC, and its text."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: list[tuple[float, str]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Until the stream ends."""
        async for line in self.reader:
            if line.startswith(b"data:"):
                self.heard.append((time.monotonic(), line.decode()))
                self.news.set()

    async def told(self, *texts: str) -> None:
        """Wait for an event with one of the texts."""
        async with asyncio.timeout(_PATIENCE):
            while not any(text in said for _, said in self.heard for text in texts):
                self.news.clear()
                await self.news.wait()

    def first(self, text: str, after: float) -> float | None:
        """When the first such event came; None when none did."""
        return next((at for at, said in self.heard if at >= after and text in said), None)


@asynccontextmanager
async def listening(url: str, deployments: Sequence[str]) -> AsyncIterator[list[Stream]]:
    """One stream per deployment, all read at once."""
    address = urlsplit(url)
    streams = [await _opened(str(address.hostname), address.port or 80, deployment) for deployment in deployments]
    tasks = [asyncio.create_task(stream.listen()) for stream in streams]
    try:
        yield streams
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in streams:
            stream.writer.close()


async def _opened(host: str, port: int, deployment: str) -> Stream:
    reader, writer = await asyncio.open_connection(host, port, limit=_LONGEST_LINE)
    writer.write(f"GET /api/deployments/{deployment}/events HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.splitlines()[0]:
        raise RuntimeError(head.decode())
    return Stream(reader, writer)


@asynccontextmanager
async def watching(url: str, token: str) -> AsyncIterator[dict[str, float]]:
    """When each resource version arrived at a client that does nothing but read."""
    arrived: dict[str, float] = {}
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(url, headers=headers, read_bufsize=_LONGEST_LINE) as session:
        tasks = [asyncio.create_task(_watch(session, path, arrived)) for path in _WATCHED]
        try:
            yield arrived
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(session: aiohttp.ClientSession, path: str, arrived: dict[str, float]) -> None:
    async with session.get(path, params={"watch": "true"}, timeout=aiohttp.ClientTimeout(total=None)) as answer:
        async for line in answer.content:
            at = time.monotonic()
            arrived[json.loads(line)["object"]["metadata"]["resourceVersion"]] = at
