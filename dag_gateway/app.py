"""The composition root: opens everything once, in order, and closes it in reverse."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from dag_gateway.clock import Clock, SystemClock
from dag_gateway.clusters import Clusters
from dag_gateway.config import Config
from dag_gateway.deployments.accept import Acceptance
from dag_gateway.deployments.feed import Feed
from dag_gateway.deployments.runner import Runner
from dag_gateway.deployments.signals import Signals
from dag_gateway.deployments.tools import Tools
from dag_gateway.forges import Verifier
from dag_gateway.helm import Helm
from dag_gateway.iac import Iac
from dag_gateway.store import Database, DeploymentStore, upgrade
from dag_gateway.web.doors import Doors
from dag_gateway.web.limits import chart_limits
from dag_gateway.web.routes import web_application


@asynccontextmanager
async def open_services(config: Config, *, migrate: bool = True, clock: Clock | None = None) -> AsyncIterator[Doors]:
    """Everything that a running gateway has, with the runner at work. ``migrate`` brings the database up to date."""
    clock = clock or SystemClock()
    signals = Signals()
    metrics = CollectorRegistry()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(config.database.url))
        if migrate:
            await upgrade(database)
        store = DeploymentStore(database)
        tools = Tools(
            store=store,
            helm=await stack.enter_async_context(Helm()),
            iac=await stack.enter_async_context(Iac(config.repositories, config.data_dir, clock, metrics)),
            clusters=await stack.enter_async_context(Clusters(config.clusters, clock)),
            clock=clock,
            signals=signals,
            limits=chart_limits(config),
            grace={name: cluster.grace for name, cluster in config.clusters.items()},
        )
        verifier = await stack.enter_async_context(Verifier(config))
        feed = Feed(store, signals, config.server.heartbeat)
        stack.push_async_callback(_stop, asyncio.create_task(Runner(tools).run()))
        yield Doors(config, verifier, Acceptance(store, signals, clock), feed, store, tools.iac, metrics)


async def _stop(runner: asyncio.Task[None]) -> None:
    runner.cancel()
    await asyncio.wait([runner])


def create_app(config: Config, *, migrate: bool = True, clock: Clock | None = None) -> Starlette:
    """The ASGI application; nothing is opened before its lifespan starts."""

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        async with open_services(config, migrate=migrate, clock=clock) as doors:
            application.state.doors = doors
            yield

    return web_application(lifespan)
