"""The rule of each kind: how far its controller is, in the words of the first gap that is open.

Asked after the questions that are the same for all kinds; see ``rules``, which also names the sources.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from dag_gateway.model.health import Health, failed, healthy, progressing
from dag_gateway.model.reason import Reason

from .gaps import count, first_gap, pods, replicas
from .objects import Object, condition, holds, name, spec, status, why

Rule = Callable[[Object, datetime], Health]

_NO_DEADLINE = 2**31 - 1
"""What the API server stores where there is no progress deadline."""

_BY_HAND = "updated, the others once somebody deletes them (OnDelete)"


def _deployment(obj: Object, now: datetime) -> Health:
    progress = condition(obj, "Progressing")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return failed(Reason.ROLLOUT_FAILED, f"{name(obj)}: gave up{why(progress)}")
    available = progress.get("status") == "True" and progress.get("reason") == "NewReplicaSetAvailable"
    rolled_out = available or spec(obj).get("progressDeadlineSeconds") in (None, _NO_DEADLINE)
    want = replicas(obj)
    paused = bool(spec(obj).get("paused")) and not rolled_out
    return first_gap(
        obj,
        (paused, f"paused, {count(obj, 'updatedReplicas')} of {want} updated, waits to be resumed"),
        (count(obj, "replicas") < want, f"replicas {count(obj, 'replicas')} -> {want}"),
        (count(obj, "updatedReplicas") < want, f"{count(obj, 'updatedReplicas')} of {want} updated"),
        (count(obj, "replicas") > want, f"{pods(count(obj, 'replicas') - want, 'old ')} still there"),
        (
            count(obj, "availableReplicas") < count(obj, "updatedReplicas"),
            f"{count(obj, 'availableReplicas')} of {count(obj, 'updatedReplicas')} available",
        ),
        (count(obj, "readyReplicas") < want, f"{count(obj, 'readyReplicas')} of {want} ready"),
        (not rolled_out, "the new replica set is not available yet"),
        (not holds(obj, "Available"), "not available"),
    )


def _replica_set(obj: Object, now: datetime) -> Health:
    want = replicas(obj)
    failure = condition(obj, "ReplicaFailure")
    return first_gap(
        obj,
        (failure.get("status") == "True", f"pods can not be created{why(failure)}"),
        *((count(obj, field) < want, f"{field} {count(obj, field)} -> {want}") for field in _REPLICA_SET_COUNTS),
        (count(obj, "replicas") > want, f"{pods(count(obj, 'replicas') - want)} too many"),
    )


_REPLICA_SET_COUNTS = ("fullyLabeledReplicas", "availableReplicas", "readyReplicas")


def _stateful_set(obj: Object, now: datetime) -> Health:
    strategy = spec(obj).get("updateStrategy") or {}
    want = replicas(obj)
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    updated = count(obj, "updatedReplicas")
    split = status(obj).get("currentRevision") != status(obj).get("updateRevision")
    by_hand = strategy.get("type") == "OnDelete"
    held_back = f" ({updated} of {want} updated, by its partition)" if partition > 0 and updated < want else ""
    return first_gap(
        obj,
        (count(obj, "replicas") < want, f"replicas {count(obj, 'replicas')} -> {want}"),
        (count(obj, "readyReplicas") < want, f"{count(obj, 'readyReplicas')} of {want} ready"),
        (
            bool(spec(obj).get("minReadySeconds")) and count(obj, "availableReplicas") < want,
            f"{count(obj, 'availableReplicas')} of {want} available",
        ),
        (count(obj, "replicas") > want, f"{pods(count(obj, 'replicas') - want)} too many"),
        (by_hand and updated < want, f"{updated} of {want} {_BY_HAND}"),
        (partition > 0 and updated < want - partition, f"{updated} of {want - partition} updated (partition)"),
        (
            partition > 0 and updated == 0 < want,
            f"0 of {want} updated, the others once its partition ({partition}) is lowered",
        ),
        (partition == 0 and split and not by_hand, f"{updated} of {want} updated"),
        (
            partition == 0 and not by_hand and count(obj, "currentReplicas") < want,
            f"{count(obj, 'currentReplicas')} of {want} of the current revision",
        ),
        done=f"ready{held_back}",
    )


def _daemon_set(obj: Object, now: datetime) -> Health:
    want = status(obj).get("desiredNumberScheduled")
    if want is None or status(obj).get("observedGeneration") is None:
        return progressing(f"{name(obj)}: not scheduled yet")
    by_hand = (spec(obj).get("updateStrategy") or {}).get("type") == "OnDelete"
    told = {**_DAEMONS, "updatedNumberScheduled": _BY_HAND} if by_hand else _DAEMONS
    return first_gap(
        obj, *((count(obj, field) < want, f"{count(obj, field)} of {want} {words}") for field, words in told.items())
    )


_DAEMONS: Mapping[str, str] = {
    "currentNumberScheduled": "scheduled",
    "updatedNumberScheduled": "updated",
    "numberAvailable": "available",
    "numberReady": "ready",
}


def _job(obj: Object, now: datetime) -> Health:
    if holds(obj, "Complete"):
        return healthy(f"{name(obj)}: complete")
    if holds(obj, "Failed"):
        return failed(Reason.ROLLOUT_FAILED, f"{name(obj)}: job failed{why(condition(obj, 'Failed'))}")
    if spec(obj).get("suspend"):
        return healthy(f"{name(obj)}: suspended by its own spec")
    done = f"{count(obj, 'succeeded')} of {spec(obj).get('completions') or 1} completions"
    return progressing(f"{name(obj)}: {done if status(obj).get('startTime') else 'not started'}")


def _pod(obj: Object, now: datetime) -> Health:
    phase = status(obj).get("phase")
    if phase == "Succeeded" or (phase == "Running" and holds(obj, "Ready")):
        return healthy(f"{name(obj)}: {'finished' if phase == 'Succeeded' else 'ready'}")
    if phase == "Failed":
        return failed(Reason.ROLLOUT_FAILED, f"{name(obj)}: the pod failed{why(status(obj))}")
    return progressing(f"{name(obj)}: {'not ready' if phase == 'Running' else 'starting'}")


def _volume_claim(obj: Object, now: datetime) -> Health:
    phase = status(obj).get("phase")
    return healthy() if phase == "Bound" else progressing(f"{name(obj)}: volume not bound")


def _service(obj: Object, now: datetime) -> Health:
    """Does not wait for an ingress address, as in kstatus: who hands them out may not exist."""
    waits = spec(obj).get("type") == "LoadBalancer" and not spec(obj).get("clusterIP")
    return progressing(f"{name(obj)}: no cluster IP yet") if waits else healthy()


KINDS: Mapping[str, Rule] = {
    "apps/Deployment": _deployment,
    "apps/ReplicaSet": _replica_set,
    "apps/StatefulSet": _stateful_set,
    "apps/DaemonSet": _daemon_set,
    "batch/Job": _job,
    "Pod": _pod,
    "PersistentVolumeClaim": _volume_claim,
    "Service": _service,
}
