"""The threads of one repository: git blocks, and a dead remote must not take the threads of another."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """Closed by whoever opened it."""

    def __init__(self, name: str, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, name)

    async def run(self, work: Callable[[], T]) -> T:
        """Who gives up waiting leaves the work running to its end; its result is dropped."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def aclose(self) -> None:
        """Drop what has not begun and wait for the rest."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
