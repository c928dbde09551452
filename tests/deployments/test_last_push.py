"""A runner that ends in the middle of a push: it waits a moment for it, and hands back where things stand."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import text

from dag_gateway.charts import pack
from dag_gateway.clock import Clock, SystemClock
from dag_gateway.deployments.runner import Runner
from dag_gateway.deployments.tools import Tools
from dag_gateway.iac import Iac, create_bare
from dag_gateway.model.deployment import Status, fresh_targets
from dag_gateway.model.event import status_news
from dag_gateway.store import Database, DeploymentStore, Leases, Replica, upgrade
from tests.fakes.deployments import TARGET, a_deployment
from tests.fakes.followed_deployments import CLOCK, NOW, SlowCluster, following
from tests.fakes.git_http import Fault, serving_git
from tests.fakes.manual_clock import ManualClock
from tests.fakes.world import chart_files

_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""


@dataclass
class HeldPush:
    """What a runner needs to carry one deployment, and a git server that keeps its push until ``release``."""

    tools: Tools
    database: Database
    arrived: threading.Event
    release: threading.Event

    def runner(self, clock: Clock) -> Runner:
        return Runner(self.tools, Leases(self.database, Replica("r1", "r1")), 100, clock)

    async def under_way(self) -> None:
        await asyncio.to_thread(self.arrived.wait, _PATIENCE)

    async def left(self) -> tuple[str, str | None]:
        """Where the deployment stands, and who has it."""
        async with self.database.read() as connection:
            row = (await connection.execute(text("SELECT status, replica FROM deployments"))).one()
            return row.status, row.replica


@pytest.fixture
async def held(tmp_path: Path) -> AsyncIterator[HeldPush]:
    arrived, release = threading.Event(), threading.Event()
    create_bare(tmp_path / "iac.git")
    async with AsyncExitStack() as stack:
        server = stack.enter_context(serving_git(tmp_path))
        database = await stack.enter_async_context(Database(f"sqlite:///{tmp_path}/gateway.db"))
        await upgrade(database)
        store = DeploymentStore(database)
        iac = await stack.enter_async_context(Iac({"iac": server.settings()}, tmp_path / "data", CLOCK))
        stack.callback(release.set)
        tools = following(store, SlowCluster({}), iac)
        await stack.enter_async_context(tools.helm)
        targets = fresh_targets([replace(TARGET, timeout=36_000.0)])
        fresh = a_deployment(accepted_at=CLOCK.now(), targets=targets)
        old = await store.accept(fresh, pack("web", chart_files()), status_news(fresh, NOW))
        for status in (Status.VALIDATING, Status.PUSHING):
            new = old.after(status, f"now {status}")
            await store.record(old, new, [status_news(new, NOW)], lease=0)
            old = new

        def hold() -> None:
            arrived.set()
            release.wait(_PATIENCE)

        server.faults.append(Fault(before=hold))
        yield HeldPush(tools, database, arrived, release)


async def test_a_push_that_is_answered_in_time_is_recorded_before_the_rest_is_handed_back(held: HeldPush) -> None:
    async with asyncio.timeout(_PATIENCE), held.runner(ManualClock()):
        await held.under_way()
        asyncio.get_running_loop().call_soon(held.release.set)
    assert await held.left() == ("pushed", None)


async def test_a_push_without_an_answer_is_left_to_whoever_goes_on(held: HeldPush) -> None:
    async with asyncio.timeout(_PATIENCE), held.runner(SystemClock()):
        await held.under_way()
    assert await held.left() == ("pushing", None)


async def test_in_a_hurry_nobody_waits_for_a_push(held: HeldPush) -> None:
    async with asyncio.timeout(_PATIENCE), held.runner(ManualClock()) as runner:
        await held.under_way()
        runner.hurry()
    assert await held.left() == ("pushing", None)
