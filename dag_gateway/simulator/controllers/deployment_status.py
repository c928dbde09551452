"""The status of a Deployment as a function of its ReplicaSets, with the reasons that the real controller gives.

Source: ``pkg/controller/deployment/progress.go`` and ``sync.go`` of Kubernetes.
"""

from collections.abc import Iterable

from dag_gateway.simulator.conditions import condition, with_condition, without_condition
from dag_gateway.simulator.kinds import Object

from .rollout import bounds_of

AVAILABLE = "NewReplicaSetAvailable"
UPDATED = "ReplicaSetUpdated"
CREATED = "NewReplicaSetCreated"
TIMED_OUT = "ProgressDeadlineExceeded"


def counted(deployment: Object, new: Object | None, everything: list[Object]) -> Object:
    """The status with the numbers, Available and ReplicaFailure brought up to date; Progressing as it was."""
    available = _sum(everything, "availableReplicas")
    wanted = sum(item["spec"]["replicas"] for item in everything)
    return {
        **deployment.get("status", {}),
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": _sum(everything, "replicas"),
        "updatedReplicas": _sum([new] if new else [], "replicas"),
        "readyReplicas": _sum(everything, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available),
    }


def with_availability(status: Object, deployment: Object, everything: list[Object], now: str) -> Object:
    """Available against ``maxUnavailable``; ReplicaFailure copied from the ReplicaSets."""
    if status["availableReplicas"] >= bounds_of(deployment).fewest_available:
        fields = {"reason": "MinimumReplicasAvailable", "message": "Deployment has minimum availability."}
        status = with_condition(status, now, "Available", "True", **fields)
    else:
        fields = {
            "reason": "MinimumReplicasUnavailable",
            "message": "Deployment does not have minimum availability.",
        }
        status = with_condition(status, now, "Available", "False", **fields)
    failure = next((found for item in everything if (found := condition(item["status"], "ReplicaFailure"))), None)
    if failure is None:
        return without_condition(status, "ReplicaFailure")
    return with_condition(status, now, "ReplicaFailure", "True", reason=failure["reason"], message=failure["message"])


def is_complete(deployment: Object, status: Object) -> bool:
    """All replicas are updated and available, and nothing old is left."""
    numbers = {status["updatedReplicas"], status["replicas"], status["availableReplicas"]}
    return numbers == {deployment["spec"]["replicas"]}


def has_progressed(old: Object, new: Object) -> bool:
    """Whether there are more updated, ready or available replicas, or fewer old ones."""
    return (
        new["updatedReplicas"] > old.get("updatedReplicas", 0)
        or _outdated(new) < _outdated(old)
        or new["readyReplicas"] > old.get("readyReplicas", 0)
        or new["availableReplicas"] > old.get("availableReplicas", 0)
    )


def with_progress(status: Object, now: str, reason: str, name: str) -> Object:
    """Progressing with one of the reasons above; ``name`` is the newest ReplicaSet."""
    value, message = {
        CREATED: ("True", f'Created new replica set "{name}"'),
        UPDATED: ("True", f'ReplicaSet "{name}" is progressing.'),
        AVAILABLE: ("True", f'ReplicaSet "{name}" has successfully progressed.'),
        TIMED_OUT: ("False", f'ReplicaSet "{name}" has timed out progressing.'),
    }[reason]
    return with_condition(status, now, "Progressing", value, reason=reason, message=message, lastUpdateTime=now)


def progress_reason(status: Object) -> str:
    """The reason of Progressing; empty when there is no such condition yet."""
    found = condition(status, "Progressing")
    return found["reason"] if found else ""


def _outdated(status: Object) -> int:
    return int(status.get("replicas", 0) - status.get("updatedReplicas", 0))


def _sum(items: Iterable[Object], field: str) -> int:
    return sum(item.get("status", {}).get(field, 0) for item in items)
