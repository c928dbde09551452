"""A simulated cluster in which a test plays Argo CD, one data file ``argocd-state.yaml`` at a time."""

from typing import Any

from dag_gateway.model.target import Baseline, Goal, Target, Tracker
from dag_gateway.simulator.cluster import SimulatedCluster
from dag_gateway.simulator.kinds import APPLICATION
from tests.fakes.kubernetes_objects import load

TARGET = Target("production", "shop", "web", Tracker.ARGOCD, "argocd", "web")
PATH = "clusters/production/web"
OURS = "c0ffee" + "0" * 34
GOAL = Goal(OURS, PATH, "web", "1.1.0", Baseline(looked_at="2026-01-31T11:59:00Z"))
_WRITTEN_BY_THE_SERVER = ("uid", "generation")


async def application(sim: SimulatedCluster, state: str) -> None:
    """Writes the Application ``argocd/web`` as it is in that state."""
    obj = load(f"argocd-{state}")
    metadata = {field: value for field, value in obj["metadata"].items() if field not in _WRITTEN_BY_THE_SERVER}
    await sim.apply({**obj, "metadata": metadata})


def annotations(sim: SimulatedCluster) -> dict[str, Any]:
    """Those of the Application that is stored."""
    stored = sim.store.get(APPLICATION, "argocd", "web") or {}
    return dict(stored["metadata"].get("annotations") or {})
