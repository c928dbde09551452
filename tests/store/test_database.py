"""Migrations lead to the schema, and a database that can not be used is said to be unavailable."""

import asyncio
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from dag_gateway.store import Database, DeploymentStore, StoreUnavailable, upgrade
from dag_gateway.store.schema import metadata


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def test_the_migrations_lead_to_the_schema(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as database:
        await upgrade(database)
        async with database.read() as connection:
            assert await connection.run_sync(differences) == []


async def test_upgrading_twice_changes_nothing(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as database:
        await upgrade(database)
        await upgrade(database)
        async with database.read() as connection:
            assert await connection.scalar(text("select version_num from alembic_version")) == "0004"
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


async def test_a_database_without_tables_is_unavailable(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as database:
        with pytest.raises(StoreUnavailable, match="no such table: deployments"):
            await DeploymentStore(database).get("x")


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_text("this is not a database, and it is long enough to be read as one" * 20)
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as database:
        with pytest.raises(StoreUnavailable, match="file is not a database"):
            await upgrade(database)
    await join_driver_threads()
