"""Deployments that were pushed, and clusters that say of them what a test wants."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from dag_gateway.charts import Limits
from dag_gateway.clusters import Clusters
from dag_gateway.clusters.follower import Contains
from dag_gateway.deployments.feed import Feed
from dag_gateway.deployments.signals import Signals
from dag_gateway.deployments.tools import Tools
from dag_gateway.helm import Helm
from dag_gateway.iac import Iac
from dag_gateway.model.deployment import Deployment, Status, fresh_targets
from dag_gateway.model.event import status_news
from dag_gateway.model.health import Health, healthy, progressing
from dag_gateway.model.target import Goal, Target
from dag_gateway.store import Database, DeploymentStore, StoreUnavailable, upgrade
from tests.fakes.deployments import TARGET, a_deployment
from tests.fakes.fast_clock import FastClock

CLOCK = FastClock(20)
NOW = CLOCK.now()
TO_MONITORING = (Status.VALIDATING, Status.PUSHING, Status.PUSHED, Status.MONITORING)


class SlowCluster(Clusters):
    """A cluster where everything is on its way until the test says that it is ``done``.

    ``first`` are the healths that targets have before, by release; an exception is raised. ``goals`` is what was to be
    proven.
    """

    def __init__(self, first: Mapping[str, Health | Exception]) -> None:
        super().__init__({}, CLOCK)
        self.done = asyncio.Event()
        self.goals: list[Goal] = []
        self._first = first

    async def follow(self, target: Target, goal: Goal, contains: Contains) -> AsyncGenerator[Health, None]:
        self.goals.append(goal)
        told = self._first.get(target.release, progressing(f"{target.release} is on its way"))
        if isinstance(told, Exception):
            raise told
        yield told
        await self.done.wait()
        yield healthy(f"{goal.chart_version} is up")


class ForgetfulStore(DeploymentStore):
    """A database that is in ``trouble`` at the first question about newer deployments."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.away = True
        self.trouble: Exception = StoreUnavailable("the database is away")
        self.answered = asyncio.Event()

    async def newest_pushed(self, deployment: Deployment) -> Deployment | None:
        if self.away:
            self.away = False
            raise self.trouble
        self.answered.set()
        return await super().newest_pushed(deployment)


@asynccontextmanager
async def opened(
    folder: Path, first: Mapping[str, Health | Exception] | None = None
) -> AsyncIterator[tuple[Tools, SlowCluster, ForgetfulStore]]:
    async with Database(f"sqlite:///{folder}/gateway.db") as database:
        await upgrade(database)
        clusters, store = SlowCluster(first or {}), ForgetfulStore(database)
        yield following(store, clusters, Iac({}, folder, CLOCK)), clusters, store


def following(store: DeploymentStore, clusters: Clusters, iac: Iac) -> Tools:
    """Tools for what comes behind the validation."""
    signals = Signals()
    feed = Feed(store, signals, heartbeat=60.0)
    limits = Limits(unpacked=10**6, file=10**6, entries=100)
    return Tools(store, Helm(), iac, clusters, CLOCK, signals, feed, limits, {})


async def monitored(
    store: DeploymentStore,
    id_: str,
    digest: str = "aa" * 32,
    version: str = "1.0.0",
    commit: str = "c1",
    *,
    timeout: float = 3600.0,
    accepted_at: datetime | None = None,
    others: tuple[Target, ...] = (),
) -> Deployment:
    """A deployment that was pushed, and is recorded as followed at ``web`` and at the ``others``.

    ``accepted_at`` is None for now, by the clock that all these share.
    """
    targets = fresh_targets(replace(target, timeout=timeout) for target in (TARGET, *others))
    accepted_at = accepted_at or CLOCK.now()
    fresh = a_deployment(id=id_, number=0, chart_digest=digest, accepted_at=accepted_at, targets=targets)
    fresh = replace(fresh, identity=replace(fresh.identity, job_id=id_))
    old = await store.accept(fresh, b"", status_news(fresh, NOW))
    for status in TO_MONITORING:
        new = old.after(status, "on its way", commit=commit, chart_version=version)
        await store.record(old, new, [status_news(new, NOW)], lease=0)
        old = new
    return old
