"""Bring a database to the newest shape with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from .database import Database

_SCRIPTS = Path(__file__).parent / "migrations"


async def upgrade(database: Database) -> None:
    """Apply what is missing, in one transaction; does nothing on a database that is up to date."""
    async with database.write() as connection:
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
