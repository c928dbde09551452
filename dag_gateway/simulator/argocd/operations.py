"""When an Application is synced, and what its operation says while it runs and when it has ended; pure."""

from collections.abc import Sequence

from dag_gateway.simulator.kinds import Object

from .application_status import revision_fields
from .resources import Resource

_RETRIES = 5
"""Of an automated sync that says nothing itself (``autoSync`` in appcontroller.go)."""


def asked_for(application: Object, revisions: Sequence[str], resources: Sequence[Resource]) -> Object | None:
    """The operation to run now: one that somebody wrote into the object, or an automated sync; None: nothing to do."""
    by_hand: Object | None = application.get("operation")
    if by_hand is not None:
        return {**by_hand, "sync": {**(by_hand.get("sync") or {}), **revision_fields(application, revisions)}}
    policy = application["spec"].get("syncPolicy") or {}
    automated = policy.get("automated")
    if automated is None or automated.get("enabled") is False or not _something_to_do(automated, resources):
        return None
    if was_tried(application, revisions) and not _heals(application, automated):
        return None
    sync = {**revision_fields(application, revisions), "prune": bool(automated.get("prune"))}
    return {
        "sync": sync,
        "initiatedBy": {"automated": True},
        "retry": policy.get("retry") or {"limit": _RETRIES},
    }


def was_tried(application: Object, revisions: Sequence[str]) -> bool:
    """Whether the last sync was of these very revisions: an automated one is never repeated, failed or not."""
    result = _last(application).get("syncResult") or {}
    wanted = revision_fields(application, revisions)
    return {name: result.get(name) for name in wanted} == wanted


def failed_before(application: Object, revisions: Sequence[str]) -> str:
    """The text of the condition SyncError; empty when the last sync of these revisions did not fail."""
    last = _last(application)
    if last.get("phase") not in ("Failed", "Error") or not was_tried(application, revisions):
        return ""
    return f"Failed last sync attempt to {list(revisions)}: {last['message']}"


def begun(application: Object, operation: Object, now: str) -> Object:
    """``status.operationState`` of an operation that starts."""
    sync = operation["sync"]
    revisions = {name: sync[name] for name in ("revision", "revisions") if name in sync}
    sources = {name: value for name, value in application["spec"].items() if name in ("source", "sources")}
    return {
        "operation": operation,
        "phase": "Running",
        "message": "waiting for completion of sync tasks",
        "startedAt": now,
        "syncResult": {**revisions, **sources, "resources": []},
    }


def retried(state: Object, problem: str, resources: Sequence[Object]) -> Object:
    """Failed, but not for good: the phase stays Running."""
    count = state.get("retryCount", 0) + 1
    told = f"{problem}. Retrying attempt #{count} at {state['startedAt'][11:16]}."
    return _with_resources({**state, "message": told, "retryCount": count}, resources)


def ended(state: Object, phase: str, message: str, resources: Sequence[Object], now: str) -> Object:
    """``phase`` is Succeeded, Failed or Error."""
    count = state.get("retryCount", 0)
    told = f"{message} (retried {count} times)." if count and phase != "Succeeded" else message
    return _with_resources({**state, "phase": phase, "message": told, "finishedAt": now}, resources)


def _with_resources(state: Object, resources: Sequence[Object]) -> Object:
    return {**state, "syncResult": {**state["syncResult"], "resources": list(resources)}}


def _something_to_do(automated: Object, resources: Sequence[Resource]) -> bool:
    """Leftovers alone are no reason unless they are pruned."""
    out = [resource for resource in resources if not resource.in_sync]
    return bool(out) and (bool(automated.get("prune")) or any(resource.config is not None for resource in out))


def _heals(application: Object, automated: Object) -> bool:
    return bool(automated.get("selfHeal")) and _last(application).get("phase") == "Succeeded"


def _last(application: Object) -> Object:
    state: Object = (application.get("status") or {}).get("operationState") or {}
    return state
