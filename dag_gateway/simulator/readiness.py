"""When Helm and Flux consider an object to be there: the rules of kstatus, as far as the simulated kinds go."""

import asyncio
from collections.abc import Collection

from . import kinds
from .conditions import condition, holds
from .kinds import Key, Object
from .store import ObjectStore


class NotReady(Exception):
    """What was waited for did not get ready: in time, or ever. The text is what Helm would say."""


async def all_ready(store: ObjectStore, keys: Collection[Key], seconds: float) -> None:
    """Wait, driven by the changes of the store, until every object is ready. Raises ``NotReady``."""
    try:
        async with asyncio.timeout(seconds):
            while problem := _first_problem(store, keys):
                await store.moved()
    except TimeoutError as error:
        raise NotReady(f"{problem}\ncontext deadline exceeded") from error


def _first_problem(store: ObjectStore, keys: Collection[Key]) -> str:
    """The first object that is not ready, in words; empty when all are. Raises for one that never will be."""
    for key in keys:
        item = store.get(*key)
        title = f"resource {key.kind.name}/{key.namespace}/{key.name} not ready"
        if item is None:
            return f"{title}. status: NotFound"
        if failure := _failure(key, item):
            raise NotReady(f"{title}. status: Failed, message: {failure}")
        if not _is_ready(key, item):
            return f"{title}. status: InProgress"
    return ""


def _failure(key: Key, item: Object) -> str:
    status = item.get("status") or {}
    progressing = condition(status, "Progressing")
    if key.kind is kinds.DEPLOYMENT and progressing and progressing["reason"] == "ProgressDeadlineExceeded":
        return "Progress deadline exceeded" if _observed(item) else ""
    failed = condition(status, "Failed")
    return str(failed["message"]) if key.kind is kinds.JOB and failed else ""


def _is_ready(key: Key, item: Object) -> bool:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    match key.kind:
        case kinds.DEPLOYMENT:
            return _observed(item) and _deployed(spec, status)
        case kinds.STATEFUL_SET:
            rolled = status.get("currentRevision") == status.get("updateRevision")
            return _observed(item) and rolled and status["readyReplicas"] == spec["replicas"] == status["replicas"]
        case kinds.DAEMON_SET:
            wanted = status.get("desiredNumberScheduled")
            return _observed(item) and wanted == status["numberReady"] == status["updatedNumberScheduled"]
        case kinds.JOB:
            return holds(status, "Complete") or bool(spec.get("suspend"))
        case kinds.POD:
            return status.get("phase") == "Succeeded" or holds(status, "Ready")
        case _:
            return True


def _deployed(spec: Object, status: Object) -> bool:
    progressing = condition(status, "Progressing")
    done = progressing is not None and progressing["reason"] == "NewReplicaSetAvailable"
    counts = {status["updatedReplicas"], status["availableReplicas"], status["replicas"]}
    return done and counts == {spec["replicas"]}


def _observed(item: Object) -> bool:
    observed = (item.get("status") or {}).get("observedGeneration")
    return bool(observed == item["metadata"]["generation"])
