"""The rule of each kind: how far its controller is, in the words of the first gap that is open.

Asked after the questions that are the same for all kinds; see ``rules``, which also names the sources.
"""

from collections.abc import Callable, Mapping

from dag_gateway.model.health import Health, failed, healthy, progressing
from dag_gateway.model.reason import Reason

from .objects import Object, condition, holds, name, spec, status, why

Rule = Callable[[Object], Health]

_NO_DEADLINE = 2**31 - 1
"""What the API server stores where there is no progress deadline."""


def _deployment(obj: Object) -> Health:
    progress = condition(obj, "Progressing")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return failed(Reason.ROLLOUT_FAILED, f"{name(obj)}: gave up{why(progress)}")
    available = progress.get("status") == "True" and progress.get("reason") == "NewReplicaSetAvailable"
    rolled_out = available or spec(obj).get("progressDeadlineSeconds") in (None, _NO_DEADLINE)
    want = _want(obj)
    return _first_gap(
        obj,
        (_count(obj, "replicas") < want, f"replicas {_count(obj, 'replicas')} -> {want}"),
        (_count(obj, "updatedReplicas") < want, f"{_count(obj, 'updatedReplicas')} of {want} updated"),
        (_count(obj, "replicas") > want, f"{_pods(_count(obj, 'replicas') - want, 'old ')} still there"),
        (
            _count(obj, "availableReplicas") < _count(obj, "updatedReplicas"),
            f"{_count(obj, 'availableReplicas')} of {_count(obj, 'updatedReplicas')} available",
        ),
        (_count(obj, "readyReplicas") < want, f"{_count(obj, 'readyReplicas')} of {want} ready"),
        (not rolled_out, "the new replica set is not available yet"),
        (not holds(obj, "Available"), "not available"),
    )


def _replica_set(obj: Object) -> Health:
    want = _want(obj)
    failure = condition(obj, "ReplicaFailure")
    return _first_gap(
        obj,
        (failure.get("status") == "True", f"pods can not be created{why(failure)}"),
        *((_count(obj, field) < want, f"{field} {_count(obj, field)} -> {want}") for field in _REPLICA_SET_COUNTS),
        (_count(obj, "replicas") > want, f"{_pods(_count(obj, 'replicas') - want)} too many"),
    )


_REPLICA_SET_COUNTS = ("fullyLabeledReplicas", "availableReplicas", "readyReplicas")


def _stateful_set(obj: Object) -> Health:
    strategy = spec(obj).get("updateStrategy") or {}
    want = _want(obj)
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    updated = _count(obj, "updatedReplicas")
    split = status(obj).get("currentRevision") != status(obj).get("updateRevision")
    by_hand = strategy.get("type") == "OnDelete"
    return _first_gap(
        obj,
        (_count(obj, "replicas") < want, f"replicas {_count(obj, 'replicas')} -> {want}"),
        (_count(obj, "readyReplicas") < want, f"{_count(obj, 'readyReplicas')} of {want} ready"),
        (
            bool(spec(obj).get("minReadySeconds")) and _count(obj, "availableReplicas") < want,
            f"{_count(obj, 'availableReplicas')} of {want} available",
        ),
        (_count(obj, "replicas") > want, f"{_pods(_count(obj, 'replicas') - want)} too many"),
        (by_hand and updated < want, f"{updated} of {want} updated, the others once somebody deletes them (OnDelete)"),
        (partition > 0 and updated < want - partition, f"{updated} of {want - partition} updated (partition)"),
        (partition == 0 and split and not by_hand, f"{updated} of {want} updated"),
    )


def _daemon_set(obj: Object) -> Health:
    want = status(obj).get("desiredNumberScheduled")
    if want is None or status(obj).get("observedGeneration") is None:
        return progressing(f"{name(obj)}: not scheduled yet")
    return _first_gap(
        obj, *((_count(obj, field) < want, f"{_count(obj, field)} of {want} {word}") for field, word in _DAEMONS)
    )


_DAEMONS = (
    ("currentNumberScheduled", "scheduled"),
    ("updatedNumberScheduled", "updated"),
    ("numberAvailable", "available"),
    ("numberReady", "ready"),
)


def _job(obj: Object) -> Health:
    if holds(obj, "Complete"):
        return healthy(f"{name(obj)}: complete")
    if holds(obj, "Failed"):
        return failed(Reason.ROLLOUT_FAILED, f"{name(obj)}: job failed{why(condition(obj, 'Failed'))}")
    if spec(obj).get("suspend"):
        return healthy(f"{name(obj)}: suspended by its own spec")
    done = f"{_count(obj, 'succeeded')} of {spec(obj).get('completions') or 1} completions"
    return progressing(f"{name(obj)}: {done if status(obj).get('startTime') else 'not started'}")


def _pod(obj: Object) -> Health:
    phase = status(obj).get("phase")
    if phase == "Succeeded" or (phase == "Running" and holds(obj, "Ready")):
        return healthy(f"{name(obj)}: {'finished' if phase == 'Succeeded' else 'ready'}")
    if phase == "Failed":
        return failed(Reason.ROLLOUT_FAILED, f"{name(obj)}: the pod failed{why(status(obj))}")
    return progressing(f"{name(obj)}: {'not ready' if phase == 'Running' else 'starting'}")


def _volume_claim(obj: Object) -> Health:
    phase = status(obj).get("phase")
    return healthy() if phase == "Bound" else progressing(f"{name(obj)}: volume not bound")


def _service(obj: Object) -> Health:
    """Does not wait for an ingress address, as in kstatus: who hands them out may not exist."""
    waits = spec(obj).get("type") == "LoadBalancer" and not spec(obj).get("clusterIP")
    return progressing(f"{name(obj)}: no cluster IP yet") if waits else healthy()


RULES: Mapping[str, Rule] = {
    "apps/Deployment": _deployment,
    "apps/ReplicaSet": _replica_set,
    "apps/StatefulSet": _stateful_set,
    "apps/DaemonSet": _daemon_set,
    "batch/Job": _job,
    "Pod": _pod,
    "PersistentVolumeClaim": _volume_claim,
    "Service": _service,
}


def _first_gap(obj: Object, *gaps: tuple[bool, str]) -> Health:
    """Progressing with the words of the first gap that is open; healthy when none is."""
    for is_open, words in gaps:
        if is_open:
            return progressing(f"{name(obj)}: {words}")
    return healthy(f"{name(obj)}: ready")


def _want(obj: Object) -> int:
    """``spec.replicas``; the API server's default is 1."""
    replicas = spec(obj).get("replicas")
    return 1 if replicas is None else int(replicas)


def _pods(count: int, which: str = "") -> str:
    return f"{count} {which}{'pod' if count == 1 else 'pods'}"


def _count(obj: Object, field: str) -> int:
    return int(status(obj).get(field) or 0)
