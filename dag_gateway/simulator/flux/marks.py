"""The conditions that all Flux objects share, and how a request to reconcile is acknowledged."""

from dag_gateway.simulator.conditions import with_condition, without_condition
from dag_gateway.simulator.kinds import Object
from dag_gateway.simulator.registry import Registry

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def marked(
    registry: Registry, item: Object, status: Object, kind: str, value: str, reason: str, message: str
) -> Object:
    """The status with a condition about the present generation of ``item``."""
    generation = item["metadata"]["generation"]
    fields = {"reason": reason, "message": message, "observedGeneration": generation}
    return with_condition(status, registry.now(), kind, value, **fields)


def reconciling(registry: Registry, item: Object, status: Object, message: str) -> Object:
    """Under way: Reconciling=True, Ready=Unknown, no longer Stalled."""
    status = without_condition(status, "Stalled")
    status = marked(registry, item, status, "Reconciling", "True", "Progressing", message)
    return marked(registry, item, status, "Ready", "Unknown", "Progressing", message)


def ready(registry: Registry, item: Object, status: Object, reason: str, message: str) -> Object:
    """At rest and good; only here and in ``stalled`` the observed generation moves."""
    status = without_condition(status, "Reconciling", "Stalled")
    status = marked(registry, item, status, "Ready", "True", reason, message)
    return {**status, "observedGeneration": item["metadata"]["generation"]}


def stalled(registry: Registry, item: Object, status: Object, reason: str, message: str) -> Object:
    """At rest until somebody changes something; Ready is left to the caller."""
    status = without_condition(status, "Reconciling")
    status = marked(registry, item, status, "Stalled", "True", reason, message)
    return {**status, "observedGeneration": item["metadata"]["generation"]}


def with_request_handled(item: Object, status: Object) -> Object:
    """The status that acknowledges the newest request to reconcile, if there is one."""
    token = _requested(item)
    return {**status, "lastHandledReconcileAt": token} if token else status


def is_requested(item: Object) -> bool:
    """Whether somebody asked to reconcile since the last time."""
    handled: str = (item.get("status") or {}).get("lastHandledReconcileAt", "")
    return _requested(item) != handled


def _requested(item: Object) -> str:
    return str((item["metadata"].get("annotations") or {}).get(REQUESTED_AT, ""))


def duration(text: str) -> float:
    """Seconds of a Go duration such as ``1m30s``."""
    total, number = 0.0, ""
    units = text.replace("ms", "x")
    for letter in units:
        if letter.isdecimal() or letter == ".":
            number += letter
        else:
            total += float(number) * _SECONDS["ms" if letter == "x" else letter]
            number = ""
    return total
