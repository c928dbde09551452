"""Listeners that go from one replica to another while events are written hear each event exactly once."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from dag_gateway.clock import SystemClock
from dag_gateway.deployments.feed import Feed
from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.signals import Signals
from dag_gateway.deployments.subscription import HEARTBEAT
from dag_gateway.model.deployment import Deployment
from dag_gateway.model.event import status_news
from dag_gateway.model.health import progressing
from dag_gateway.model.reason import Reason
from dag_gateway.store import Database, DeploymentStore, open_wakeups, upgrade
from tests.fakes.deployments import NOON, TARGET, a_deployment
from tests.fakes.postgres import TWO_DATABASES, PostgresServer

EVENTS, LISTENERS = 60, 20
_HANGS = 120.0


@dataclass(frozen=True)
class Replica:
    """The part of a gateway process that stores and streams."""

    store: DeploymentStore
    signals: Signals
    feed: Feed

    def journal(self, deployment: Deployment) -> Journal:
        return Journal(deployment, self.store, self.signals, self.feed, SystemClock())


@asynccontextmanager
async def a_replica(url: str) -> AsyncIterator[Replica]:
    signals = Signals()
    async with Database(url) as database:
        await upgrade(database)
        store = DeploymentStore(database)
        async with (
            Feed(store, signals, heartbeat=60.0) as feed,
            open_wakeups(database, SystemClock(), signals.wake, signals.wake_all),
        ):
            yield Replica(store, signals, feed)


@pytest.fixture(params=TWO_DATABASES)
async def replicas(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sequence[Replica]]:
    """One on SQLite, two on PostgreSQL."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            yield [await stack.enter_async_context(a_replica(f"sqlite:///{tmp_path}/gateway.db"))]
            return
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = await server.new_database()
        yield [await stack.enter_async_context(a_replica(url)) for _ in range(2)]


async def test_who_hops_between_replicas_hears_everything_once(replicas: Sequence[Replica]) -> None:
    fresh = a_deployment()
    stored = await replicas[0].store.accept(fresh, b"", status_news(fresh, NOON))
    hearing = [asyncio.create_task(hop(replicas, stored.id, seed)) for seed in range(LISTENERS)]
    await write(replicas, stored)
    async with asyncio.timeout(_HANGS):
        heard = await asyncio.gather(*hearing)
    assert heard == [list(range(1, EVENTS + 1))] * LISTENERS
    ends = [await replica.feed.stream(stored.id, EVENTS) for replica in replicas]
    assert ends == [None] * len(replicas)


async def write(replicas: Sequence[Replica], stored: Deployment) -> None:
    """All events but the first, by all replicas in turn, as after a lease went from one to the other.

    The last two are the end of the target and that of the deployment.
    """
    for number in range(2, EVENTS - 1):
        journal = replicas[number % len(replicas)].journal(stored)
        await journal.reload()
        await journal.observe(TARGET.id, progressing(f"event {number}"))
    await journal.move(journal.deployment.failed(Reason.TIMEOUT, f"event {EVENTS}"))


async def hop(replicas: Sequence[Replica], deployment_id: str, seed: int) -> list[int]:
    """The numbers of the events, heard from one replica after the other, a few at a time."""
    chance, heard = random.Random(seed), list[int]()
    while True:
        stream = await chance.choice(replicas).feed.stream(deployment_id, heard[-1] if heard else 0)
        if stream is None:
            return heard
        with closing(stream):
            for _ in range(chance.randint(1, 6)):
                frame = await anext(stream, None)
                if frame is None:
                    return heard
                if frame != HEARTBEAT:
                    heard.append(int(frame.split(b"\n", 1)[0].removeprefix(b"id: ")))
