"""``dag serve``: run the gateway."""

import asyncio
from contextlib import closing
from typing import Annotated

import typer

from .config import ConfigFile, read_config
from .database import prepare_database
from .exits import ExitCode
from .run import run

NoMigrate = Annotated[bool, typer.Option("--no-migrate", help="Do not bring the database up to date first.")]


def serve(config: ConfigFile, no_migrate: NoMigrate = False) -> None:
    """Run the gateway."""
    from dag_gateway.app import create_app

    from .logs import configure_logs
    from .server import gateway_server, listener_of

    settings = read_config(config)
    prepare_database(settings, migrate=not no_migrate)

    def work() -> ExitCode:
        with closing(listener_of(settings.server)) as listener:
            configure_logs()
            server = gateway_server(create_app(settings, migrate=False), settings.server)
            asyncio.run(server.serve(sockets=[listener]))
        return ExitCode.OK

    run(work)
