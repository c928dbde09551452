"""A simulated cluster in which a test plays Flux and the workload controllers, one step at a time."""

from collections.abc import Mapping
from typing import Any

from dag_gateway.model.target import Baseline, Goal, Target, Tracker
from dag_gateway.simulator.cluster import SimulatedCluster
from dag_gateway.simulator.keys import key_of
from dag_gateway.simulator.kinds import HELM_RELEASE

OLD = "badc0de" + "0" * 33
PATH = "clusters/production/web"
OURS = "c0ffee" + "0" * 34
TARGET = Target("production", "shop", "web", Tracker.FLUX, "shop", "web")
GOAL = Goal(OURS, PATH, "web", "1.1.0", Baseline("1.0.0", 1))
LABELS = {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "shop"}
_SOURCE = "source.toolkit.fluxcd.io/v1"


async def is_ours(commit: str) -> bool:
    return commit == OURS


async def put(sim: SimulatedCluster, obj: Mapping[str, Any], status: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Writes the object, then a status that speaks of its newest generation; gives what is stored."""
    address = key_of(obj)
    await sim.apply(dict(obj))
    if status is not None:
        generation = (sim.store.get(*address) or {})["metadata"].get("generation")
        conditions = [{"observedGeneration": generation, **entry} for entry in status.get("conditions", ())]
        await sim.apply({**obj, "status": {"observedGeneration": generation, **status, "conditions": conditions}})
    stored = sim.store.get(*address)
    assert stored is not None
    return dict(stored)


def condition(kind: str, status: str = "True", reason: str = "Succeeded", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


READY = condition("Ready")


async def git_repository(sim: SimulatedCluster, commit: str, **spec: Any) -> None:
    meta = {"name": "iac", "namespace": "flux-system"}
    artifact = {"revision": f"main@sha1:{commit}", "lastUpdateTime": "2026-01-31T12:00:00Z"}
    obj = {"apiVersion": _SOURCE, "kind": "GitRepository", "metadata": meta, "spec": {"url": "file:///iac", **spec}}
    await put(sim, obj, {"artifact": artifact, "conditions": [READY]})


async def helm_chart(sim: SimulatedCluster, commit: str, version: str, **spec: Any) -> None:
    meta = {"name": "shop-web", "namespace": "flux-system"}
    artifact = {"revision": version, "lastUpdateTime": "2026-01-31T12:00:01Z"}
    obj = {"apiVersion": _SOURCE, "kind": "HelmChart", "metadata": meta, "spec": {"chart": PATH, **spec}}
    source = f"main@sha1:{commit}"
    await put(sim, obj, {"observedSourceArtifactRevision": source, "artifact": artifact, "conditions": [READY]})


async def helm_release(
    sim: SimulatedCluster, versions: Mapping[str, str], *conditions: Mapping[str, str], **spec: Any
) -> None:
    """``versions`` maps chart versions to release states, newest first; the newest was attempted last."""
    reference = {"kind": "GitRepository", "name": "iac", "namespace": "flux-system"}
    obj = {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"chart": {"spec": {"chart": PATH, "sourceRef": reference}}, **spec},
    }
    history = [
        {"version": len(versions) - index, "chartName": "web", "chartVersion": version, "status": state}
        for index, (version, state) in enumerate(versions.items())
    ]
    told = {"helmChart": "flux-system/shop-web", "lastAttemptedRevision": next(iter(versions)), "history": history}
    await put(sim, obj, {**told, "conditions": list(conditions or [READY])})


async def old_release(sim: SimulatedCluster) -> None:
    """What runs before the push: healthy, and not ours."""
    await git_repository(sim, OLD)
    await helm_chart(sim, OLD, "1.0.0")
    await helm_release(sim, {"1.0.0": "deployed"})
    await deployment(sim, image="web:1")


async def our_release(sim: SimulatedCluster) -> None:
    """What Flux says once ours was released; the workloads are another question."""
    await git_repository(sim, OURS)
    await helm_chart(sim, OURS, "1.1.0")
    await helm_release(sim, {"1.1.0": "deployed", "1.0.0": "superseded"})


async def inventory(sim: SimulatedCluster, *entries: str) -> None:
    """What the HelmRelease lists as its own: ids as ``shop_web_apps_Deployment``, all of version ``v1``."""
    stored = sim.store.get(HELM_RELEASE, "shop", "web")
    assert stored is not None
    listed = [{"id": entry, "v": "v1"} for entry in entries]
    await sim.apply({**stored, "status": {**stored["status"], "inventory": {"entries": listed}}})


async def upgrading(sim: SimulatedCluster) -> None:
    """What Flux says while Helm works on ours."""
    await git_repository(sim, OURS)
    await helm_chart(sim, OURS, "1.1.0")
    busy = condition("Reconciling", "True", "Progressing", "Running 'upgrade' action")
    await helm_release(sim, {"1.1.0": "pending-upgrade", "1.0.0": "deployed"}, condition("Ready", "Unknown"), busy)


def deployment_spec(image: str) -> dict[str, Any]:
    """The Deployment ``web`` with two replicas, its revision named after the tag of the image."""
    tag = image.rpartition(":")[2]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "labels": LABELS,
            "annotations": {"deployment.kubernetes.io/revision": tag},
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
        },
    }


async def deployment(sim: SimulatedCluster, image: str, *, ready: int = 2, updated: int = 2) -> dict[str, Any]:
    """``deployment_spec`` with a status that speaks of it."""
    progress = "NewReplicaSetAvailable" if updated == ready == 2 else "ReplicaSetUpdated"
    counts = {"replicas": 2, "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": ready}
    conditions = [condition("Available"), condition("Progressing", "True", progress)]
    return await put(sim, deployment_spec(image), {**counts, "conditions": conditions})


async def pod(sim: SimulatedCluster, owner: Mapping[str, Any], status: Mapping[str, Any]) -> None:
    """One pod of the newest revision of a Deployment, below its replica set."""
    revision = owner["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    template = owner["spec"]["template"]
    replicas = await put(
        sim,
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"web-{revision}",
                "namespace": "shop",
                "labels": {"app": "web"},
                "annotations": {"deployment.kubernetes.io/revision": revision},
                "ownerReferences": [_reference(owner, "apps/v1")],
            },
            "spec": {"replicas": 2, "selector": owner["spec"]["selector"], "template": template},
        },
    )
    await put(
        sim,
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"web-{revision}-a",
                "namespace": "shop",
                "labels": {"app": "web"},
                "ownerReferences": [_reference(replicas, "apps/v1")],
            },
            "spec": template["spec"],
        },
        status,
    )


def _reference(owner: Mapping[str, Any], version: str) -> dict[str, Any]:
    meta = owner["metadata"]
    kind = owner["kind"]
    return {"apiVersion": version, "kind": kind, "name": meta["name"], "uid": meta["uid"], "controller": True}
