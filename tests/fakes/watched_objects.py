"""Small objects for tests of what is watched, and waiting until nothing is."""

import asyncio
from typing import Any

from dag_gateway.simulator.cluster import SimulatedCluster


def secret(name: str, /, namespace: str = "shop", **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}


def pod(name: str, /, namespace: str = "shop", **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    containers = [{"name": "app", "image": "web:1"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


async def none_open(sim: SimulatedCluster) -> None:
    """Wait until the server has noticed that its last watch was closed."""
    async with asyncio.timeout(60):
        while sim.open_watches:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.01)


async def more_requests(sim: SimulatedCluster, count: int) -> None:
    """Wait until the server was asked so much more."""
    asked = len(sim.request_log)
    async with asyncio.timeout(60):
        while len(sim.request_log) < asked + count:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)


async def all_watched(sim: SimulatedCluster) -> None:
    """Wait until everything that was listed in the whole cluster is watched."""
    async with asyncio.timeout(60):
        while _collections(sim, "list") - _collections(sim, "watch"):  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)


def _collections(sim: SimulatedCluster, verb: str) -> set[str]:
    asked = [path for _, path in sim.request_log if ("watch=true" in path) is (verb == "watch")]
    return {path.partition("?")[0] for path in asked if "/namespaces/" not in path}
