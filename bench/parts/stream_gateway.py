"""The gateway as it is served, with a real store; its deployments are carried by the benchmark."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from dag_gateway.app import open_database, open_doors, open_tools
from dag_gateway.cli.logs import configure_logs
from dag_gateway.cli.server import gateway_server
from dag_gateway.config import Config
from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.tools import Tools
from dag_gateway.model.deployment import Status
from dag_gateway.model.event import status_news
from dag_gateway.web.listener import listen
from dag_gateway.web.routes import web_application
from tests.fakes.deployments import IDENTITY, a_deployment

from .stream_process import Stamp, moved, serve


class Gateway:
    """Its own runner claims nothing, so that nothing moves by itself."""

    def __init__(self) -> None:
        self._tools: Tools | None = None
        self._journals: list[Journal] = []

    def application(self, config: Config) -> Starlette:
        @asynccontextmanager
        async def lifespan(application: Starlette) -> AsyncIterator[None]:
            metrics = CollectorRegistry()
            async with (
                open_database(config) as database,
                open_tools(config, database, metrics) as self._tools,
                open_doors(config, database, metrics, self._tools) as application.state.doors,
            ):
                application.state.doors.runner.drain()
                yield

        return web_application(lifespan, config.server)

    async def put(self, count: int) -> list[str]:
        self._journals = [await self._accepted(number) for number in range(count)]
        return [journal.deployment.id for journal in self._journals]

    async def move(self, number: int, status: Status) -> Stamp:
        journal, at = self._journals[number], time.monotonic()
        await journal.move(moved(journal.deployment, status))
        return {"deployment": number, "at": at, "written": time.monotonic()}

    async def _accepted(self, number: int) -> Journal:
        assert self._tools
        tools, now = self._tools, self._tools.clock.now()
        fresh = a_deployment(
            id=f"01890a5d-ac96-774b-bcce-{number:012x}",
            number=0,
            environment=str(number),
            identity=replace(IDENTITY, job_id=str(number)),
            accepted_at=now,
        )
        stored = await tools.store.accept(fresh, b"", status_news(fresh, now))
        return Journal(stored, tools.store, tools.signals, tools.feed, tools.clock)


def _config(folder: Path) -> Config:
    where = {"database": {"url": f"sqlite:///{folder}/gateway.db"}, "data_dir": str(folder / "data")}
    target = {"cluster": "prod", "namespace": "shop", "tracker": "helm", "release": "web"}
    environment = {"branch": "main", "repository": "iac", "path": "web", "targets": [target]}
    app = {"repo_url": "http://127.0.0.1:9/shop/web", "forge": "git", "environments": {"production": environment}}
    return Config.model_validate(
        {
            **where,
            "server": {"limits": {"streams_per_address": 0}},
            "forges": {"git": {"kind": "gitlab", "url": "http://127.0.0.1:9"}},
            "repositories": {"iac": {"url": "/srv/iac.git"}},
            "clusters": {"prod": {"server": "http://127.0.0.1:9"}},
            "apps": {"web": app},
        }
    )


async def main() -> None:
    configure_logs()
    config, gateway = _config(Path(sys.argv[1])), Gateway()
    server = gateway_server(gateway.application(config), config.server)
    await serve(server, listen("127.0.0.1", 0), gateway)


if __name__ == "__main__":
    asyncio.run(main())
