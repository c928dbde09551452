"""Two replicas on one PostgreSQL write at the same time, and never over each other."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from dag_gateway.model.deployment import Status
from dag_gateway.model.event import status_news
from dag_gateway.store import Database, DeploymentStore, LostRace
from dag_gateway.store.dialects import Lock, only_one
from tests.fakes.deployments import NOON, a_deployment
from tests.fakes.needs import needs
from tests.fakes.postgres import INITDB, PostgresServer

pytestmark = needs(INITDB)

_HANGS = 60.0
"""Seconds; only a test that fails waits for so long."""

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


@pytest.fixture
async def mine(postgres_server: PostgresServer) -> AsyncIterator[Database]:
    async with Database(await postgres_server.new_database()) as database:
        yield database


async def somebody_waits(database: Database) -> None:
    """Until a transaction waits for another one."""
    async with asyncio.timeout(_HANGS), database.read() as connection:
        while not await connection.scalar(_WAITING):  # noqa: ASYNC110  the server tells nobody that somebody waits
            await asyncio.sleep(0.01)


async def test_a_move_that_waits_for_a_claim_of_another_replica_is_lost(mine: Database) -> None:
    store = DeploymentStore(mine)
    old = await store.accept(a_deployment(number=0), b"", status_news(a_deployment(), NOON))
    new = old.after(Status.VALIDATING, "mine")
    async with mine.write() as connection:
        await connection.execute(text("UPDATE deployments SET lease = lease + 1"))
        recording = asyncio.create_task(store.record(old, new, [status_news(new, NOON)], lease=0))
        await somebody_waits(mine)
    with pytest.raises(LostRace, match="was claimed by somebody else, who carries it on"):
        await recording
    assert (await store.get(old.id)).last_event == 1


async def test_uploads_are_taken_in_one_after_the_other(mine: Database) -> None:
    store = DeploymentStore(mine)
    async with mine.write() as connection:
        await only_one(connection, Lock.ACCEPT)
        accepting = asyncio.create_task(store.accept(a_deployment(number=0), b"", status_news(a_deployment(), NOON)))
        await somebody_waits(mine)
        assert await store.unfinished() == []
    assert [await accepting] == await store.unfinished()


async def test_a_migration_may_take_longer_than_other_statements(mine: Database) -> None:
    show = text("SHOW statement_timeout")
    async with mine.write() as connection, mine.unhurried() as unhurried, unhurried.write() as other:
        assert (await connection.scalar(show), await other.scalar(show)) == ("15s", "0")
