"""A clock whose waits take no time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class SkippingClock:
    """Stands still but for what is slept; ``on_sleep`` runs at the start of every wait."""

    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    slept: list[float] = field(default_factory=list)
    on_sleep: Callable[[], None] | None = None

    def now(self) -> datetime:
        return self.start + timedelta(seconds=sum(self.slept))

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        if self.on_sleep:
            self.on_sleep()
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def within(self, seconds: float) -> datetime:
        """A deadline."""
        return self.now() + timedelta(seconds=seconds)
