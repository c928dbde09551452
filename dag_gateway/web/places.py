"""Places that are taken for a while: so many in all, so many for one client address."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from dag_gateway.errors import TooMany

from .client_address import neighbourhood


class TooManyUploads(TooMany):
    """All places for uploads are taken."""

    code = "too_many_uploads"


class TooManyStreams(TooMany):
    """The client holds as many event streams as it may."""

    code = "too_many_streams"


class Lines:
    """A line for each client address, of which so many are let in at the same time, first come, first served."""

    def __init__(self, per_address: int) -> None:
        self._per_address = per_address
        self._lines: dict[str, _Line] = {}

    @contextmanager
    def of(self, address: str) -> Iterator[asyncio.Semaphore]:
        """The semaphore of one address; it is forgotten with the last who uses it."""
        key = neighbourhood(address)
        line = self._lines.setdefault(key, _Line(self._per_address))
        line.users += 1
        try:
            yield line
        finally:
            line.users -= 1
            if not line.users:
                del self._lines[key]


class UploadPlaces:
    """Who finds none free waits for a bounded time, first come, first served."""

    def __init__(self, total: int, per_address: int, patience: float) -> None:
        """``patience`` is how long one waits, in seconds."""
        self._total = asyncio.Semaphore(total)
        self._lines = Lines(per_address)
        self._patience = patience
        self._refusal = (
            f"no place became free within {patience:g} s (server.limits.upload_wait): {total} uploads are taken in at "
            f"the same time (uploads), {per_address} of one address (uploads_per_address); try again"
        )

    @asynccontextmanager
    async def one(self, address: str) -> AsyncIterator[None]:
        """A place for as long as the block runs. Raises TooManyUploads."""
        with self._lines.of(address) as own:
            async with AsyncExitStack() as stack:
                try:
                    async with asyncio.timeout(self._patience):
                        await stack.enter_async_context(own)
                        await stack.enter_async_context(self._total)
                except TimeoutError:
                    raise TooManyUploads(self._refusal) from None
                yield


class _Line(asyncio.Semaphore):
    """Knows how many wait for it or have a place."""

    users = 0


class StreamPlaces:
    """Nobody waits: a stream may stay for hours."""

    def __init__(self, per_address: int) -> None:
        """0: any number."""
        self._per_address = per_address
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, address: str) -> Iterator[None]:
        """A place for as long as the block runs. Raises TooManyStreams."""
        key = neighbourhood(address)
        if self._per_address and self._open[key] >= self._per_address:
            limit = f"{self._per_address} (server.limits.streams_per_address)"
            raise TooManyStreams(f"{address} has as many event streams open as it may: {limit}", retry_after=30.0)
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]
