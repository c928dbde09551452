"""All controllers of a cluster, started and ended together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from dag_gateway.simulator.faults import Faults
from dag_gateway.simulator.logbook import Logbook
from dag_gateway.simulator.pace import Pace
from dag_gateway.simulator.registry import Registry

from .daemon_sets import DaemonSetController
from .deployments import DeploymentController
from .housekeeping import GarbageCollector, NamespaceController, PodReaper
from .jobs import JobController
from .loop import Controller, ControlLoop
from .pods import PodController
from .replica_sets import ReplicaSetController
from .stateful_sets import StatefulSetController

_NOTICING = 0.1
"""Simulated seconds until a controller has noticed a change; long enough to see the old status of a new spec."""


def housekeeping(registry: Registry) -> list[Controller]:
    """What runs in every cluster."""
    return [GarbageCollector(registry), NamespaceController(registry)]


def workloads(registry: Registry, logbook: Logbook, nodes: Sequence[str], pace: Pace) -> list[Controller]:
    """What makes pods and runs them."""
    return [
        DeploymentController(registry, pace),
        ReplicaSetController(registry),
        StatefulSetController(registry),
        DaemonSetController(registry, nodes),
        JobController(registry, pace),
        PodController(registry, logbook, nodes, pace),
    ]


def without_workloads(registry: Registry) -> list[Controller]:
    """What stands in for them where nothing should run."""
    return [PodReaper(registry)]


@asynccontextmanager
async def running(
    registry: Registry, controllers: Sequence[Controller], pace: Pace, faults: Faults | None = None
) -> AsyncIterator[None]:
    """Run controllers for as long as the block runs; an error in one of them is raised when the block is left."""
    known = faults or Faults()
    loops = [
        ControlLoop(registry.store, controller, lambda: pace.step(_NOTICING + known.slow_start))
        for controller in controllers
    ]
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        endings = await asyncio.gather(*tasks, return_exceptions=True)
    for ending in endings:
        if isinstance(ending, Exception):
            raise ending
