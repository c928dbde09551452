"""Keeps as many pods as a ReplicaSet asks for."""

from collections.abc import Iterable

from dag_gateway.simulator import kinds
from dag_gateway.simulator.conditions import with_condition, without_condition
from dag_gateway.simulator.events import Happening, record
from dag_gateway.simulator.kinds import Key, Object
from dag_gateway.simulator.refusals import Refused
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change

from .owners import alive, itself_and_owner, owned
from .pod_status import is_ready
from .templates import pod_of

_COMPONENT = "replicaset-controller"


class ReplicaSetController:
    """Creates and deletes pods; what it may not create (a quota) becomes the condition ReplicaFailure."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def concerned(self, change: Change) -> Iterable[Key]:
        return itself_and_owner(change, kinds.REPLICA_SET, [kinds.POD])

    async def reconcile(self, key: Key) -> float | None:
        item = self._registry.store.get(*key)
        if item is None or "deletionTimestamp" in item["metadata"]:
            return None
        pods = _active(owned(self._registry.store, kinds.POD, item))
        missing = item["spec"]["replicas"] - len(pods)
        refusal = self._create(key, item, missing)
        for pod in victims(pods, -missing):
            self._delete(key, item, pod)
        self._registry.set_status(key, self._status(item, pods, refusal))
        return None

    def _create(self, key: Key, item: Object, count: int) -> Refused | None:
        for _ in range(count):
            pod = pod_of(item, item["spec"]["template"], generateName=f"{key.name}-")
            try:
                made = self._registry.create(kinds.POD, key.namespace, pod)
            except Refused as refusal:
                record(
                    self._registry, item, Happening("Warning", "FailedCreate", f"Error creating: {refusal}"), _COMPONENT
                )
                return refusal
            message = f"Created pod: {made['metadata']['name']}"
            record(self._registry, item, Happening("Normal", "SuccessfulCreate", message), _COMPONENT)
        return None

    def _delete(self, key: Key, item: Object, pod: Object) -> None:
        name = pod["metadata"]["name"]
        self._registry.delete(Key(kinds.POD, key.namespace, name))
        record(self._registry, item, Happening("Normal", "SuccessfulDelete", f"Deleted pod: {name}"), _COMPONENT)

    def _status(self, item: Object, pods: list[Object], refusal: Refused | None) -> Object:
        ready = sum(is_ready(pod) for pod in pods)
        status = {
            **item.get("status", {}),
            "replicas": len(pods),
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "observedGeneration": item["metadata"]["generation"],
        }
        if refusal is None:
            return without_condition(status, "ReplicaFailure")
        problem = {"reason": "FailedCreate", "message": refusal.message}
        return with_condition(status, self._registry.now(), "ReplicaFailure", "True", **problem)


def victims(pods: list[Object], count: int) -> list[Object]:
    """Which pods go first: those that are not ready, then the youngest."""
    youngest_first = pods[::-1]
    ranked = [pod for pod in youngest_first if not is_ready(pod)] + [pod for pod in youngest_first if is_ready(pod)]
    return ranked[: max(count, 0)]


def _active(pods: list[Object]) -> list[Object]:
    return [pod for pod in alive(pods) if pod["status"].get("phase") not in ("Succeeded", "Failed")]
