"""A store on each of the two databases: what holds for one holds for the other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dag_gateway.store import Database, DeploymentStore, upgrade
from tests.fakes.postgres import TWO_DATABASES, PostgresServer


@pytest.fixture(params=TWO_DATABASES)
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gateway.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return await server.empty_database()


@pytest.fixture(params=TWO_DATABASES)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database with all tables."""
    if request.param == "sqlite":
        async with Database(f"sqlite:///{tmp_path}/gateway.db") as database:
            await upgrade(database)
            yield database
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    async with Database(await server.new_database()) as database:
        yield database


@pytest.fixture
def store(database: Database) -> DeploymentStore:
    return DeploymentStore(database)
