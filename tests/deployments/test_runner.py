"""One replica at work: it carries what it has claimed as long as its lease lasts, and hands back what is left."""

import asyncio
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from dag_gateway.deployments.runner import Runner
from dag_gateway.deployments.tools import Tools
from dag_gateway.iac import Iac
from dag_gateway.model.deployment import Status
from dag_gateway.model.event import status_news
from dag_gateway.store import Database, DeploymentStore, Leases, Replica, upgrade
from tests.fakes.database_trouble import execute, table_away
from tests.fakes.deployments import a_deployment
from tests.fakes.followed_deployments import CLOCK, NOW, SlowCluster, following, monitored
from tests.fakes.manual_clock import ManualClock

NOT_RENEWED = "the leases could not be renewed"
LEFT = "left to whoever claims it"
_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""


@dataclass
class Place:
    """A database with a cluster where everything is on its way until the test says that it is done."""

    database: Database
    clusters: SlowCluster
    tools: Tools
    clock: ManualClock
    folder: Path

    @property
    def followed(self) -> list[str]:
        """The deployments that somebody has begun to follow."""
        return [goal.commit for goal in self.clusters.goals]

    async def left(self, count: int) -> list[str]:
        """Deployments that somebody has left behind at ``monitoring``."""
        names = [f"d{number}" for number in range(1, count + 1)]
        for name in names:
            await monitored(self.tools.store, name, commit=name)
        return names

    def runner(self, limit: int = 100, name: str = "r1") -> Runner:
        return Runner(self.tools, Leases(self.database, Replica(name, name)), limit, self.clock)

    async def status(self, name: str) -> Status:
        return (await self.tools.store.get(name)).deployment.status

    async def leases(self) -> dict[str, tuple[int, str | None]]:
        """Number and holder of the lease of each deployment."""
        async with self.database.read() as connection:
            rows = await connection.execute(text("SELECT id, lease, replica FROM deployments ORDER BY number"))
            return {row.id: (row.lease, row.replica) for row in rows}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with Database(f"sqlite:///{tmp_path}/gateway.db", patience=0.1) as database:
        await upgrade(database)
        clusters = SlowCluster({})
        tools = following(DeploymentStore(database), clusters, Iac({}, tmp_path, CLOCK))
        async with tools.helm:
            yield Place(database, clusters, tools, ManualClock(), tmp_path)


def count(logs: Sequence[MutableMapping[str, Any]], event: str) -> int:
    return sum(line["event"] == event for line in logs)


def told(logs: Sequence[MutableMapping[str, Any]], event: str, times: int) -> bool:
    return count(logs, event) == times


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not condition():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.001)


async def ended(place: Place, *names: str) -> None:
    async with asyncio.timeout(_PATIENCE):
        for name in names:
            while not (await place.status(name)).terminal:  # noqa: ASYNC110  nobody tells of it here
                await asyncio.sleep(0.001)


@asynccontextmanager
async def at_work(place: Place, limit: int = 100) -> AsyncIterator[Runner]:
    async with place.runner(limit) as runner:
        yield runner


async def test_what_was_left_is_carried_on_and_what_ends_makes_room(place: Place) -> None:
    names = await place.left(5)
    async with at_work(place, limit=2):
        await until(lambda: len(place.followed) == 2)
        assert [replica for _, replica in (await place.leases()).values()].count("r1") == 2
        place.clusters.done.set()
        await ended(place, *names)
    assert place.followed == names
    assert {lease for lease, _ in (await place.leases()).values()} == {1}


async def test_what_is_accepted_wakes_the_runner(place: Place) -> None:
    place.clusters.done.set()
    async with at_work(place):
        await until(lambda: len(place.tools.signals) > 0)
        fresh = a_deployment(accepted_at=NOW)
        await place.tools.store.accept(fresh, b"no chart", status_news(fresh, NOW))
        place.tools.signals.wake("accepted")
        await ended(place, fresh.id)
    assert await place.status(fresh.id) is Status.FAILED


async def test_whoever_drains_claims_nothing_new_and_carries_on_what_it_has(place: Place) -> None:
    [first] = await place.left(1)
    async with at_work(place) as runner:
        await until(lambda: place.followed == [first])
        runner.drain()
        await monitored(place.tools.store, "late", commit="late")
        place.tools.signals.wake("accepted")
        place.clusters.done.set()
        await ended(place, first)
    assert place.followed == [first]
    assert (await place.leases())["late"] == (0, None)


async def test_at_the_end_everything_is_handed_back_for_others_to_go_on(place: Place) -> None:
    names = await place.left(3)
    async with at_work(place):
        await until(lambda: len(place.followed) == 3)
    assert set((await place.leases()).values()) == {(1, None)}
    async with place.runner(name="r2"):
        await until(lambda: len(place.followed) == 6)
        place.clusters.done.set()
        await ended(place, *names)


async def test_what_somebody_else_has_claimed_is_let_go_and_nothing_else_is(place: Place) -> None:
    await place.left(2)
    with capture_logs() as logs:
        async with at_work(place):
            await until(lambda: len(place.followed) == 2)
            await execute(place.folder, "INSERT INTO replicas VALUES ('r2', 'r2', 30000)")
            await execute(place.folder, "UPDATE deployments SET lease = lease + 1, replica = 'r2' WHERE id = 'd1'")
            place.clock.advance(10)
            await until(lambda: count(logs, LEFT) == 1)
            place.clusters.done.set()
            await ended(place, "d2")
    assert [line["deployment"] for line in logs if line["event"] == LEFT] == ["d1"]
    assert await place.status("d1") is Status.MONITORING


async def test_whoever_can_not_renew_stops_everything_and_begins_again_when_the_database_is_back(place: Place) -> None:
    names = await place.left(2)
    with capture_logs() as logs:
        async with at_work(place):
            await until(lambda: len(place.followed) == 2)
            async with table_away(place.folder, "replicas"):
                for failures, seconds in enumerate((10, 1, 18), start=1):
                    place.clock.advance(seconds)
                    await until(partial(told, logs, NOT_RENEWED, failures))
                assert count(logs, LEFT) == 0
                place.clock.advance(1)
                await until(lambda: count(logs, LEFT) == 2)
            place.clock.advance(1)
            await until(lambda: len(place.followed) == 4)
            place.clusters.done.set()
            await ended(place, *names)
    assert set((await place.leases()).values()) == {(2, "r1")}


async def test_a_wall_clock_that_is_set_ends_no_lease(place: Place) -> None:
    await place.left(1)
    with capture_logs() as logs:
        async with at_work(place):
            await until(lambda: len(place.followed) == 1)
            for hours in (1, -2):
                place.clock.jump(3600 * hours)
                place.clock.advance(10)
            place.clusters.done.set()
            await ended(place, "d1")
    assert count(logs, LEFT) == 0
    assert (await place.leases())["d1"] == (1, "r1")


async def test_a_writer_whose_lease_is_over_by_its_own_clock_writes_nothing(place: Place) -> None:
    await place.left(1)
    with capture_logs() as logs:
        async with at_work(place):
            await until(lambda: len(place.followed) == 1)
            async with table_away(place.folder, "replicas"):
                place.clock.advance(31)
                place.clusters.done.set()
                await until(lambda: count(logs, LEFT) == 1)
                assert await place.status("d1") is Status.MONITORING
