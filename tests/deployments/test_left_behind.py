"""A deployment that its own replica has let go, and nobody else has claimed: somebody carries it on all the same."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import text
from structlog.testing import capture_logs

from dag_gateway.deployments.runner import Runner
from dag_gateway.iac import Iac
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import Event, News, status_news
from dag_gateway.store import Database, DeploymentStore, Leases, Replica, StoreUnavailable, upgrade
from tests.fakes.database_trouble import locked
from tests.fakes.deployments import a_deployment
from tests.fakes.followed_deployments import CLOCK, NOW, SlowCluster, following, monitored
from tests.fakes.manual_clock import ManualClock

_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""

ME = Replica("r1", "r1")


class LateStore(DeploymentStore):
    """The commit of its first move is not answered, and takes place when nobody expects it any more."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._first: tuple[Deployment, Deployment, Sequence[News], int] | None = None
        self._late = True

    async def record(self, old: Deployment, new: Deployment, news: Sequence[News], lease: int) -> Sequence[Event]:
        if self._first is None:
            self._first = old, new, news, lease
            raise StoreUnavailable("the answer was lost")
        if self._late:
            self._late = False
            await super().record(*self._first)
        return await super().record(old, new, news, lease)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Database]:
    async with Database(f"sqlite:///{folder}/gateway.db") as database:
        await upgrade(database)
        yield database


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not condition():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.001)


async def end_of(store: DeploymentStore, name: str) -> Status:
    async with asyncio.timeout(_PATIENCE):
        while not (status := (await store.get(name)).deployment.status).terminal:  # noqa: ASYNC110  nobody tells here
            await asyncio.sleep(0.001)
    return status


async def lease(database: Database, name: str) -> tuple[int, str | None]:
    """Its number, and who holds it."""
    async with database.read() as connection:
        query = text("SELECT lease, replica FROM deployments WHERE id = :id")
        row = (await connection.execute(query, {"id": name})).one()
        return row.lease, row.replica


async def test_what_was_let_go_while_a_renewal_took_too_long_is_carried_on(tmp_path: Path) -> None:
    clusters, clock = SlowCluster({}), ManualClock()
    async with opened(tmp_path) as database:
        tools = following(DeploymentStore(database), clusters, Iac({}, tmp_path, CLOCK))
        deployment = await monitored(tools.store, "d1")
        with capture_logs() as logs:
            async with Runner(tools, Leases(database, ME), 100, clock):
                await until(lambda: len(clusters.goals) == 1)
                async with locked(tmp_path):
                    clock.advance(10)
                    for _ in range(20):
                        # The renewal begins while the lease holds, and waits for the lock.
                        await asyncio.sleep(0)
                    clock.advance(21)
                    clusters.done.set()
                    await until(lambda: any(line["event"].startswith("left to") for line in logs))
                assert await end_of(tools.store, deployment.id) is Status.DEPLOYED
        assert await lease(database, deployment.id) == (2, "r1")


async def test_what_was_let_go_because_of_a_late_commit_of_ones_own_is_carried_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        store = LateStore(database)
        tools = following(store, SlowCluster({}), Iac({}, tmp_path, CLOCK))
        fresh = a_deployment(accepted_at=NOW)
        await store.accept(fresh, b"no chart", status_news(fresh, NOW))
        async with tools.helm, Runner(tools, Leases(database, ME), 100, ManualClock()):
            assert await end_of(store, fresh.id) is Status.FAILED
        assert await lease(database, fresh.id) == (2, "r1")
