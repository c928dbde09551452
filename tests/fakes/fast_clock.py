"""A clock that runs faster than the machine's, so that graces of seconds pass in milliseconds."""

import asyncio
from datetime import datetime, timedelta

from dag_gateway.clock import SystemClock


class FastClock:
    """Starts at the real time and runs ``factor`` times as fast."""

    def __init__(self, factor: float = 1000.0) -> None:
        self._factor = factor
        self._start = SystemClock().now()

    def now(self) -> datetime:
        passed = (SystemClock().now() - self._start).total_seconds()
        return self._start + timedelta(seconds=passed * self._factor)

    def monotonic(self) -> float:
        return SystemClock().monotonic() * self._factor

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self._factor)
