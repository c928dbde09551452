"""Kustomization: applies the YAML of a folder of a GitRepository, and deletes what is no longer in it.

Source: ``internal/controller/kustomization_controller.go`` of kustomize-controller.
"""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from dag_gateway.iac.bare import read_folder
from dag_gateway.simulator import kinds
from dag_gateway.simulator.keys import key_of, placed
from dag_gateway.simulator.kinds import KINDS, Key, Object
from dag_gateway.simulator.pace import Pace
from dag_gateway.simulator.readiness import NotReady, all_ready
from dag_gateway.simulator.refusals import Refused
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change
from dag_gateway.simulator.yaml_folder import NotYaml, objects_in

from .marks import duration, is_requested, marked, ready, reconciling, with_request_handled

_MANAGER = "kustomize-controller"
_LABELS = "kustomize.toolkit.fluxcd.io"


class _Failed(Exception):
    """One look did not succeed; it is repeated after the retry interval, as every Kustomization is."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class KustomizationController:
    """Looks again when its source moves, after its interval, and when asked."""

    def __init__(self, registry: Registry, pace: Pace) -> None:
        self._registry = registry
        self._pace = pace
        self._due: dict[str, float] = {}
        self._seen: dict[str, tuple[str, int]] = {}

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.key.kind is kinds.KUSTOMIZATION:
            return [change.key]
        if change.key.kind is not kinds.GIT_REPOSITORY:
            return []
        found = self._registry.store.select(kinds.KUSTOMIZATION)
        places = {
            Key(kinds.KUSTOMIZATION, item["metadata"]["namespace"], item["metadata"]["name"]): item for item in found
        }
        return [key for key, item in places.items() if _source_key(item) == change.key]

    async def reconcile(self, key: Key) -> float | None:
        item = self._registry.store.get(*key)
        if item is None or item["spec"].get("suspend"):
            return None
        uid, now = item["metadata"]["uid"], asyncio.get_running_loop().time()
        source = self._registry.store.get(*_source_key(item))
        revision = ((source or {}).get("status", {}).get("artifact") or {}).get("revision", "")
        is_new = self._seen.get(uid) != (revision, item["metadata"]["generation"]) or is_requested(item)
        if not is_new and now < self._due.get(uid, 0.0):
            return self._due[uid] - now
        self._seen[uid] = (revision, item["metadata"]["generation"])
        interval = self._pace.step(duration(item["spec"].get("interval", "10m")))
        self._due[uid] = now + interval
        await self._attempt(key, item, source, revision)
        return interval

    async def _attempt(self, key: Key, item: Object, source: Object | None, revision: str) -> None:
        status = item.get("status") or {}
        try:
            if source is None or not revision:
                raise _Failed(
                    "ArtifactFailed", f"Source artifact not found, retrying in {item['spec'].get('interval')}"
                )
            message = f"Fetching manifests for revision {revision} with a timeout of 1m0s"
            status = {**reconciling(self._registry, item, status, message), "lastAttemptedRevision": revision}
            self._registry.set_status(key, status)
            objects = await self._built(item, source, revision)
            keys = self._apply(objects)
            self._prune(item, keys)
            status = {**status, "inventory": {"entries": [_entry(place) for place in keys]}}
            await self._check(item, keys)
        except _Failed as error:
            status = marked(self._registry, item, status, "Ready", "False", error.reason, str(error))
            status = marked(self._registry, item, status, "Reconciling", "True", "ProgressingWithRetry", str(error))
        else:
            message = f"Applied revision: {revision}"
            status = ready(self._registry, item, status, "ReconciliationSucceeded", message)
            status = {**status, "lastAppliedRevision": revision}
        self._registry.set_status(key, with_request_handled(item, status))

    async def _built(self, item: Object, source: Object, revision: str) -> list[Object]:
        """The objects of the folder, with the labels that say where they come from."""
        path, folder = Path(source["spec"]["url"].removeprefix("file://")), item["spec"].get("path", "").strip("./")
        found = await asyncio.to_thread(read_folder, path, revision.rpartition(":")[2], folder)
        if found is None:
            raise _Failed("ArtifactFailed", f"kustomization path not found: {folder}")
        try:
            objects = objects_in(found.files)
        except NotYaml as error:
            raise _Failed("BuildFailed", f"kustomize build failed: {error}") from error
        labels = {f"{_LABELS}/name": item["metadata"]["name"], f"{_LABELS}/namespace": item["metadata"]["namespace"]}
        namespace = item["spec"].get("targetNamespace") or item["metadata"]["namespace"]
        return [_labelled(placed(entry, namespace), labels) for entry in objects]

    def _apply(self, objects: Sequence[Object]) -> list[Key]:
        try:
            for item in objects:
                self._registry.apply(key_of(item), item, _MANAGER, force=True)
        except Refused as error:
            raise _Failed("ReconciliationFailed", f"dry-run failed: {error}") from error
        return [key_of(item) for item in objects]

    def _prune(self, item: Object, keys: Sequence[Key]) -> None:
        """Delete what was in the inventory and is not wanted any more."""
        entries = ((item.get("status") or {}).get("inventory") or {}).get("entries") or []
        wanted = {_entry(key)["id"] for key in keys}
        for entry in entries if item["spec"].get("prune") else []:
            place = _place(entry["id"])
            if entry["id"] not in wanted and self._registry.store.get(*place) is not None:
                self._registry.delete(place)

    async def _check(self, item: Object, keys: Sequence[Key]) -> None:
        if not item["spec"].get("wait"):
            return
        seconds = self._pace.deadline(duration(item["spec"].get("timeout", "5m")))
        try:
            await all_ready(self._registry.store, keys, seconds)
        except NotReady as error:
            raise _Failed("HealthCheckFailed", f"health check failed: {error}") from error


def _source_key(item: Object) -> Key:
    ref = item["spec"]["sourceRef"]
    return Key(kinds.GIT_REPOSITORY, ref.get("namespace") or item["metadata"]["namespace"], ref["name"])


def _labelled(item: Object, labels: Object) -> Object:
    metadata = item["metadata"]
    return {**item, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}}


def _entry(key: Key) -> Object:
    """``<namespace>_<name>_<group>_<kind>``, as cli-utils writes it."""
    return {"id": "_".join([key.namespace, key.name, key.kind.group, key.kind.name]), "v": key.kind.version}


def _place(entry: str) -> Key:
    namespace, name, group, kind = entry.split("_")
    found = next(known for known in KINDS if (known.group, known.name) == (group, kind))
    return Key(found, namespace, name)
