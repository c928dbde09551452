"""``dag serve``: run the gateway."""

import asyncio
import gc
import socket
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .config import ConfigFile, read_config
from .database import prepare_database
from .exits import ExitCode
from .run import run

if TYPE_CHECKING:
    from .server import GatewayServer

NoMigrate = Annotated[bool, typer.Option("--no-migrate", help="Do not bring the database up to date first.")]


def serve(config: ConfigFile, no_migrate: NoMigrate = False) -> None:
    """Run the gateway."""
    from dag_gateway.app import create_app

    from .logs import configure_logs
    from .server import gateway_server, listener_of

    settings = read_config(config)
    prepare_database(settings, migrate=not no_migrate)

    _keep_scratch_files_in(settings.data_dir)

    def work() -> ExitCode:
        with closing(listener_of(settings.server)) as listener:
            configure_logs()
            server = gateway_server(create_app(settings, migrate=False), settings.server)
            asyncio.run(_serve(server, listener))
        return ExitCode.OK

    run(work)


def _keep_scratch_files_in(data_dir: Path) -> None:
    """Uploads and the folders of Helm's processes, too: /readyz looks whether there is room for them."""
    # A disk that refuses this is told of by /readyz, and the folder is made when it no longer does.
    with suppress(OSError):
        data_dir.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(data_dir.absolute())


async def _serve(server: "GatewayServer", listener: socket.socket) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await server.ready(serving)
    _spare_what_stays()
    await serving


def _spare_what_stays() -> None:
    """What was loaded until now lives as long as the process: to look through it for garbage stops all for 0.1 s."""
    gc.collect()
    gc.freeze()
