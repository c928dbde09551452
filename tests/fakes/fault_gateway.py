"""One life of a gateway whose every touch of the outside is a point at which it can be killed."""

import asyncio
import json
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dag_gateway.app import open_database, open_doors, open_tools
from dag_gateway.cli.logs import configure_logs
from dag_gateway.cli.server import gateway_server, listener_of
from dag_gateway.config import Config, load
from dag_gateway.web.routes import web_application

from .fault_abilities import Progress, toll_commits, tolled
from .fault_toll import Toll


@dataclass(frozen=True)
class Order:
    """What a life is started with; everything is a JSON value, as it goes through a pipe.

    ``aim`` is a file with an ``Aim``, read at every SIGUSR1.
    """

    life: int
    config: str
    log: str
    aim: str


@dataclass(frozen=True)
class Aim:
    """From now on the points count, and at ``kill_at`` the life gets the signal ``how``. ``once`` is a file that this
    life makes then: of several with the same aim only one is killed."""

    kill_at: str | None = None
    once: str | None = None
    how: int = signal.SIGKILL


def say(life: int, **words: object) -> None:
    """One line on stdout, which all lives share: short enough to be written in one piece."""
    os.write(1, json.dumps({"life": life, **words}).encode() + b"\n")


def live(order: Order) -> None:
    """Serve until a signal ends it, SIGKILL at the latest."""
    aiming = _Aiming(order)
    toll_commits(aiming.toll, aiming.progress)
    with open(order.log, "a") as log:
        configure_logs(logging.StreamHandler(log))
        asyncio.run(_serve(order.life, load(Path(order.config)), aiming))


class _Aiming:
    """``progress`` is what the names of the points of this life begin with."""

    def __init__(self, order: Order) -> None:
        self.toll = Toll(lambda name: say(order.life, point=name), self._die)
        self.progress = Progress()
        self._order = order
        self._aim = Aim()

    def aim(self) -> None:
        self._aim = Aim(**json.loads(Path(self._order.aim).read_text()))
        self.progress.status = "new"
        self.toll.arm(self._aim.kill_at)
        say(self._order.life, armed=True)

    def _die(self, name: str) -> None:
        if self._aim.once is not None:
            try:
                Path(self._aim.once).touch(exist_ok=False)
            except FileExistsError:
                return
        say(self._order.life, killed=name)
        os.kill(os.getpid(), self._aim.how)


async def _serve(life: int, config: Config, aiming: _Aiming) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, aiming.aim)
    with closing(listener_of(config.server)) as listener:
        server = gateway_server(_application(config, aiming), config.server)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await server.ready(serving)
        say(life, listening=True)
        await serving


def _application(config: Config, aiming: _Aiming) -> Starlette:
    """As ``create_app`` puts it together, with the toll between the abilities and all that is built on them."""

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        metrics = CollectorRegistry()
        async with (
            open_database(config) as database,
            open_tools(config, database, metrics) as tools,
            open_doors(config, database, metrics, tolled(tools, aiming.toll, aiming.progress)) as doors,
        ):
            application.state.doors = doors
            yield

    application = web_application(lifespan, config.server)
    application.add_middleware(_Door, toll=aiming.toll)
    return application


class _Door:
    """The points of an upload, seen from outside: it came, and its answer goes."""

    def __init__(self, app: ASGIApp, toll: Toll) -> None:
        self._app = app
        self._toll = toll

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/api/deploy":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            self._toll.pass_by(f"door: {message['type']}")
            await send(message)

        self._toll.pass_by("door: upload came")
        await self._app(scope, receive, answer)
        self._toll.pass_by("door: answered")
