"""The composition root: opens everything once, in order, and closes it in reverse."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from dag_gateway.clock import Clock, SystemClock
from dag_gateway.clusters import Clusters
from dag_gateway.config import Config
from dag_gateway.deployments.accept import Acceptance
from dag_gateway.deployments.feed import Feed
from dag_gateway.deployments.retention import Forgetting
from dag_gateway.deployments.runner import Runner
from dag_gateway.deployments.signals import Signals
from dag_gateway.deployments.tools import Tools
from dag_gateway.forges import Verifier
from dag_gateway.helm import Helm
from dag_gateway.iac import Iac
from dag_gateway.store import (
    AuditStore,
    Database,
    DeploymentStore,
    Leases,
    ProjectPins,
    Replica,
    Retention,
    open_wakeups,
    sole_user,
    upgrade,
)
from dag_gateway.web.audit import AuditLog
from dag_gateway.web.doors import Doors
from dag_gateway.web.limits import chart_limits
from dag_gateway.web.routes import web_application


@asynccontextmanager
async def open_services(config: Config, *, migrate: bool = True, clock: Clock | None = None) -> AsyncIterator[Doors]:
    """Everything that a running gateway has, with the runner at work. ``migrate`` brings the database up to date."""
    metrics = CollectorRegistry()
    async with (
        open_database(config, migrate=migrate) as database,
        open_tools(config, database, metrics, clock=clock) as tools,
        open_doors(config, database, metrics, tools) as doors,
    ):
        yield doors


@asynccontextmanager
async def open_database(config: Config, *, migrate: bool = True) -> AsyncIterator[Database]:
    """The database, up to date with ``migrate``. Raises DatabaseInUse where another process has its file."""
    async with Database(config.database.url) as database:
        with sole_user(config.database.url):
            if migrate:
                await upgrade(database)
            yield database


@asynccontextmanager
async def open_tools(
    config: Config, database: Database, metrics: CollectorRegistry, *, clock: Clock | None = None
) -> AsyncIterator[Tools]:
    """The abilities: store, Helm, IaC repositories and clusters."""
    clock = clock or SystemClock()
    signals, store = Signals(), DeploymentStore(database)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(open_wakeups(database, clock, signals.wake, signals.wake_all))
        yield Tools(
            store=store,
            helm=await stack.enter_async_context(Helm()),
            iac=await stack.enter_async_context(Iac(config.repositories, config.data_dir, clock, metrics)),
            clusters=await stack.enter_async_context(Clusters(config.clusters, clock)),
            clock=clock,
            signals=signals,
            feed=await stack.enter_async_context(Feed(store, signals, config.server.heartbeat)),
            limits=chart_limits(config),
            grace={name: cluster.grace for name, cluster in config.clusters.items()},
        )


@asynccontextmanager
async def open_doors(
    config: Config, database: Database, metrics: CollectorRegistry, tools: Tools
) -> AsyncIterator[Doors]:
    """What is built on the abilities: the runner at work, and all that the handlers need."""
    async with AsyncExitStack() as stack:
        verifier = await stack.enter_async_context(Verifier(config, ProjectPins(database), tools.clock))
        audit = await stack.enter_async_context(AuditLog(AuditStore(database), tools.clock))
        acceptance = Acceptance(tools.store, tools.signals, tools.clock)
        runner = Runner(tools, Leases(database, this_replica()), config.server.limits.running, SystemClock())
        await stack.enter_async_context(runner)
        await stack.enter_async_context(beside(Forgetting(Retention(database), config.retention, tools.clock).run()))
        yield Doors(config, verifier, acceptance, tools.feed, runner, tools.store, audit, tools.iac, metrics)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Something that goes on until the block ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def this_replica() -> Replica:
    """This life of this process."""
    return Replica(str(uuid4()), f"{socket.gethostname()}/{os.getpid()}")


def create_app(config: Config, *, migrate: bool = True, clock: Clock | None = None) -> Starlette:
    """The ASGI application; nothing is opened before its lifespan starts."""

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        async with open_services(config, migrate=migrate, clock=clock) as doors:
            application.state.doors = doors
            yield

    return web_application(lifespan, config.server)
