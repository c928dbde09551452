"""A rollout that is being followed while a test goes on changing the cluster."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from dag_gateway.model.health import Health, Verdict

_PATIENCE = 60.0
"""Seconds after which a test that waits for something has failed; far beyond what any machine needs."""


class Followed:
    """What was told so far."""

    def __init__(self) -> None:
        self.told: list[Health] = []
        self._news = asyncio.Condition()
        self._ended = False

    async def message(self, text: str) -> Health:
        """The first health whose message contains ``text``, once it was told."""
        return await self._first(lambda health: text in health.message)

    async def verdict(self, verdict: Verdict) -> Health:
        return await self._first(lambda health: health.verdict is verdict)

    async def end(self) -> Health:
        """The last health, once the rollout has ended."""
        async with asyncio.timeout(_PATIENCE), self._news:
            await self._news.wait_for(lambda: self._ended)
        return self.told[-1]

    async def listen(self, healths: AsyncGenerator[Health, None]) -> None:
        try:
            async with aclosing(healths):
                async for health in healths:
                    async with self._news:
                        self.told.append(health)
                        self._news.notify_all()
        finally:
            async with self._news:
                self._ended = True
                self._news.notify_all()

    async def _first(self, wanted: Callable[[Health], bool]) -> Health:
        def found() -> bool:
            return self._ended or any(map(wanted, self.told))

        async with asyncio.timeout(_PATIENCE), self._news:
            await self._news.wait_for(found)
        matching = [health for health in self.told if wanted(health)]
        assert matching, f"the rollout ended without it: {self.told}"
        return matching[0]


@asynccontextmanager
async def followed(healths: AsyncGenerator[Health, None]) -> AsyncIterator[Followed]:
    """Listens until the block is left; an error of the rollout is raised there."""
    listener = Followed()
    task = asyncio.create_task(listener.listen(healths))
    try:
        yield listener
    finally:
        if not task.done():
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()
