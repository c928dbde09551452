"""The objects of one rollout as Flux and Kubernetes would write them, and the changes of their status."""

from collections.abc import Sequence
from typing import Any

from dag_gateway.simulator import kinds
from dag_gateway.simulator.kinds import Key, Object

VERSION = "1.1.0"
PODS = 3
NAMESPACES = 20
_SOURCE = {"kind": "GitRepository", "name": "iac", "namespace": "flux-system"}
_LABELS = "helm.toolkit.fluxcd.io"


def namespace_of(number: int) -> str:
    return f"team-{number % NAMESPACES}"


def name_of(number: int) -> str:
    return f"app-{number}"


def path_of(number: int) -> str:
    return f"clusters/prod/{name_of(number)}"


def release_key(number: int) -> Key:
    return Key(kinds.HELM_RELEASE, namespace_of(number), name_of(number))


def deployment_key(number: int) -> Key:
    return Key(kinds.DEPLOYMENT, namespace_of(number), name_of(number))


def pod_key(number: int, pod: int) -> Key:
    return Key(kinds.POD, namespace_of(number), f"{name_of(number)}-1-{pod}")


def repository(commit: str) -> Object:
    item = _object(Key(kinds.GIT_REPOSITORY, "flux-system", "iac"), {"url": "file:///iac"})
    return {**item, "status": {"observedGeneration": 1, "conditions": [_ready()], **artifact(f"main@sha1:{commit}")}}


def chart(number: int, commit: str) -> Object:
    key = Key(kinds.HELM_CHART, "flux-system", f"{namespace_of(number)}-{name_of(number)}")
    item = _object(key, {"chart": path_of(number), "sourceRef": _SOURCE})
    status = {"observedGeneration": 1, "observedSourceArtifactRevision": f"main@sha1:{commit}"}
    return {**item, "status": {**status, "conditions": [_ready()], **artifact(VERSION)}}


def release(number: int) -> Object:
    template = {"chart": path_of(number), "sourceRef": _SOURCE}
    return {**_object(release_key(number), {"chart": {"spec": template}}), "status": rolling_out(number, "step 0")}


def rolling_out(number: int, message: str) -> Object:
    """The status of a HelmRelease while Helm works."""
    busy = {**_condition("Reconciling", "True", "Progressing"), "message": message}
    return _release_status(number, "pending-upgrade", [_condition("Ready", "Unknown", "Progressing"), busy])


def released(number: int) -> Object:
    """The status of a HelmRelease that is done."""
    return _release_status(number, "deployed", [_ready()])


def deployment(number: int, *, complete: bool) -> Object:
    metadata = {"labels": _labels(number), "annotations": {"deployment.kubernetes.io/revision": "1"}}
    spec = {"replicas": PODS, "selector": {"matchLabels": _app(number)}, "template": _template(number)}
    return {**_object(deployment_key(number), spec, metadata), "status": deployment_status(complete=complete)}


def deployment_status(*, complete: bool) -> Object:
    ready = PODS if complete else 0
    counts = {"replicas": PODS, "updatedReplicas": PODS, "readyReplicas": ready, "availableReplicas": ready}
    progress = "NewReplicaSetAvailable" if complete else "ReplicaSetUpdated"
    conditions = [_condition("Available", str(complete), "x"), _condition("Progressing", "True", progress)]
    return {"observedGeneration": 1, **counts, "conditions": conditions}


def replica_set(number: int, owner: Object) -> Object:
    key = Key(kinds.REPLICA_SET, namespace_of(number), f"{name_of(number)}-1")
    annotations = {"deployment.kubernetes.io/revision": "1"}
    metadata = {"labels": _app(number), "annotations": annotations, "ownerReferences": [_reference(owner)]}
    spec = {"replicas": PODS, "selector": {"matchLabels": _app(number)}, "template": _template(number)}
    return _object(key, spec, metadata)


def pod(key: Key, labels: Object, owner: Object | None, *, ready: bool) -> Object:
    metadata = {"labels": labels} | ({"ownerReferences": [_reference(owner)]} if owner else {})
    spec = {"containers": [{"name": "app", "image": "registry.example.com/web:1.1.0"}], "nodeName": "node-1"}
    return {**_object(key, spec, metadata), "status": pod_status(ready=ready)}


def pods(number: int, owner: Object, *, ready: bool) -> Sequence[Object]:
    return [pod(pod_key(number, one), _app(number), owner, ready=ready) for one in range(PODS)]


def pod_status(*, ready: bool) -> Object:
    """About as much as a kubelet writes."""
    running = {"startedAt": "2026-01-31T12:00:00Z"}
    image = "registry.example.com/web@sha256:" + "ab" * 32
    container = {"name": "app", "ready": ready, "restartCount": 0, "started": True, "state": {"running": running}}
    names = ("Initialized", "PodScheduled", "ContainersReady")
    conditions = [_condition(name, "True", "") for name in names] + [_condition("Ready", str(ready), "")]
    addresses = {
        "hostIP": "10.0.0.1",
        "podIP": "10.0.0.2",
        "startTime": "2026-01-31T12:00:00Z",
        "qosClass": "Burstable",
    }
    statuses = [{**container, "image": image, "imageID": image, "containerID": "containerd://" + "cd" * 32}]
    return {"phase": "Running", **addresses, "conditions": conditions, "containerStatuses": statuses}


def artifact(revision: str) -> Object:
    return {"artifact": {"revision": revision, "lastUpdateTime": "2026-01-31T12:00:00Z"}}


def _release_status(number: int, state: str, conditions: list[Object]) -> Object:
    entry = {"version": 2, "chartName": name_of(number), "chartVersion": VERSION, "status": state}
    chart_name = f"flux-system/{namespace_of(number)}-{name_of(number)}"
    told = {"observedGeneration": 1, "helmChart": chart_name, "lastAttemptedRevision": VERSION}
    return {**told, "history": [entry], "conditions": conditions}


def _object(key: Key, spec: Object, metadata: Object | None = None) -> Object:
    named = {"name": key.name, "namespace": key.namespace, **(metadata or {})}
    return {"apiVersion": key.kind.api_version, "kind": key.kind.name, "metadata": named, "spec": spec}


def _template(number: int) -> Object:
    containers = [{"name": "app", "image": "registry.example.com/web:1.1.0"}]
    return {"metadata": {"labels": _app(number)}, "spec": {"containers": containers}}


def _app(number: int) -> Object:
    return {"app": name_of(number)}


def _labels(number: int) -> Object:
    return {f"{_LABELS}/name": name_of(number), f"{_LABELS}/namespace": namespace_of(number)}


def _ready() -> Object:
    return _condition("Ready", "True", "Succeeded")


def _condition(kind: str, value: str, reason: str) -> Object:
    moved = {"lastTransitionTime": "2026-01-31T12:00:00Z", "observedGeneration": 1}
    return {"type": kind, "status": value, "reason": reason, "message": "", **moved}


def _reference(owner: dict[str, Any]) -> Object:
    metadata = owner["metadata"]
    named = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return {**named, "controller": True}
