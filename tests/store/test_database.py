"""Migrations lead to the schema, and a database that can not be used is said to be unavailable."""

import asyncio
import threading
import traceback
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from dag_gateway.store import Database, DeploymentStore, StoreUnavailable, upgrade
from dag_gateway.store.schema import metadata
from tests.fakes.needs import needs
from tests.fakes.postgres import INITDB, PASSWORD, PostgresServer


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def test_the_migrations_lead_to_the_schema(empty_url: str) -> None:
    async with Database(empty_url) as database:
        await upgrade(database)
        async with database.read() as connection:
            assert await connection.run_sync(differences) == []


async def test_replicas_that_start_at_the_same_time_upgrade_once(empty_url: str) -> None:
    async with Database(empty_url) as one, Database(empty_url) as other:
        await asyncio.gather(upgrade(one), upgrade(other), upgrade(one))
        async with one.read() as connection:
            versions = await connection.scalars(text("select version_num from alembic_version"))
            assert versions.all() == ["0005"]


async def test_sqlite_writes_ahead_and_through_to_the_disk(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as database, database.read() as connection:
        assert await connection.scalar(text("pragma journal_mode")) == "wal"
        assert await connection.scalar(text("pragma synchronous")) == 2


async def join_driver_threads() -> None:
    """A connection that failed ends its thread by itself, but the loop must still be there when it does."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"there is no folder '.*/no/such' for the database: create it"):
        async with Database(f"sqlite:///{tmp_path}/no/such/gateway.db"):
            pass


async def test_a_file_that_can_not_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").mkdir()
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as database:
        with pytest.raises(StoreUnavailable, match="the database can not do it now: unable to open database file"):
            await upgrade(database)
    await join_driver_threads()


async def test_a_database_without_tables_is_unavailable(empty_url: str) -> None:
    async with Database(empty_url) as database:
        with pytest.raises(StoreUnavailable, match=r"no such table: deployments|\"deployments\" does not exist"):
            await DeploymentStore(database).get("x")


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_text("this is not a database, and it is long enough to be read as one" * 20)
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as database:
        with pytest.raises(StoreUnavailable, match="file is not a database"):
            await upgrade(database)
    await join_driver_threads()


@needs(INITDB)
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({PASSWORD: "guessed-word"}, 'password authentication failed for user "dag"'),
        ({"/postgres": "/nowhere"}, 'database "nowhere" does not exist'),
    ],
)
async def test_a_login_that_is_refused_is_told_at_once_without_the_password(
    postgres_server: PostgresServer, wrong: dict[str, str], told: str
) -> None:
    url = postgres_server.url()
    for right, other in wrong.items():
        url = url.replace(right, other)
    async with Database(url) as database:
        with pytest.raises(StoreUnavailable, match=f"the database can not do it now: {told}") as caught:
            await upgrade(database)
    shown = "".join(traceback.format_exception(caught.value)) + repr(database)
    assert PASSWORD not in shown
    assert "guessed-word" not in shown


async def test_a_database_of_a_newer_version_is_told(empty_url: str) -> None:
    async with Database(empty_url) as database:
        await upgrade(database)
        async with database.write() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(StoreUnavailable, match="'9999'; if a newer version of the gateway has used it"):
            await upgrade(database)
