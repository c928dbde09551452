"""One step after the other, and an end for what no step can carry on."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from dag_gateway.charts import Limits
from dag_gateway.clock import SystemClock
from dag_gateway.clusters import Clusters
from dag_gateway.deployments.feed import Feed
from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.pipeline import STEPS, advance
from dag_gateway.deployments.signals import Signals
from dag_gateway.deployments.tools import Tools
from dag_gateway.helm import Helm
from dag_gateway.iac import Iac
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import Event, News, status_news
from dag_gateway.store import Database, DeploymentStore, LostRace, Unstorable, upgrade
from tests.fakes.deployments import NOON, a_deployment
from tests.fakes.stores import a_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DeploymentStore]:
    async with a_store(tmp_path) as store:
        yield store


def tools_of(store: DeploymentStore, folder: Path) -> Tools:
    """Tools that reach nothing but the store."""
    clock, signals = SystemClock(), Signals()
    return Tools(
        store=store,
        helm=Helm(),
        iac=Iac({}, folder, clock),
        clusters=Clusters({}, clock),
        clock=clock,
        signals=signals,
        feed=Feed(store, signals, heartbeat=60.0),
        limits=Limits(unpacked=10**6, file=10**6, entries=100),
        grace={},
    )


async def under_way(store: DeploymentStore, tools: Tools, deployment: Deployment, *statuses: Status) -> Journal:
    """An accepted deployment that has come through ``statuses``."""
    stored = await store.accept(deployment, b"no chart", status_news(deployment, NOON))
    journal = Journal(stored, store, tools.signals, tools.feed, tools.clock)
    for status in statuses:
        await journal.move(journal.deployment.after(status, f"now {status}"))
    return journal


def test_every_status_but_the_ends_has_a_step() -> None:
    assert set(STEPS) == {status for status in Status if not status.terminal}


class NarrowStore(DeploymentStore):
    """A database that does not take what the move to ``monitoring`` brings."""

    async def record(self, old: Deployment, new: Deployment, news: Sequence[News], lease: int) -> Sequence[Event]:
        if new.status is Status.MONITORING:
            raise Unstorable("the database does not take a value")
        return await super().record(old, new, news, lease)


async def test_a_move_that_the_database_can_not_hold_ends_the_deployment(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as database:
        await upgrade(database)
        store = NarrowStore(database)
        tools = tools_of(store, tmp_path)
        journal = await under_way(store, tools, a_deployment(), Status.VALIDATING, Status.PUSHING, Status.PUSHED)
        await advance(journal, tools)
        stored = (await store.get(journal.deployment.id)).deployment
    assert (stored.status, stored.reason) == (Status.FAILED, "internal")
    assert stored.message == "the gateway failed while pushed; its log has the details"


async def test_a_step_that_breaks_ends_the_deployment_without_its_details(
    store: DeploymentStore, tmp_path: Path
) -> None:
    tools = tools_of(store, tmp_path)
    journal = await under_way(store, tools, a_deployment(), Status.VALIDATING, Status.PUSHING)
    await advance(journal, tools)
    assert (journal.deployment.status, journal.deployment.reason) == (Status.FAILED, "internal")
    assert journal.deployment.message == "the gateway failed while pushing; its log has the details"


async def test_who_was_overtaken_stops_and_can_catch_up(store: DeploymentStore, tmp_path: Path) -> None:
    tools = tools_of(store, tmp_path)
    journal = await under_way(store, tools, a_deployment())
    other = Journal(journal.deployment, store, tools.signals, tools.feed, tools.clock)
    await advance(other, tools)
    with pytest.raises(LostRace, match="is no longer pending; somebody else carries it on"):
        await advance(journal, tools)
    await journal.reload()
    assert (journal.deployment, journal.resumed) == (other.deployment, True)


async def test_a_stored_chart_that_is_not_taken_any_more_ends_as_an_invalid_chart(
    store: DeploymentStore, tmp_path: Path
) -> None:
    tools = tools_of(store, tmp_path)
    journal = await under_way(store, tools, a_deployment(), Status.VALIDATING)
    await advance(journal, tools)
    assert (journal.deployment.status, journal.deployment.reason) == (Status.FAILED, "invalid_chart")
    assert journal.deployment.message.startswith("the chart is not a gzip archive; upload a .tgz")
