"""A rollout that is being followed while a test goes on changing the cluster."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from dag_gateway.clock import Clock
from dag_gateway.clusters.api import Api
from dag_gateway.clusters.connected import Connected
from dag_gateway.clusters.follower import Contains, Follower
from dag_gateway.clusters.informers import Informers
from dag_gateway.clusters.shared_lists import SharedLists
from dag_gateway.clusters.trackers import TRACKERS, Charts
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Health, Verdict
from dag_gateway.model.target import Goal, Target
from tests.fakes.fast_clock import FastClock

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


@asynccontextmanager
async def following(
    api: Api, target: Target, goal: Goal, contains: Contains, clock: Clock | None = None
) -> AsyncIterator[Followed]:
    """The only follower at a cluster whose edge may be one that misbehaves."""
    clock = clock or FastClock(50)
    informers = Informers(api, clock)
    lists = SharedLists(api, informers.count)
    cluster = Connected(api, informers, lists, clock, ClusterSettings(server="http://not-used"))
    rollout = TRACKERS[target.tracker](target, Charts(goal.expected, goal.earlier), cluster.settings.patience)
    follower = Follower(cluster, rollout, goal, contains, nudge=target.nudge)
    try:
        async with followed(follower.healths()) as listener:
            yield listener
    finally:
        await lists.aclose()
        await informers.aclose()
