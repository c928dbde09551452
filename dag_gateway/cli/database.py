"""``dag db``: the database of the gateway."""

import asyncio

import typer

from dag_gateway.errors import GatewayError

from .config import ConfigFile, read_config

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command()
def upgrade(config: ConfigFile) -> None:
    """Bring the database up to date."""
    settings = read_config(config)
    try:
        asyncio.run(_upgrade(settings.database.url))
    except GatewayError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from None
    typer.echo("the database is up to date")


async def _upgrade(url: str) -> None:
    from dag_gateway.store import Database, upgrade

    async with Database(url) as database:
        await upgrade(database)
