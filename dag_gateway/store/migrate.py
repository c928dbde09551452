"""Bring a database to the newest shape with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .dialects import Lock, only_one
from .trouble import StoreUnavailable

_SCRIPTS = Path(__file__).parent / "migrations"


async def upgrade(database: Database) -> None:
    """Apply what is missing, in one transaction; does nothing on a database that is up to date.

    Replicas that start at the same time wait for the first of them. Raises StoreUnavailable.
    """
    async with database.unhurried() as unhurried:
        await unhurried.transact(_upgrade_alone, repeatable=True)


async def _upgrade_alone(connection: AsyncConnection) -> None:
    await only_one(connection, Lock.MIGRATE)
    await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreUnavailable(
            f"the database can not be brought up to date: {error}; if a newer version of the gateway has used it, "
            "run that one"
        ) from error
