"""Rolls StatefulSets out: pods in order, one at a time, from the highest ordinal down to the partition."""

from collections.abc import Iterable

from dag_gateway.simulator import kinds
from dag_gateway.simulator.kinds import Key, Object
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change

from .owners import itself_and_owner, owned
from .pod_status import is_ready
from .revisions import revision_of, template_at
from .templates import REVISION_LABEL, labelled, pod_of


class StatefulSetController:
    """Does one step at a time; a step waits until the pods before it are ready (unless ``Parallel``)."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def concerned(self, change: Change) -> Iterable[Key]:
        return itself_and_owner(change, kinds.STATEFUL_SET, [kinds.POD])

    async def reconcile(self, key: Key) -> float | None:
        item = self._registry.store.get(*key)
        if item is None or "deletionTimestamp" in item["metadata"]:
            return None
        update = revision_of(self._registry, item)["metadata"]["name"]
        current = item.get("status", {}).get("currentRevision") or update
        pods = {_ordinal(pod): pod for pod in owned(self._registry.store, kinds.POD, item)}
        waits = self._scale(key, item, pods, current, update)
        if not waits and item["spec"]["updateStrategy"]["type"] != "OnDelete":
            self._update(item, pods, update)
        self._report(key, item, current, update)
        return None

    def _scale(self, key: Key, item: Object, pods: dict[int, Object], current: str, update: str) -> bool:
        """Create what is missing from the lowest ordinal up, delete what is too much from the highest down.

        True: wait before anything else is done. As in real clusters, an ordered set with a pod that never becomes
        ready waits for ever, even for an update that would mend it.
        """
        replicas, ordered = item["spec"]["replicas"], item["spec"]["podManagementPolicy"] == "OrderedReady"
        for ordinal in range(replicas):
            pod = pods.get(ordinal)
            if pod is None:
                self._create(key, item, ordinal, current if ordinal < _partition(item) else update)
            if ordered and (pod is None or not _is_settled(pod)):
                return True
        for ordinal in sorted((number for number in pods if number >= replicas), reverse=True):
            self._delete(pods[ordinal])
            if ordered:
                return True
        return False

    def _update(self, item: Object, pods: dict[int, Object], update: str) -> None:
        """Replace one outdated pod; wait while a newer one is not ready."""
        for ordinal in range(item["spec"]["replicas"] - 1, _partition(item) - 1, -1):
            pod = pods.get(ordinal)
            if pod is not None and _revision(pod) != update:
                self._delete(pod)
                return
            if pod is None or not _is_settled(pod):
                return

    def _create(self, key: Key, item: Object, ordinal: int, revision: str) -> None:
        name = f"{key.name}-{ordinal}"
        if self._registry.store.get(kinds.POD, key.namespace, name) is not None:
            return
        labels = {
            REVISION_LABEL: revision,
            "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": str(ordinal),
        }
        self._claim_volumes(key, item, name)
        template = labelled(template_at(self._registry, item, revision), labels)
        self._registry.create(kinds.POD, key.namespace, pod_of(item, template, name=name))

    def _claim_volumes(self, key: Key, item: Object, pod: str) -> None:
        for template in item["spec"].get("volumeClaimTemplates") or []:
            name = f"{template['metadata']['name']}-{pod}"
            if self._registry.store.get(kinds.VOLUME_CLAIM, key.namespace, name) is None:
                claim = {"metadata": {"name": name}, "spec": template["spec"]}
                self._registry.create(kinds.VOLUME_CLAIM, key.namespace, claim)

    def _delete(self, pod: Object) -> None:
        metadata = pod["metadata"]
        self._registry.delete(Key(kinds.POD, metadata["namespace"], metadata["name"]))

    def _report(self, key: Key, item: Object, current: str, update: str) -> None:
        pods = owned(self._registry.store, kinds.POD, item)
        ready = [pod for pod in pods if is_ready(pod)]
        updated = [pod for pod in pods if _revision(pod) == update]
        if len(updated) == len(ready) == len(pods) == item["spec"]["replicas"]:
            current = update
        status = {
            "observedGeneration": item["metadata"]["generation"],
            "replicas": len(pods),
            "readyReplicas": len(ready),
            "availableReplicas": len(ready),
            "currentReplicas": sum(_revision(pod) == current for pod in pods),
            "updatedReplicas": len(updated),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
        }
        self._registry.set_status(key, status)


def _is_settled(pod: Object) -> bool:
    return is_ready(pod) and "deletionTimestamp" not in pod["metadata"]


def _partition(item: Object) -> int:
    rolling = item["spec"]["updateStrategy"].get("rollingUpdate") or {}
    return int(rolling.get("partition", 0))


def _revision(pod: Object) -> str:
    return str(pod["metadata"]["labels"].get(REVISION_LABEL, ""))


def _ordinal(pod: Object) -> int:
    return int(pod["metadata"]["name"].rsplit("-", 1)[-1])
