"""A real store in a folder of the test's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dag_gateway.store import Database, DeploymentStore, upgrade


@asynccontextmanager
async def a_store(folder: Path) -> AsyncIterator[DeploymentStore]:
    async with Database(f"sqlite:///{folder}/gateway.db") as database:
        await upgrade(database)
        yield DeploymentStore(database)
