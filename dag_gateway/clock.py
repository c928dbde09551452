"""Time as a value: who needs the time is given a ``Clock``, so a test can own it."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The wall clock, the time that passes, and the only way to wait."""

    def now(self) -> datetime:
        """The time in UTC, timezone-aware. Somebody may set it, so it may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds from an unknown start; they pass whatever becomes of the wall clock."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less yields once to the event loop."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class SteadyClock:
    """The wall clock as it was at the beginning, and the time that has passed since: nobody sets it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.now() - timedelta(seconds=clock.monotonic())

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._clock.monotonic())

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
