"""Rolls DaemonSets out: one pod per simulated node, exchanged node by node."""

from collections.abc import Iterable, Sequence

from dag_gateway.simulator import kinds
from dag_gateway.simulator.kinds import Key, Object
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change

from .owners import alive, itself_and_owner, owned
from .pod_status import is_ready
from .revisions import revision_of
from .templates import REVISION_LABEL, count_of, labelled, pod_of, template_hash

_NODE_ANNOTATION = "simulator.dag-gateway/node"


class DaemonSetController:
    """Replaces outdated pods as far as ``maxUnavailable`` allows."""

    def __init__(self, registry: Registry, nodes: Sequence[str]) -> None:
        self._registry = registry
        self._nodes = nodes

    def concerned(self, change: Change) -> Iterable[Key]:
        return itself_and_owner(change, kinds.DAEMON_SET, [kinds.POD])

    async def reconcile(self, key: Key) -> float | None:
        item = self._registry.store.get(*key)
        if item is None or "deletionTimestamp" in item["metadata"]:
            return None
        revision_of(self._registry, item)
        pods = owned(self._registry.store, kinds.POD, item)
        for node in self._nodes:
            if not any(_node(pod) == node for pod in pods):
                self._create(key, item, node)
        if item["spec"]["updateStrategy"]["type"] != "OnDelete":
            self._update(item, pods)
        self._registry.set_status(key, self._status(item))
        return None

    def _create(self, key: Key, item: Object, node: str) -> None:
        labels = {REVISION_LABEL: template_hash(item["spec"]["template"])}
        pod = pod_of(item, labelled(item["spec"]["template"], labels), generateName=f"{key.name}-")
        pod["metadata"]["annotations"] = {**(pod["metadata"].get("annotations") or {}), _NODE_ANNOTATION: node}
        self._registry.create(kinds.POD, key.namespace, pod)

    def _update(self, item: Object, pods: list[Object]) -> None:
        """Outdated pods that are broken go at once, the others one by one."""
        rolling = item["spec"]["updateStrategy"].get("rollingUpdate") or {}
        allowed = max(1, count_of(rolling.get("maxUnavailable", 1), len(self._nodes), up=True))
        outdated = [pod for pod in alive(pods) if not _is_current(item, pod)]
        missing = len(self._nodes) - sum(is_ready(pod) for pod in alive(pods))
        spare = max(0, allowed - missing)
        healthy = [pod for pod in outdated if is_ready(pod)]
        for pod in [pod for pod in outdated if not is_ready(pod)] + healthy[:spare]:
            metadata = pod["metadata"]
            self._registry.delete(Key(kinds.POD, metadata["namespace"], metadata["name"]))

    def _status(self, item: Object) -> Object:
        pods = alive(owned(self._registry.store, kinds.POD, item))
        ready = sum(is_ready(pod) for pod in pods)
        wanted = len(self._nodes)
        return {
            "observedGeneration": item["metadata"]["generation"],
            "desiredNumberScheduled": wanted,
            "currentNumberScheduled": len(pods),
            "updatedNumberScheduled": sum(_is_current(item, pod) for pod in pods),
            "numberReady": ready,
            "numberAvailable": ready,
            "numberUnavailable": wanted - ready,
            "numberMisscheduled": 0,
        }


def _is_current(item: Object, pod: Object) -> bool:
    return bool(pod["metadata"]["labels"].get(REVISION_LABEL) == template_hash(item["spec"]["template"]))


def _node(pod: Object) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(_NODE_ANNOTATION, ""))
