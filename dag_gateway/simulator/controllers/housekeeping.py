"""Garbage collection, ending namespaces, and pods that nobody else would let go."""

from collections.abc import Iterable

from dag_gateway.simulator import kinds
from dag_gateway.simulator.kinds import KINDS, Key, Object
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change


class GarbageCollector:
    """Deletes what was owned by something that is gone, in the background."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._gone: dict[Key, set[str]] = {}

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.type != "DELETED":
            return []
        self._gone.setdefault(change.key, set()).add(change.item["metadata"]["uid"])
        return [change.key]

    async def reconcile(self, key: Key) -> float | None:
        gone = self._gone.pop(key, set())
        namespace = key.namespace or None
        for kind in KINDS:
            for item in self._registry.store.select(kind, namespace, lambda item: _orphaned(item, gone)):
                place = Key(kind, item["metadata"].get("namespace", ""), item["metadata"]["name"])
                self._registry.delete(place)
        return None


class NamespaceController:
    """Empties a namespace that ends, then removes it, unless a finalizer holds it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def concerned(self, change: Change) -> Iterable[Key]:
        return [change.key] if change.key.kind is kinds.NAMESPACE else []

    async def reconcile(self, key: Key) -> float | None:
        namespace = self._registry.store.get(*key)
        if namespace is not None and "deletionTimestamp" in namespace["metadata"]:
            for content in self._registry.store.keys(key.name):
                self._registry.store.remove(content)
            if not namespace["metadata"].get("finalizers"):
                self._registry.store.remove(key)
        return None


class PodReaper:
    """Stands in for the kubelet where no controllers run: pods that were asked to end are gone at once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def concerned(self, change: Change) -> Iterable[Key]:
        return [change.key] if change.key.kind is kinds.POD else []

    async def reconcile(self, key: Key) -> float | None:
        pod = self._registry.store.get(*key)
        if pod is not None and "deletionTimestamp" in pod["metadata"]:
            self._registry.store.remove(key)
        return None


def _orphaned(item: Object, gone: set[str]) -> bool:
    references = item["metadata"].get("ownerReferences") or []
    return bool(references) and all(found["uid"] in gone for found in references)
