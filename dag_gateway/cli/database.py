"""``dag db``: the database of the gateway."""

import asyncio
from typing import TYPE_CHECKING

import typer

from dag_gateway.errors import GatewayError

from .config import ConfigFile, read_config
from .exits import ExitCode

if TYPE_CHECKING:
    from dag_gateway.config import Config

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command()
def upgrade(config: ConfigFile) -> None:
    """Bring the database up to date."""
    prepare_database(read_config(config), migrate=True)
    typer.echo("the database is up to date")


def prepare_database(settings: "Config", *, migrate: bool) -> None:
    """See that no other process has it, and with ``migrate`` apply what is missing.

    When that can not be done, one sentence on stderr and exit code 1.
    """
    try:
        asyncio.run(_prepare(settings.database.url, migrate))
    except GatewayError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(ExitCode.FAILED) from None


async def _prepare(url: str, migrate: bool) -> None:
    from dag_gateway.store import Database, sole_user, upgrade

    async with Database(url) as database:
        with sole_user(url):
            if migrate:
                await upgrade(database)
