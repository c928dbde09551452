"""Two replicas on one PostgreSQL: the work is shared, and whoever takes over finds what the other has done."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import text

from dag_gateway.charts import pack
from dag_gateway.clock import SystemClock
from dag_gateway.config import RepositorySettings
from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.pipeline import advance
from dag_gateway.deployments.publish import publish
from dag_gateway.deployments.runner import Runner
from dag_gateway.deployments.tools import Tools
from dag_gateway.iac import Iac, create_bare, tip
from dag_gateway.model.deployment import Deployment, Status, fresh_targets
from dag_gateway.model.event import status_news
from dag_gateway.store import Database, DeploymentStore, Leases, LostRace, Replica, open_wakeups
from tests.fakes.deployments import TARGET, a_deployment
from tests.fakes.followed_deployments import CLOCK, NOW, SlowCluster, following, monitored
from tests.fakes.git_cli import git
from tests.fakes.manual_clock import ManualClock
from tests.fakes.needs import needs
from tests.fakes.postgres import INITDB, PostgresServer
from tests.fakes.world import chart_files

pytestmark = needs(INITDB)

_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""
CHART = pack("web", chart_files())


@dataclass
class OneReplica:
    """A replica with everything of its own but the database and the remote repository."""

    name: str
    database: Database
    clusters: SlowCluster
    tools: Tools
    clock: ManualClock = field(default_factory=ManualClock)

    @property
    def leases(self) -> Leases:
        return Leases(self.database, Replica(self.name, self.name))

    @property
    def followed(self) -> set[str]:
        """The deployments that it has begun to follow."""
        return {goal.commit for goal in self.clusters.goals}

    def runner(self) -> Runner:
        return Runner(self.tools, self.leases, 100, self.clock)

    async def claim(self) -> Journal:
        """The one deployment that there is to claim, under a lease that holds."""
        await self.leases.join()
        [claim] = await self.leases.claim((await self.leases.work(1)).claimable)
        assert claim.deployment
        tools = self.tools
        return Journal(claim.deployment, tools.store, tools.signals, tools.feed, CLOCK, lease=claim.lease)


@dataclass
class Pair:
    """Two replicas, and the repository that they push to."""

    one: OneReplica
    other: OneReplica
    remote: Path

    async def silence(self, name: str) -> None:
        """As if the replica had said nothing for half a minute."""
        async with self.one.database.write() as connection:
            await connection.execute(text("UPDATE replicas SET until = until - 31000 WHERE id = :name"), {"name": name})

    async def record(self, deployment_id: str) -> Deployment:
        return (await self.one.tools.store.get(deployment_id)).deployment


@pytest.fixture
async def pair(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Pair]:
    url, remote = await postgres_server.new_database(), tmp_path / "iac.git"
    create_bare(remote)
    settings = {"iac": RepositorySettings(url=str(remote))}
    async with AsyncExitStack() as stack:

        async def opened(name: str) -> OneReplica:
            database = await stack.enter_async_context(Database(url))
            clusters = SlowCluster({})
            iac = await stack.enter_async_context(Iac(settings, tmp_path / name, CLOCK))
            tools = following(DeploymentStore(database), clusters, iac)
            await stack.enter_async_context(tools.helm)
            signals = tools.signals
            await stack.enter_async_context(open_wakeups(database, SystemClock(), signals.wake, signals.wake_all))
            return OneReplica(name, database, clusters, tools)

        yield Pair(await opened("r1"), await opened("r2"), remote)


async def accepted(store: DeploymentStore, name: str, environment: str = "production") -> Deployment:
    targets = fresh_targets([replace(TARGET, timeout=36_000.0)])
    fresh = a_deployment(id=name, environment=environment, accepted_at=CLOCK.now(), targets=targets)
    fresh = replace(fresh, identity=replace(fresh.identity, job_id=name))
    return await store.accept(fresh, CHART, status_news(fresh, NOW))


async def pushing(journal: Journal) -> None:
    for status in (Status.VALIDATING, Status.PUSHING):
        await journal.move(journal.deployment.after(status, f"now {status}"))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not condition():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.005)


async def ended(pair: Pair, deployment_id: str) -> Deployment:
    async with asyncio.timeout(_PATIENCE):
        while not (found := await pair.record(deployment_id)).status.terminal:  # noqa: ASYNC110  told elsewhere
            await asyncio.sleep(0.005)
    return found


def pushed(remote: Path) -> list[str]:
    """The deployment ids in the history, oldest first."""
    return git(remote, "log", "--reverse", "--format=%(trailers:key=Deployment-Id,valueonly)", "main").split()


async def test_what_one_has_pushed_and_could_not_tell_the_other_finds(pair: Pair) -> None:
    deployment = await accepted(pair.one.tools.store, "d1")
    journal = await pair.one.claim()
    await pushing(journal)
    told_too_late = await publish(journal, pair.one.tools)
    pair.other.clusters.done.set()
    async with pair.other.runner():
        await pair.silence("r1")
        pair.other.tools.signals.wake("accepted")
        found = await ended(pair, deployment.id)
    assert (found.status, found.commit) == (Status.DEPLOYED, told_too_late.commit)
    assert pushed(pair.remote) == ["d1"]
    with pytest.raises(LostRace, match="no longer pushing; somebody else carries it on"):
        await journal.move(told_too_late)
    events = await pair.one.tools.store.events(deployment.number)
    assert [event.number for event in events] == list(range(1, len(events) + 1))


async def test_whoever_wakes_up_after_its_lease_pushes_nothing(pair: Pair) -> None:
    before, tools = tip(pair.remote, "main"), pair.one.tools
    await accepted(tools.store, "d1")
    journal = await pair.one.claim()
    await pushing(journal)
    asleep = Journal(journal.deployment, tools.store, tools.signals, tools.feed, CLOCK, lease=1, held=lambda: False)
    with pytest.raises(LostRace, match="the lease of deployment d1 was not renewed in time"):
        await advance(asleep, tools)
    assert tip(pair.remote, "main") == before
    assert (await pair.record("d1")).status is Status.PUSHING


async def test_two_replicas_share_the_work_until_one_leaves_and_the_other_takes_all(pair: Pair) -> None:
    names = {f"d{number}" for number in range(20)}
    for name in sorted(names):
        await monitored(pair.one.tools.store, name, commit=name)
    for replica in (pair.one, pair.other):
        await replica.leases.join()
    async with pair.other.runner():
        async with pair.one.runner():
            async with asyncio.timeout(_PATIENCE):
                while pair.one.followed | pair.other.followed != names:
                    # Whoever lost a race for the same work tries again; nothing else does while the clocks stand.
                    pair.one.tools.signals.wake("accepted")
                    pair.other.tools.signals.wake("accepted")
                    await asyncio.sleep(0.01)
            assert (len(pair.one.followed), len(pair.other.followed)) == (10, 10)
        await until(lambda: pair.other.followed == names)
