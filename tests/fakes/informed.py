"""The shared watches of a simulated cluster, and one who waits for what they hold."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from dag_gateway.clock import Clock, SystemClock
from dag_gateway.clusters.informers import Informers, Scope
from dag_gateway.clusters.lease import Lease
from dag_gateway.clusters.objects import name
from dag_gateway.clusters.resources import Selection
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes.cluster_api import api_of


class Watcher:
    """Leases of one who waits for them."""

    def __init__(self, informers: Informers) -> None:
        self.informers = informers
        self._news = asyncio.Event()
        self.leases: list[Lease] = []

    def take(self, selection: Selection) -> Lease:
        self.leases.append(self.informers.lease(selection, self._news.set))
        return self.leases[-1]

    def release(self) -> None:
        while self.leases:
            self.leases.pop().release()

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not true():
                self._news.clear()
                await self._news.wait()

    async def synced(self, selection: Selection) -> Lease:
        lease = self.take(selection)
        await self.until(lambda: lease.synced)
        return lease


@asynccontextmanager
async def informed(
    *objects: dict[str, Any], scope: Scope = "auto", clock: Clock | None = None, linger: float = 60.0
) -> AsyncIterator[tuple[SimulatedCluster, Watcher]]:
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(simulated_cluster(controllers=False))
        await sim.apply(*objects)
        api = await stack.enter_async_context(api_of(sim.url, sim.token))
        informers = Informers(api, clock or SystemClock(), scope, linger)
        stack.push_async_callback(informers.aclose)
        yield sim, Watcher(informers)


def names(lease: Lease) -> list[str]:
    return [name(obj) for obj in lease.objects]


def requests(sim: SimulatedCluster, of: str) -> list[str]:
    """The lists and watches of that kind: ``list`` or ``watch`` and the path."""
    asked = [path for method, path in sim.request_log if method == "GET" and f"/{of}" in path]
    return [f"{'watch' if 'watch=true' in path else 'list'} {path.partition('?')[0]}" for path in asked]
