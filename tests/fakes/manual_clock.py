"""A clock that stands still until a test lets time pass, or sets it."""

import asyncio
from datetime import datetime, timedelta

from dag_gateway.clock import SystemClock


class ManualClock:
    """Starts at the real time; who sleeps is woken by ``advance``. ``jump`` sets the wall clock only."""

    def __init__(self) -> None:
        self._now = SystemClock().now()
        self._passed = timedelta()
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._passed.total_seconds()

    def jump(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._passed += timedelta(seconds=seconds)
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        until = self._passed + timedelta(seconds=seconds)
        await asyncio.sleep(0)
        while self._passed < until:
            await self._moved.wait()
