"""What another process announces is heard, what was missed is looked at again, and nobody is woken by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from dag_gateway.clock import SystemClock
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import status_news
from dag_gateway.store import ACCEPTED, Database, DeploymentStore, environment_key, open_wakeups
from tests.fakes.deployments import NOON, a_deployment
from tests.fakes.manual_clock import ManualClock
from tests.fakes.needs import needs
from tests.fakes.postgres import INITDB, PostgresServer

_HANGS = 60.0


class Heard:
    """What one process was woken with; None is for everything."""

    def __init__(self) -> None:
        self.keys: asyncio.Queue[str | None] = asyncio.Queue()

    def open(self, database: Database, clock: SystemClock | ManualClock) -> AbstractAsyncContextManager[None]:
        return open_wakeups(database, clock, self.keys.put_nowait, lambda: self.keys.put_nowait(None))

    async def next(self) -> str | None:
        async with asyncio.timeout(_HANGS):
            return await self.keys.get()


@pytest.fixture
async def url(postgres_server: PostgresServer) -> str:
    return await postgres_server.new_database()


@asynccontextmanager
async def listening(url: str, clock: SystemClock | ManualClock) -> AsyncIterator[tuple[DeploymentStore, Heard]]:
    """A process that has begun to listen."""
    heard = Heard()
    async with Database(url) as database, heard.open(database, clock):
        assert await heard.next() is None
        yield DeploymentStore(database), heard


async def accepted(store: DeploymentStore) -> Deployment:
    deployment = a_deployment()
    return await store.accept(deployment, b"", status_news(deployment, NOON))


@needs(INITDB)
async def test_others_hear_what_is_written_and_the_writer_does_not(url: str) -> None:
    async with listening(url, ManualClock()) as (here, heard_here), listening(url, ManualClock()) as (there, heard):
        stored = await accepted(here)
        assert await heard.next() == ACCEPTED
        moved = stored.after(Status.VALIDATING, "going on")
        await here.record(stored, moved, [status_news(moved, NOON)], lease=0)
        assert {await heard.next() for _ in range(2)} == {stored.id, environment_key(stored.app, stored.environment)}
        failed = moved.after(Status.FAILED, "no")
        await there.record(moved, failed, [status_news(failed, NOON)], lease=0)
        # Announcements come in the order of the commits: nothing of its own came before these.
        assert {await heard_here.next() for _ in range(3)} == {
            stored.id,
            environment_key(stored.app, stored.environment),
            ACCEPTED,
        }


@needs(INITDB)
async def test_after_a_lost_connection_everybody_looks_again_and_hears_again(url: str) -> None:
    async with listening(url, SystemClock()) as (_, heard), Database(url) as other:
        await end_all_connections(url)
        assert await heard.next() is None
        await accepted(DeploymentStore(other))
        assert await heard.next() == ACCEPTED


@needs(INITDB)
async def test_everybody_looks_again_from_time_to_time_whatever_was_announced(url: str) -> None:
    clock = ManualClock()
    async with listening(url, clock) as (_, heard):
        await until(clock, heard)
        await until(clock, heard)


async def test_a_database_that_is_away_is_asked_again_after_growing_pauses() -> None:
    clock, heard = ManualClock(), Heard()
    with capture_logs() as logs:
        async with Database("postgresql://dag:sesame@127.0.0.1:1/dag") as database, heard.open(database, clock):
            while len(logs) < 7:
                clock.advance(15)
                await asyncio.sleep(0.001)
    assert [log["seconds"] for log in logs[:7]] == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert {log["event"] for log in logs} == {"wake-ups are lost for now"}
    assert "sesame" not in str(logs)


async def test_on_sqlite_there_is_nobody_to_hear(tmp_path: Path) -> None:
    heard = Heard()
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as database, heard.open(database, SystemClock()):
        assert len(asyncio.all_tasks()) == 1
    assert heard.keys.empty()


async def end_all_connections(url: str) -> None:
    """As a failover does."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()


async def until(clock: ManualClock, heard: Heard) -> None:
    """Let time pass until everybody is woken."""
    async with asyncio.timeout(_HANGS):
        while heard.keys.empty():
            clock.advance(30)
            await asyncio.sleep(0)
    assert heard.keys.get_nowait() is None
