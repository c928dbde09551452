"""Objects for the simulated cluster, and waiting for what becomes of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from dag_gateway.simulator import kinds
from dag_gateway.simulator.cluster import SimulatedCluster
from dag_gateway.simulator.kinds import Kind, Object

_PATIENCE = 20.0
"""Seconds; only a test that fails waits for so long."""


async def until(sim: SimulatedCluster, true: Callable[[], Any]) -> None:
    """Wait until a condition over the store holds; looks again at every change."""
    async with asyncio.timeout(_PATIENCE):
        while not true():
            await sim.store.moved()


@asynccontextmanager
async def http_client(sim: SimulatedCluster) -> AsyncIterator[httpx.AsyncClient]:
    """A client that shows the token."""
    headers = {"Authorization": f"Bearer {sim.token}"}
    async with httpx.AsyncClient(base_url=sim.url, headers=headers, trust_env=False, timeout=_PATIENCE) as client:
        yield client


def workload(kind: Kind, image: str = "web:1", name: str = "web", **spec: Any) -> Object:
    """A Deployment, StatefulSet or DaemonSet with one container, in the namespace ``shop``."""
    labels = {"app": name}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": labels}, "template": template(image, labels), **spec},
    }


def job(image: str = "task:1", policy: str = "Never", **spec: Any) -> Object:
    """A Job with one container, in the namespace ``shop``."""
    pods = template(image, {"app": "task"})
    pods["spec"]["restartPolicy"] = policy
    metadata = {"name": "task", "namespace": "shop"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": pods, **spec}}


def pod(image: str, name: str = "alone", annotations: dict[str, str] | None = None, **spec: Any) -> Object:
    """A pod of its own, in the namespace ``shop``."""
    metadata = {"name": name, "namespace": "shop", "annotations": annotations or {}}
    containers = [{"name": "main", "image": image}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **spec}}


def template(image: str, labels: dict[str, str]) -> Object:
    """A pod template with one container called ``main``."""
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}


def config_map(name: str = "settings", labels: dict[str, str] | None = None, **data: str) -> Object:
    metadata = {"name": name, "namespace": "shop", "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def status_of(sim: SimulatedCluster, kind: Kind, name: str = "web") -> Object:
    """The status in the namespace ``shop``; empty while there is none."""
    item = sim.store.get(kind, "shop", name) or {}
    status: Object = item.get("status") or {}
    return status


def reason_of(sim: SimulatedCluster, kind: Kind, condition: str, name: str = "web") -> str:
    """The reason of a condition; empty while there is none."""
    found = [item for item in status_of(sim, kind, name).get("conditions", []) if item["type"] == condition]
    return str(found[0]["reason"]) if found else ""


def pods_of(sim: SimulatedCluster, image: str | None = None) -> list[Object]:
    """The pods in ``shop``, of one image when it is given."""
    pods = sim.store.select(kinds.POD, "shop")
    return [item for item in pods if image in (None, item["spec"]["containers"][0]["image"])]


def container_state(sim: SimulatedCluster, name: str = "alone") -> Object:
    """The status of the first container of a pod; empty while there is none."""
    statuses = status_of(sim, kinds.POD, name).get("containerStatuses") or [{}]
    state: Object = statuses[0]
    return state


def waiting_reason(sim: SimulatedCluster, name: str = "alone") -> str:
    """Why the container of a pod waits; empty when it does not."""
    return str(container_state(sim, name).get("state", {}).get("waiting", {}).get("reason", ""))


def warnings(sim: SimulatedCluster) -> set[str]:
    """The reasons of all Warning events in ``shop``."""
    return {event["reason"] for event in sim.store.select(kinds.EVENT, "shop") if event["type"] == "Warning"}
