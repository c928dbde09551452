"""``dag serve``: run the gateway."""

import asyncio
from typing import Annotated

import typer

from .config import ConfigFile, read_config

NoMigrate = Annotated[bool, typer.Option("--no-migrate", help="Do not bring the database up to date first.")]


def serve(config: ConfigFile, no_migrate: NoMigrate = False) -> None:
    """Run the gateway."""
    from dag_gateway.app import create_app

    from .logs import configure_logs
    from .server import gateway_server

    settings = read_config(config)
    configure_logs()
    server = gateway_server(create_app(settings, migrate=not no_migrate), settings.server)
    asyncio.run(server.serve())
