"""``dag db``: the database of the gateway."""

import asyncio

import typer

from .config import ConfigFile, read_config

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command()
def upgrade(config: ConfigFile) -> None:
    """Bring the database up to date."""
    settings = read_config(config)
    asyncio.run(_upgrade(settings.database.url))
    typer.echo("the database is up to date")


async def _upgrade(url: str) -> None:
    from dag_gateway.store import Database, upgrade

    async with Database(url) as database:
        await upgrade(database)
