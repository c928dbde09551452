"""An Application that follows the chart in an IaC repository, and what the simulated Argo CD says of it."""

from typing import Any

from dag_gateway.simulator.cluster import SimulatedCluster
from dag_gateway.simulator.kinds import APPLICATION, Key, Object
from dag_gateway.simulator.patches import merge_patch
from tests.fakes.flux_iac import FOLDER, FluxIac
from tests.fakes.simulated import until

AUTOMATED = {"automated": {"prune": True}, "syncOptions": ["CreateNamespace=true"]}
KEY = Key(APPLICATION, "argocd", "web")


def application(iac: FluxIac, **spec: Any) -> Object:
    """``argocd/web``, synced automatically into ``shop``; ``spec`` fields replace its own."""
    source = {"repoURL": f"file://{iac.path}", "path": FOLDER, "targetRevision": "main"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": source,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "syncPolicy": AUTOMATED,
            **spec,
        },
    }


def argo_status(sim: SimulatedCluster) -> Object:
    status: Object = (sim.store.get(*KEY) or {}).get("status") or {}
    return status


def sync_of(sim: SimulatedCluster) -> tuple[str, str]:
    """Sync status and revision."""
    sync = argo_status(sim).get("sync") or {}
    return sync.get("status", ""), sync.get("revision", "")


def health_word(sim: SimulatedCluster) -> str:
    return str((argo_status(sim).get("health") or {}).get("status", ""))


def operation_of(sim: SimulatedCluster) -> Object:
    """``status.operationState``; empty before the first."""
    state: Object = argo_status(sim).get("operationState") or {}
    return state


def argo_condition(sim: SimulatedCluster, kind: str) -> str:
    """The message of a condition; empty when it is not there."""
    return next((item["message"] for item in argo_status(sim).get("conditions", []) if item["type"] == kind), "")


def annotate(sim: SimulatedCluster, **annotations: str) -> None:
    """Set ``argocd.argoproj.io/`` annotations; underscores become dashes."""
    named = {f"argocd.argoproj.io/{name.replace('_', '-')}": value for name, value in annotations.items()}
    sim.registry.edit(KEY, lambda item: merge_patch(item, {"metadata": {"annotations": named}}))


def is_refreshed(sim: SimulatedCluster) -> bool:
    """Whether nobody waits for a refresh any more."""
    annotations = (sim.store.get(*KEY) or {}).get("metadata", {}).get("annotations") or {}
    return "argocd.argoproj.io/refresh" not in annotations


async def refreshed(sim: SimulatedCluster) -> None:
    annotate(sim, refresh="normal")
    await until(sim, lambda: is_refreshed(sim))


async def live(sim: SimulatedCluster, commit: str) -> None:
    """Wait until the application is synced to a commit, and healthy since, as far as whole seconds tell."""

    def done() -> bool:
        status = argo_status(sim)
        fresh = status.get("reconciledAt", "") >= operation_of(sim).get("finishedAt", "9")
        return sync_of(sim) == ("Synced", commit) and health_word(sim) == "Healthy" and fresh

    await until(sim, done)


async def applied(sim: SimulatedCluster, iac: FluxIac, **spec: Any) -> str:
    """Commit version 1.0.0 and follow it until it is live; the commit."""
    commit = iac.deploy("1.0.0")
    await sim.apply(application(iac, **spec))
    await live(sim, commit)
    return commit
