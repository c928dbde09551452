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
    bring_up_to_date(read_config(config))
    typer.echo("the database is up to date")


def bring_up_to_date(settings: "Config") -> None:
    """Apply what is missing; when that can not be done, one sentence on stderr and exit code 1."""
    try:
        asyncio.run(_upgrade(settings.database.url))
    except GatewayError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(ExitCode.FAILED) from None


async def _upgrade(url: str) -> None:
    from dag_gateway.store import Database, upgrade

    async with Database(url) as database:
        await upgrade(database)
