"""Rolls Deployments out: a ReplicaSet per template, exchanged pod by pod."""

import asyncio
from collections.abc import Iterable

from dag_gateway.simulator import kinds
from dag_gateway.simulator.events import Happening, record
from dag_gateway.simulator.kinds import Key, Object
from dag_gateway.simulator.pace import Pace
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change

from . import deployment_status as progress
from .owners import alive, controller_of, itself_and_owner, owned, reference
from .rollout import bounds_of, new_replicas, old_replicas
from .templates import HASH_LABEL, labelled, template_hash, without_hash

REVISION = "deployment.kubernetes.io/revision"


class DeploymentController:
    """One step per call; the next change of a ReplicaSet brings the next call."""

    def __init__(self, registry: Registry, pace: Pace) -> None:
        self._registry = registry
        self._pace = pace
        self._progressed: dict[str, float] = {}

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.key.kind is kinds.POD and change.type == "DELETED":
            return self._of_pod(change)
        return itself_and_owner(change, kinds.DEPLOYMENT, [kinds.REPLICA_SET])

    def _of_pod(self, change: Change) -> Iterable[Key]:
        """``Recreate`` waits for the last old pod, of which the ReplicaSet has nothing to say any more."""
        namespace, owner = change.key.namespace, controller_of(change.item)
        if owner is None or owner["kind"] != kinds.REPLICA_SET.name:
            return []
        replica_set = self._registry.store.get(kinds.REPLICA_SET, namespace, owner["name"])
        above = controller_of(replica_set) if replica_set else None
        return [Key(kinds.DEPLOYMENT, namespace, above["name"])] if above else []

    async def reconcile(self, key: Key) -> float | None:
        item = self._registry.store.get(*key)
        if item is None or "deletionTimestamp" in item["metadata"]:
            return None
        sets = alive(owned(self._registry.store, kinds.REPLICA_SET, item))
        new, old = _newest(item, sets)
        if not item["spec"].get("paused"):
            if new is None:
                return self._start(key, item, sets)
            new = self._number(item, new, old)
            self._scale(key, item, new, old)
        return self._report(key, item, new, old)

    def _start(self, key: Key, item: Object, sets: list[Object]) -> float | None:
        """Make the ReplicaSet of a new template, and say so."""
        bounds, digest = bounds_of(item), template_hash(item["spec"]["template"])
        total = sum(found["spec"]["replicas"] for found in sets)
        waits = item["spec"]["strategy"]["type"] == "Recreate" and total > 0
        revision = str(1 + max([_revision(found) for found in sets], default=0))
        labels = {**(item["spec"]["selector"].get("matchLabels") or {}), HASH_LABEL: digest}
        template = labelled(item["spec"]["template"], {HASH_LABEL: digest})
        made = self._registry.create(
            kinds.REPLICA_SET,
            key.namespace,
            {
                "metadata": {
                    "name": f"{key.name}-{digest}",
                    "labels": template["metadata"]["labels"],
                    "annotations": {REVISION: revision},
                    "ownerReferences": [reference(item)],
                },
                "spec": {
                    "replicas": 0 if waits else new_replicas(bounds, 0, total),
                    "selector": {"matchLabels": labels},
                    "template": template,
                },
            },
        )
        self._progressed[item["metadata"]["uid"]] = asyncio.get_running_loop().time()
        self._tell_scaled(item, made, "up", made["spec"]["replicas"])
        status = progress.counted(item, made, [*sets, made])
        status = progress.with_availability(status, item, [*sets, made], self._registry.now())
        name = made["metadata"]["name"]
        self._write(key, item, progress.with_progress(status, self._registry.now(), progress.CREATED, name), revision)
        return None

    def _number(self, item: Object, new: Object, old: list[Object]) -> Object:
        """Going back to an earlier template gives its ReplicaSet the next revision."""
        highest = max([_revision(found) for found in old], default=0)
        if _revision(new) > highest:
            return new
        annotations = {**new["metadata"]["annotations"], REVISION: str(highest + 1)}
        return self._registry.replace(_key(new), {**new, "metadata": {**new["metadata"], "annotations": annotations}})

    def _scale(self, key: Key, item: Object, new: Object, old: list[Object]) -> None:
        bounds = bounds_of(item)
        recreate = item["spec"]["strategy"]["type"] == "Recreate"
        counts = [0] * len(old) if recreate else old_replicas(bounds, new, old)
        total = sum(found["spec"]["replicas"] for found in [new, *old])
        if not recreate or not any(self._has_pods(found) for found in old):
            self._resize(item, new, new_replicas(bounds, new["spec"]["replicas"], total))
        for found, count in zip(old, counts, strict=True):
            self._resize(item, found, count)

    def _has_pods(self, replica_set: Object) -> bool:
        return bool(owned(self._registry.store, kinds.POD, replica_set))

    def _resize(self, item: Object, replica_set: Object, count: int) -> None:
        before = replica_set["spec"]["replicas"]
        if count != before:
            key = _key(replica_set)
            self._registry.edit(key, lambda found: {**found, "spec": {**found["spec"], "replicas": count}})
            self._tell_scaled(item, replica_set, "up" if count > before else "down", count)

    def _tell_scaled(self, item: Object, replica_set: Object, way: str, count: int) -> None:
        message = f"Scaled {way} replica set {replica_set['metadata']['name']} to {count}"
        record(self._registry, item, Happening("Normal", "ScalingReplicaSet", message), "deployment-controller")

    def _report(self, key: Key, item: Object, new: Object | None, old: list[Object]) -> float | None:
        """Write the status from what the ReplicaSets said; returns when the progress deadline is to be looked at."""
        store, now = self._registry.store, self._registry.now()
        fresh = [store.get(*_key(found)) for found in [*old, *([new] if new else [])]]
        everything = [found for found in fresh if found is not None]
        newest = everything[-1] if new else None
        status = progress.counted(item, newest, everything)
        status = progress.with_availability(status, item, everything, now)
        if newest is None:
            self._registry.set_status(key, status)
            return None
        reason, wait = self._progress(item, status)
        if reason and reason != progress.progress_reason(status):
            status = progress.with_progress(status, now, reason, newest["metadata"]["name"])
        self._write(key, item, status, str(_revision(newest)))
        if progress.is_complete(item, status):
            self._clean_up(item, old)
        return wait

    def _progress(self, item: Object, status: Object) -> tuple[str, float | None]:
        """The reason that Progressing should have (empty: as it is), and the real seconds to the deadline."""
        before, uid, now = item.get("status", {}), item["metadata"]["uid"], asyncio.get_running_loop().time()
        complete = progress.is_complete(item, status)
        if progress.progress_reason(before) == progress.AVAILABLE and status["replicas"] == status["updatedReplicas"]:
            return "", None  # complete once is complete, until the template changes
        if complete:
            return progress.AVAILABLE, None
        if progress.has_progressed(before, status):
            self._progressed[uid] = now
            return progress.UPDATED, self._deadline(item)
        left = self._progressed.setdefault(uid, now) + self._deadline(item) - now
        if left <= 0:
            return progress.TIMED_OUT, None
        return "", left

    def _deadline(self, item: Object) -> float:
        return self._pace.deadline(item["spec"]["progressDeadlineSeconds"])

    def _write(self, key: Key, item: Object, status: Object, revision: str) -> None:
        annotations = {**(item["metadata"].get("annotations") or {}), REVISION: revision}
        metadata = {**item["metadata"], "annotations": annotations}
        self._registry.replace_status(key, {**item, "metadata": metadata, "status": status})

    def _clean_up(self, item: Object, old: list[Object]) -> None:
        """Forget old empty ReplicaSets beyond the history limit."""
        empty = [found for found in old if not found["spec"]["replicas"] and not found["status"].get("replicas")]
        ranked = sorted(empty, key=_revision)
        for found in ranked[: max(0, len(ranked) - item["spec"]["revisionHistoryLimit"])]:
            self._registry.delete(_key(found))


def _newest(item: Object, sets: list[Object]) -> tuple[Object | None, list[Object]]:
    wanted = without_hash(item["spec"]["template"])
    new = next((found for found in sets if without_hash(found["spec"]["template"]) == wanted), None)
    return new, [found for found in sets if found is not new]


def _revision(replica_set: Object) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, 0))


def _key(replica_set: Object) -> Key:
    metadata = replica_set["metadata"]
    return Key(kinds.REPLICA_SET, metadata["namespace"], metadata["name"])
