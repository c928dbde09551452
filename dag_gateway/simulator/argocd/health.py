"""Argo CD's own opinion of a live object. It does not descend from a Deployment to its pods.

Source: ``pkg/health/health_*.go`` of gitops-engine, and ``resource_customizations`` of Argo CD.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from dag_gateway.simulator import kinds
from dag_gateway.simulator.conditions import condition, holds
from dag_gateway.simulator.kinds import Kind, Object


class Word(StrEnum):
    """From best to worst; an Application is as good as its worst resource."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"


class Health(NamedTuple):
    word: Word
    message: str = ""


def health_of(kind: Kind, item: Object) -> Health | None:
    """None for kinds that have no health."""
    if "deletionTimestamp" in item["metadata"]:
        return Health(Word.PROGRESSING, "Pending deletion")
    rule = _RULES.get(kind)
    return rule(item, item.get("status") or {}) if rule else None


def worst(found: Iterable[Word]) -> Word:
    """Healthy when there is nothing to judge."""
    order = list(Word)
    return max(found, key=order.index, default=Word.HEALTHY)


def _progressing(message: str) -> Health:
    return Health(Word.PROGRESSING, message)


def _deployment(item: Object, status: Object) -> Health:
    if item["spec"].get("paused"):
        return Health(Word.SUSPENDED, "Deployment is paused")
    if not _observed(item, status):
        return _progressing(
            "Waiting for rollout to finish: observed deployment generation less than desired generation"
        )
    moving = condition(status, "Progressing")
    if moving and moving["reason"] == "ProgressDeadlineExceeded":
        return Health(Word.DEGRADED, f'Deployment "{item["metadata"]["name"]}" exceeded its progress deadline')
    wanted, updated = item["spec"]["replicas"], status.get("updatedReplicas", 0)
    if updated < wanted:
        return _progressing(
            f"Waiting for rollout to finish: {updated} out of {wanted} new replicas have been updated..."
        )
    if (old := status.get("replicas", 0) - updated) > 0:
        return _progressing(f"Waiting for rollout to finish: {old} old replicas are pending termination...")
    if (available := status.get("availableReplicas", 0)) < updated:
        return _progressing(
            f"Waiting for rollout to finish: {available} of {updated} updated replicas are available..."
        )
    return Health(Word.HEALTHY)


def _stateful_set(item: Object, status: Object) -> Health:
    if not _observed(item, status):
        return _progressing("Waiting for statefulset spec update to be observed...")
    if (ready := status.get("readyReplicas", 0)) < (wanted := item["spec"]["replicas"]):
        return _progressing(f"Waiting for {wanted - ready} pods to be ready...")
    if (new := status.get("updateRevision")) != status.get("currentRevision"):
        return _progressing(f"waiting for statefulset rolling update to complete: revision {new}...")
    return Health(Word.HEALTHY)


def _daemon_set(item: Object, status: Object) -> Health:
    if not _observed(item, status):
        return _progressing(
            "Waiting for rollout to finish: observed daemon set generation less than desired generation"
        )
    wanted = status.get("desiredNumberScheduled", 0)
    if (updated := status.get("updatedNumberScheduled", 0)) < wanted:
        return _progressing(f"{updated} out of {wanted} new pods have been updated")
    if (available := status.get("numberAvailable", 0)) < wanted:
        return _progressing(f"{available} of {wanted} updated pods are available")
    return Health(Word.HEALTHY)


def _job(item: Object, status: Object) -> Health:
    if failed := condition(status, "Failed"):
        return Health(Word.DEGRADED, str(failed["message"]))
    if holds(status, "Complete"):
        return Health(Word.HEALTHY, "Job has completed")
    return Health(Word.SUSPENDED, "Job is suspended") if item["spec"].get("suspend") else _progressing("Job is running")


def _pod(item: Object, status: Object) -> Health:
    waiting = [found.get("state", {}).get("waiting") or {} for found in status.get("containerStatuses") or []]
    for found in waiting:
        reason = str(found.get("reason", ""))
        if reason.startswith("Err") or reason.endswith(("Error", "BackOff")):
            return Health(Word.DEGRADED, str(found.get("message", reason)))
    match status.get("phase"):
        case "Succeeded":
            return Health(Word.HEALTHY)
        case "Failed":
            return Health(Word.DEGRADED, str(status.get("message", "")))
        case "Running" if holds(status, "Ready"):
            return Health(Word.HEALTHY)
        case _:
            return _progressing("")


def _volume_claim(_: Object, status: Object) -> Health:
    words = {"Bound": Word.HEALTHY, "Pending": Word.PROGRESSING, "Lost": Word.DEGRADED}
    return Health(words.get(status.get("phase", ""), Word.UNKNOWN))


def _rollout(item: Object, status: Object) -> Health:
    if str(status.get("observedGeneration", "")) != str(item["metadata"]["generation"]):
        return _progressing("Waiting for rollout spec update to be observed")
    words = {"Healthy": Word.HEALTHY, "Degraded": Word.DEGRADED, "Paused": Word.SUSPENDED}
    return Health(words.get(status.get("phase", ""), Word.PROGRESSING), str(status.get("message", "")))


def _observed(item: Object, status: Object) -> bool:
    return bool(item["metadata"]["generation"] <= status.get("observedGeneration", 0))


_RULES: Mapping[Kind, Callable[[Object, Object], Health]] = {
    kinds.DEPLOYMENT: _deployment,
    kinds.STATEFUL_SET: _stateful_set,
    kinds.DAEMON_SET: _daemon_set,
    kinds.JOB: _job,
    kinds.POD: _pod,
    kinds.VOLUME_CLAIM: _volume_claim,
    kinds.ROLLOUT: _rollout,
}
