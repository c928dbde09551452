"""The demo itself: the surroundings, a real gateway in front of them, and one deployment as a CI job does it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import typer

import dag_gateway
from dag_gateway.app import create_app
from dag_gateway.clock import SystemClock

from .api_client import server_url
from .ci import CiSystem
from .config import read_config
from .demo_world import World, curl_commands, demo_world
from .exits import WrongUsage
from .job import GivenJob
from .options import Call
from .package import pack
from .rollout import Journey, deploy_chart
from .server import GatewayServer, gateway_server, listener_of
from .show import LogView
from .values import ValueChanges

_VERSION = "1.0.0"
_PACE = 0.2
_PATIENCE = 300.0


async def run_demo(folder: Path, port: int, *, once: bool) -> bool:
    """Whether the sample chart was deployed; unless ``once``, it returns when the process is asked to stop."""
    chart_folder = sample_chart()
    async with demo_world(folder, port, _PACE) as world, running_gateway(world) as (server, url):
        typer.echo(f"A simulated GitLab, a simulated cluster and a real gateway are up: {url}\n")
        packed = pack(chart_folder, ValueChanges())
        journey = await _deploy_as_a_job(url, world, packed)
        if not once:
            archive = folder / "hello-web.tgz"
            archive.write_bytes(packed)
            typer.echo("\nTry it:\n")
            typer.echo(curl_commands(url, world, journey.deployment_id, _program(), chart_folder, archive))
            typer.echo("Everything stays up until you press Ctrl-C.")
            await server.ended.wait()
    return journey.deployed


async def _deploy_as_a_job(url: str, world: World, packed: bytes) -> Journey:
    job = GivenJob(world.job.project_url, str(world.job.id), world.job.token)
    call = Call(server_url(url), job, environment=None, timeout=_PATIENCE)
    clock = SystemClock()
    return await deploy_chart(call, _VERSION, packed, LogView(sys.stdout, CiSystem.NONE, clock), clock)


@asynccontextmanager
async def running_gateway(world: World) -> AsyncIterator[tuple[GatewayServer, str]]:
    """A gateway on its own port for as long as the block runs, and its URL."""
    settings = read_config(world.config)
    server = gateway_server(create_app(settings), settings.server)
    task = asyncio.create_task(server.serve(sockets=[listener_of(settings.server)]))
    try:
        await server.ready(task)
        yield server, server.url()
    finally:
        server.stop()
        await task


def _program() -> str:
    """How to call this command again from the same folder."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "dag" else f"{sys.executable} -m dag_gateway.cli"


def sample_chart() -> Path:
    """The folder of the sample chart: beside the package in a checkout, inside it once installed."""
    package = Path(dag_gateway.__file__).parent
    for folder in (package.parent / "examples" / "hello-web", package / "simulator" / "hello-web"):
        if folder.is_dir():
            return folder
    raise WrongUsage("the sample chart hello-web is not installed with this package")
