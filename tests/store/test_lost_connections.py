"""PostgreSQL goes away in the middle, and comes back: nothing is lost, nothing is written twice."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from dag_gateway.model.audit import ALLOWED, AuditEntry, AuditFilter
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import status_news, target_news
from dag_gateway.model.health import progressing
from dag_gateway.store import AuditStore, Database, DeploymentStore, IdempotencyKey, StoreUnavailable
from tests.fakes.deployments import NOON, TARGET, a_deployment
from tests.fakes.needs import needs
from tests.fakes.postgres import INITDB, PostgresServer, serving_postgres
from tests.fakes.postgres_proxy import Loss, PostgresProxy, proxied

pytestmark = needs(INITDB)

_HANGS = 120.0
"""Seconds; no test that succeeds comes near."""


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """For tests that stop it."""
    with serving_postgres() as server:
        yield server


@pytest.fixture
async def proxy(postgres_server: PostgresServer) -> AsyncIterator[PostgresProxy]:
    async with proxied(await postgres_server.new_database()) as proxy:
        yield proxy


async def accepted(store: DeploymentStore, name: str = "d") -> Deployment:
    deployment = a_deployment(id=name, number=0, version=name)
    return await store.accept(deployment, b"the chart", status_news(deployment, NOON))


async def observed(store: DeploymentStore, old: Deployment, message: str) -> Deployment:
    new = old.with_target(TARGET.id, progressing(message))
    await store.record(old, new, [target_news(new.target(TARGET.id), NOON)], lease=0)
    return new


async def told(store: DeploymentStore, deployment: Deployment) -> list[tuple[int, str]]:
    """The numbers of the events and what they say."""
    events = await store.events(deployment.number)
    return [(event.number, event.news.data.get("target", event.news.data)["message"]) for event in events]


async def test_a_server_that_is_killed_again_and_again_loses_and_doubles_nothing(own_server: PostgresServer) -> None:
    async with Database(await own_server.new_database(), patience=_HANGS) as database:
        store = DeploymentStore(database)
        deployments = [await accepted(store, f"d{number}") for number in range(10)]
        rounds = asyncio.Semaphore(0)

        async def write(deployment: Deployment) -> None:
            for step in range(20):
                deployment = await observed(store, deployment, f"step {step}")
                rounds.release()

        async def read() -> None:
            while True:
                await store.get(deployments[0].id)

        async def kill() -> None:
            for _ in range(3):
                for _ in range(40):
                    await rounds.acquire()
                own_server.kill()
                own_server.start()

        async with asyncio.timeout(_HANGS), asyncio.TaskGroup() as group:
            reading = group.create_task(read())
            async with asyncio.TaskGroup() as writing:
                for deployment in deployments:
                    writing.create_task(write(deployment))
                writing.create_task(kill())
            reading.cancel()
        expected = [(1, ""), *((step + 2, f"step {step}") for step in range(20))]
        assert [await told(store, deployment) for deployment in deployments] == [expected] * 10


async def test_a_server_that_stays_away_is_unavailable_and_used_again_once_it_is_back(
    own_server: PostgresServer,
) -> None:
    async with Database(await own_server.new_database(), patience=0.1) as database:
        store = DeploymentStore(database)
        deployment = await accepted(store)
        own_server.stop()
        for work in (store.ping(), store.get("d"), accepted(store, "other"), observed(store, deployment, "one")):
            with pytest.raises(StoreUnavailable, match="the database can not") as caught:
                await work
            assert caught.value.retry_after > 0
            assert "open-sesame" not in str(caught.value)
        own_server.start()
        await observed(store, deployment, "one")
        await store.ping()
        assert await told(store, deployment) == [(1, ""), (2, "one")]


@pytest.mark.parametrize("loss", Loss)
async def test_a_record_whose_commit_is_not_answered_is_written_once(proxy: PostgresProxy, loss: Loss) -> None:
    async with Database(proxy.url, patience=_HANGS) as database:
        store = DeploymentStore(database)
        deployments = [await accepted(store, f"d{number}") for number in range(3)]
        proxy.losses = [loss, loss]
        await asyncio.gather(*(observed(store, deployment, "one") for deployment in deployments))
        assert proxy.lost == 2
        assert [await told(store, deployment) for deployment in deployments] == [[(1, ""), (2, "one")]] * 3


@pytest.mark.parametrize("loss", Loss)
async def test_a_move_whose_commit_is_not_answered_is_not_lost_to_oneself(proxy: PostgresProxy, loss: Loss) -> None:
    async with Database(proxy.url, patience=_HANGS) as database:
        store = DeploymentStore(database)
        deployment = await accepted(store)
        moved = deployment.after(Status.VALIDATING, "on its way")
        proxy.losses = [loss]
        (event,) = await store.record(deployment, moved, [status_news(moved, NOON)], lease=0)
        assert (event.number, (await store.get("d")).deployment) == (2, moved)


@pytest.mark.parametrize("loss", Loss)
async def test_an_upload_whose_commit_is_not_answered_is_one_deployment(proxy: PostgresProxy, loss: Loss) -> None:
    async with Database(proxy.url, patience=_HANGS) as database:
        store = DeploymentStore(database)
        await store.ping()
        proxy.losses = [loss]
        deployment, key = a_deployment(number=0), IdempotencyKey("k", "f" * 64)
        news = status_news(deployment, NOON)
        both = await asyncio.gather(
            store.accept(deployment, b"the chart", news, key), accepted(store, "other"), return_exceptions=False
        )
        assert [stored.number for stored in both] == [stored.number for stored in await store.unfinished()]
        assert await store.accept(a_deployment(id="again", number=0), b"", news, key) == both[0]
        assert [await told(store, stored) for stored in both] == [[(1, "")]] * 2
        assert await store.chart(both[0].number) == b"the chart"


async def test_an_upload_whose_commit_is_not_answered_is_audited_once(proxy: PostgresProxy) -> None:
    async with Database(proxy.url, patience=_HANGS) as database:
        store, deployment = DeploymentStore(database), a_deployment(number=0)
        proxy.losses = [Loss.AFTER]
        entry = AuditEntry(NOON, "dev", "192.0.2.1", "deploy", ALLOWED, "r1")
        await store.accept(deployment, b"", status_news(deployment, NOON), entry=entry)
        (audited,) = await AuditStore(database).page(AuditFilter(limit=10))
        assert audited.entry.data["deployment"] == deployment.id


async def test_a_server_that_became_a_standby_is_left_for_the_new_one(postgres_server: PostgresServer) -> None:
    url = await postgres_server.new_database()
    name = url.rpartition("/")[2]
    await postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    async with Database(url, patience=0) as database:
        store = DeploymentStore(database)
        with pytest.raises(StoreUnavailable, match="cannot execute INSERT in a read-only transaction"):
            await accepted(store)
        await postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        assert (await accepted(store)).number > 0
