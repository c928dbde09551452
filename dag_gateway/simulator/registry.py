"""The rules of the API server over the store: what creating, changing, applying and deleting mean."""

import secrets
import uuid
from collections.abc import Callable

from dag_gateway.clock import Clock

from . import kinds
from .defaults import with_defaults
from .kinds import Key, Kind, Object
from .ownership import applied
from .refusals import already_exists, bad_request, conflict, forbidden, invalid, not_found, over_quota
from .store import ObjectStore, copied
from .timestamps import timestamp
from .validation import check_change, check_new

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SERVER_METADATA = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
_GRACEFUL = (kinds.POD, kinds.NAMESPACE)
_WITHOUT_GENERATION = (kinds.CONFIG_MAP, kinds.SECRET, kinds.EVENT, kinds.NAMESPACE, kinds.SERVICE_ACCOUNT)


class Registry:
    """One door to the store, for HTTP requests and controllers alike. Every method runs without a pause in between."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self.store = store
        self._clock = clock

    def now(self) -> str:
        """The time as Kubernetes writes it."""
        return timestamp(self._clock.now())

    def read(self, key: Key) -> Object:
        """The object; refused with 404 when it is not there."""
        found = self.store.get(*key)
        if found is None:
            raise not_found(key.kind, key.name)
        return found

    def create(self, kind: Kind, namespace: str, item: Object) -> Object:
        """A new object, with defaults. ``generateName`` gets five letters; a status that is sent along is dropped."""
        metadata = dict(item.get("metadata") or {})
        name = metadata.get("name") or _generated(metadata.get("generateName", ""))
        if not name:
            raise invalid(kind, "", "metadata.name", "Required value: name or generateName is required")
        key = Key(kind, namespace, name)
        self._check_place(key, metadata)
        if self.store.get(*key) is not None:
            raise already_exists(kind, name)
        metadata |= {"name": name, "uid": str(uuid.uuid4()), "creationTimestamp": self.now()}
        if namespace:
            metadata["namespace"] = namespace
        if kind not in _WITHOUT_GENERATION:
            metadata["generation"] = 1
        for field in ("resourceVersion", "deletionTimestamp", "selfLink"):
            metadata.pop(field, None)
        return self.store.put(key, self._born(key, {**item, "metadata": metadata}))

    def replace(self, key: Key, item: Object) -> Object:
        """A PUT of the object; its status stays. Refused with 409 when the sent resourceVersion is not the newest."""
        old = self.read(key)
        self._check_version(key, old, item)
        return self._update(key, old, item)

    def replace_status(self, key: Key, item: Object) -> Object:
        """A PUT of ``/status``: only the status (and, as for real Deployments, the annotations) is taken."""
        old = self.read(key)
        self._check_version(key, old, item)
        new = {**old, "status": item.get("status") or {}}
        annotations = (item.get("metadata") or {}).get("annotations")
        if key.kind is kinds.DEPLOYMENT and annotations:
            new["metadata"] = {**old["metadata"], "annotations": annotations}
        return self.store.put(key, new)

    def edit(self, key: Key, change: Callable[[Object], Object], *, status: bool = False) -> Object:
        """Read, change and write in one go: how patches work."""
        new = change(self.read(key))
        return self.replace_status(key, new) if status else self.replace(key, new)

    def set_status(self, key: Key, status: Object) -> Object:
        """What a controller writes."""
        return self.edit(key, lambda item: {**item, "status": copied(status)}, status=True)

    def apply(self, key: Key, config: Object, manager: str, *, force: bool = False) -> Object:
        """Server-side apply: creates the object or merges into it, with field ownership; ``ownership.applied``."""
        live = self.store.get(*key)
        merged = applied(live, config, manager, force=force, now=self.now())
        if live is None:
            return self.create(key.kind, key.namespace, merged)
        previous = live["metadata"].get("managedFields")
        candidate = {**merged, "metadata": {**merged["metadata"], "managedFields": previous}}
        if previous and _same_ownership(previous, merged["metadata"]["managedFields"]) and candidate == live:
            return live
        return self.replace(key, merged)

    def delete(self, key: Key, *, at_once: bool = False) -> Object:
        """Pods and namespaces end gracefully, objects with finalizers when those are gone, all others at once."""
        item = self.read(key)
        waits = item["metadata"].get("finalizers") or key.kind is kinds.NAMESPACE
        waits = waits or (key.kind is kinds.POD and not at_once and bool(item["spec"].get("nodeName")))
        if not waits:
            self.store.remove(key)
            return item
        if "deletionTimestamp" in item["metadata"]:
            return item
        item["metadata"]["deletionTimestamp"] = self.now()
        if key.kind is kinds.POD:
            item["metadata"]["deletionGracePeriodSeconds"] = item["spec"]["terminationGracePeriodSeconds"]
        if key.kind is kinds.NAMESPACE:
            item["status"] = {"phase": "Terminating"}
        return self.store.put(key, item)

    def _born(self, key: Key, item: Object) -> Object:
        sent = {"apiVersion": key.kind.api_version, "kind": key.kind.name, **copied(item)}
        if key.kind.has_status:
            sent.pop("status", None)
            if not key.kind.custom:
                sent["status"] = {}
        check_new(key.kind, sent)
        if key.kind is kinds.POD:
            self._check_quota(key)
        return with_defaults(key.kind, sent)

    def _update(self, key: Key, old: Object, item: Object) -> Object:
        metadata = dict(item.get("metadata") or {})
        for field in _SERVER_METADATA:
            metadata.pop(field, None)
        metadata |= {field: old["metadata"][field] for field in _SERVER_METADATA if field in old["metadata"]}
        metadata |= {"name": key.name} | ({"namespace": key.namespace} if key.namespace else {})
        new = {**item, "apiVersion": key.kind.api_version, "kind": key.kind.name, "metadata": metadata}
        if key.kind.has_status:
            new = {**new, **({"status": old["status"]} if "status" in old else {})}
        born_again = with_defaults(key.kind, new)
        if "status" in new:
            born_again["status"] = new["status"]
        check_change(key.kind, old, born_again)
        if "generation" in metadata and _wants_something_else(key.kind, old, born_again):
            metadata["generation"] += 1
        if "deletionTimestamp" in metadata and not metadata.get("finalizers") and key.kind not in _GRACEFUL:
            self.store.remove(key)
            return born_again
        return self.store.put(key, born_again)

    def _check_version(self, key: Key, old: Object, item: Object) -> None:
        sent = (item.get("metadata") or {}).get("resourceVersion")
        if sent and sent != old["metadata"]["resourceVersion"]:
            raise conflict(key.kind, key.name)

    def _check_place(self, key: Key, metadata: Object) -> None:
        sent = metadata.get("namespace")
        if sent and sent != key.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if not key.kind.namespaced:
            return
        namespace = self.store.get(kinds.NAMESPACE, "", key.namespace)
        if namespace is None:
            raise not_found(kinds.NAMESPACE, key.namespace)
        if "deletionTimestamp" in namespace["metadata"]:
            raise forbidden(key.kind, "create", key.namespace, key.name)

    def _check_quota(self, key: Key) -> None:
        used = len(self.store.select(kinds.POD, key.namespace, _counts))
        for quota in self.store.select(kinds.RESOURCE_QUOTA, key.namespace):
            hard = (quota.get("spec") or {}).get("hard") or {}
            limit = hard.get("pods", hard.get("count/pods"))
            if limit is not None and used >= int(limit):
                raise over_quota(key.name, quota["metadata"]["name"], used=used, limit=int(limit))


def _counts(pod: Object) -> bool:
    return pod["status"].get("phase") not in ("Succeeded", "Failed")


def _generated(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5)) if prefix else ""


def _wants_something_else(kind: Kind, old: Object, new: Object) -> bool:
    """Whether the generation moves: everything but metadata and the status subresource; for Deployments annotations.

    Source: ``pkg/registry/apps/deployment/strategy.go`` of Kubernetes, PrepareForUpdate.
    """
    if kind is kinds.DEPLOYMENT and old["metadata"].get("annotations") != new["metadata"].get("annotations"):
        return True
    apart = ("metadata", "status") if kind.has_status else ("metadata",)
    return {key: old[key] for key in old if key not in apart} != {key: new[key] for key in new if key not in apart}


def _same_ownership(old: list[Object], new: list[Object]) -> bool:
    def facts(entries: list[Object]) -> list[tuple[str, Object]]:
        return sorted(((entry["manager"], entry["fieldsV1"]) for entry in entries), key=lambda entry: entry[0])

    return facts(old) == facts(new)
