"""The resources of an Application: what it wants, what is live of it, and how the two differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dag_gateway.simulator.defaults import with_defaults
from dag_gateway.simulator.keys import key_of, placed
from dag_gateway.simulator.kinds import KINDS, Key, Object
from dag_gateway.simulator.ownership import applied
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import ObjectStore

from .health import Word, health_of

MANAGER = "argocd-controller"
_TRACKING = "argocd.argoproj.io/tracking-id"


@dataclass(frozen=True, slots=True)
class Resource:
    """``config`` None: it is live, and nobody wants it any more. ``live`` None: it is missing."""

    key: Key
    config: Object | None
    live: Object | None
    in_sync: bool

    def described(self) -> Object:
        """The entry in ``status.resources``."""
        entry = identity(self.key) | {"status": "Synced" if self.in_sync else "OutOfSync"}
        if self.config is None:
            entry["requiresPruning"] = True
        if self.live is None:
            return entry | {"health": {"status": Word.MISSING.value}}
        if health := health_of(self.key.kind, self.live):
            entry["health"] = {"status": health.word.value} | ({"message": health.message} if health.message else {})
        return entry


def identity(key: Key) -> Object:
    """Which object, as Argo CD's lists say it; the core group has no name there."""
    kind = key.kind
    found = {"version": kind.version, "kind": kind.name, "namespace": key.namespace, "name": key.name}
    return {name: text for name, text in ({"group": kind.group} | found).items() if text}


def configs(application: Object, objects: Iterable[Object]) -> list[tuple[Key, Object]]:
    """What is applied: the rendered objects in their namespaces, marked as belonging to the application."""
    namespace = application["spec"]["destination"].get("namespace", "default")
    found = []
    for item in objects:
        config = placed(item, namespace)
        key, metadata = key_of(config), config["metadata"]
        annotations = {**(metadata.get("annotations") or {}), _TRACKING: _tracking_id(application, key)}
        found.append((key, {**config, "metadata": {**metadata, "annotations": annotations}}))
    return found


def compared(registry: Registry, application: Object, objects: Iterable[Object]) -> list[Resource]:
    """Every wanted object beside the live one, and what is left over."""
    wanted = configs(application, objects)
    found = [_compared(registry, key, config) for key, config in wanted]
    names = {key for key, _ in wanted}
    left = [key for key in tracked(registry.store, application) if key not in names]
    return found + [Resource(key, None, registry.store.get(*key), in_sync=False) for key in left]


def tracked(store: ObjectStore, application: Object) -> list[Key]:
    """Every live object that was applied for the application."""
    name = application["metadata"]["name"]
    found = [item for kind in KINDS for item in store.select(kind, where=lambda item: application_of(item) == name)]
    return [key_of(item) for item in found]


def application_of(item: Object) -> str:
    """The name of the application that an object was applied for; empty when there is none."""
    mark: str = (item["metadata"].get("annotations") or {}).get(_TRACKING, "")
    return mark.partition(":")[0]


def leftovers(resources: Sequence[Resource]) -> list[Key]:
    """What pruning deletes."""
    return [resource.key for resource in resources if resource.config is None]


def _compared(registry: Registry, key: Key, config: Object) -> Resource:
    live = registry.store.get(*key)
    if live is None:
        return Resource(key, config, None, in_sync=False)
    merged = with_defaults(key.kind, applied(live, config, MANAGER, force=True, now=registry.now()))
    return Resource(key, config, live, in_sync=_content(merged) == _content(live))


def _content(item: Object) -> Object:
    """Without who owns which field."""
    metadata = {name: value for name, value in item["metadata"].items() if name != "managedFields"}
    return {**item, "metadata": metadata}


def _tracking_id(application: Object, key: Key) -> str:
    group = f"{key.kind.group}/{key.kind.name}"
    return f"{application['metadata']['name']}:{group}:{key.namespace}/{key.name}"
