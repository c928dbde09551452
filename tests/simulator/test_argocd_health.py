from typing import Any

import pytest

from dag_gateway.simulator.argocd.health import Health, Word, health_of, worst
from dag_gateway.simulator.kinds import (
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    POD,
    ROLLOUT,
    STATEFUL_SET,
    VOLUME_CLAIM,
    Kind,
)

OBSERVED = {"observedGeneration": 2}
ROLLED = {"updateRevision": "web-2", "currentRevision": "web-2"}
LATE = {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}
FAILED = {"conditions": [{"type": "Failed", "status": "True", "message": "too often"}]}
UPDATED = {**OBSERVED, "replicas": 2, "updatedReplicas": 2}


def waiting(reason: str) -> dict[str, Any]:
    return {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": f"{reason} told"}}}]}


@pytest.mark.parametrize(
    ("kind", "status", "word", "message"),
    [
        (DEPLOYMENT, {"observedGeneration": 1}, "Progressing", "observed deployment generation less than desired"),
        (DEPLOYMENT, {**OBSERVED, **LATE}, "Degraded", 'Deployment "web" exceeded its progress deadline'),
        (DEPLOYMENT, {**OBSERVED, "updatedReplicas": 1}, "Progressing", "1 out of 2 new replicas have been updated"),
        (DEPLOYMENT, {**UPDATED, "replicas": 3}, "Progressing", "1 old replicas are pending termination"),
        (DEPLOYMENT, {**UPDATED, "availableReplicas": 1}, "Progressing", "1 of 2 updated replicas are available"),
        (DEPLOYMENT, {**UPDATED, "availableReplicas": 2}, "Healthy", ""),
        (STATEFUL_SET, {}, "Progressing", "Waiting for statefulset spec update to be observed"),
        (STATEFUL_SET, {**OBSERVED, "readyReplicas": 1}, "Progressing", "Waiting for 1 pods to be ready"),
        (STATEFUL_SET, {**OBSERVED, **ROLLED, "readyReplicas": 2, "currentRevision": "web-1"}, "Progressing", "web-2"),
        (STATEFUL_SET, {**OBSERVED, **ROLLED, "readyReplicas": 2}, "Healthy", ""),
        (DAEMON_SET, {}, "Progressing", "observed daemon set generation less than desired generation"),
        (DAEMON_SET, {**OBSERVED, "desiredNumberScheduled": 2}, "Progressing", "0 out of 2 new pods"),
        (
            DAEMON_SET,
            {**OBSERVED, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2},
            "Progressing",
            "0 of 2 updated pods are available",
        ),
        (
            DAEMON_SET,
            {**OBSERVED, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2},
            "Healthy",
            "",
        ),
        (JOB, {}, "Progressing", "Job is running"),
        (JOB, COMPLETE, "Healthy", "Job has completed"),
        (JOB, FAILED, "Degraded", "too often"),
        (POD, {"phase": "Pending"}, "Progressing", ""),
        (POD, {"phase": "Pending", **waiting("ErrImagePull")}, "Degraded", "ErrImagePull told"),
        (POD, {"phase": "Running", **waiting("CrashLoopBackOff")}, "Degraded", "CrashLoopBackOff told"),
        (POD, {"phase": "Running", **READY}, "Healthy", ""),
        (POD, {"phase": "Succeeded"}, "Healthy", ""),
        (POD, {"phase": "Failed", "message": "evicted"}, "Degraded", "evicted"),
        (VOLUME_CLAIM, {"phase": "Bound"}, "Healthy", ""),
        (VOLUME_CLAIM, {"phase": "Lost"}, "Degraded", ""),
        (VOLUME_CLAIM, {}, "Unknown", ""),
        (ROLLOUT, {"observedGeneration": "1"}, "Progressing", "Waiting for rollout spec update to be observed"),
        (ROLLOUT, {"observedGeneration": "2", "phase": "Paused", "message": "canary"}, "Suspended", "canary"),
        (ROLLOUT, {"observedGeneration": "2", "phase": "Degraded"}, "Degraded", ""),
        (ROLLOUT, {"observedGeneration": "2", "phase": "Healthy"}, "Healthy", ""),
    ],
)
def test_a_live_object_is_judged_as_argo_cd_does(kind: Kind, status: dict[str, Any], word: str, message: str) -> None:
    item = {"metadata": {"name": "web", "generation": 2}, "spec": {"replicas": 2}, "status": status}
    found = health_of(kind, item)
    assert found is not None
    assert found.word == word
    assert message in found.message


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [(DEPLOYMENT, {"paused": True}, "Deployment is paused"), (JOB, {"suspend": True}, "Job is suspended")],
)
def test_what_is_paused_is_suspended(kind: Kind, spec: dict[str, Any], message: str) -> None:
    assert health_of(kind, {"metadata": {}, "spec": spec}) == Health(Word.SUSPENDED, message)


def test_what_is_being_deleted_is_on_its_way() -> None:
    item = {"metadata": {"deletionTimestamp": "2026-01-31T12:00:00Z"}}
    assert health_of(DEPLOYMENT, item) == Health(Word.PROGRESSING, "Pending deletion")


def test_most_kinds_have_no_health() -> None:
    assert health_of(CONFIG_MAP, {"metadata": {}}) is None


def test_the_worst_word_counts() -> None:
    assert worst([Word.HEALTHY, Word.DEGRADED, Word.PROGRESSING]) is Word.DEGRADED
    assert worst([]) is Word.HEALTHY
