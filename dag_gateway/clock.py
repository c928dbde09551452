"""Time as a value: who needs the time is given a ``Clock``, so a test can own it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The wall clock and the only way to wait."""

    def now(self) -> datetime:
        """The time in UTC, timezone-aware."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less yields once to the event loop."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
