import pytest

from dag_gateway.clusters import rules
from dag_gateway.clusters.kind_rules import RULES
from dag_gateway.model.health import Health, Verdict, failed, healthy, progressing
from dag_gateway.model.reason import Reason
from tests.fakes.kubernetes_objects import load

READY = [
    ("deployment-ready", "web: ready"),
    ("deployment-without-deadline", "web: ready"),
    ("deployment-default-replicas", "web: ready"),
    ("replicaset-ready", "web: ready"),
    ("statefulset-ready", "db: ready"),
    ("statefulset-partition-done", "db: ready"),
    ("statefulset-ondelete-done", "db: ready"),
    ("daemonset-ready", "agent: ready"),
    ("job-complete", "migrate: complete"),
    ("job-suspended", "migrate: suspended by its own spec"),
    ("pod-ready", "web-2-a: ready"),
    ("pod-finished", "web-2-a: finished"),
    ("volumeclaim-bound", ""),
    ("service-ready", ""),
    ("certificate-ready", "web: ready"),
    ("configmap-there", "web: exists (nothing is known about the readiness of ConfigMap)"),
]

ON_THEIR_WAY = [
    ("deployment-deleted", "web: being deleted"),
    ("deployment-unseen", "web: the controller has not seen the new spec yet"),
    ("deployment-reconciling", "web: reconciling (Busy: at it)"),
    ("deployment-scaling", "web: replicas 1 -> 3"),
    ("deployment-updating", "web: 2 of 3 updated"),
    ("deployment-surplus", "web: 1 old pod still there"),
    ("deployment-unavailable", "web: 2 of 3 available"),
    ("deployment-unready", "web: 2 of 3 ready"),
    ("deployment-nearly", "web: the new replica set is not available yet"),
    ("deployment-below-minimum", "web: not available"),
    ("replicaset-unready", "web: readyReplicas 1 -> 2"),
    ("replicaset-surplus", "web: 1 pod too many"),
    (
        "replicaset-quota",
        'web: pods can not be created (FailedCreate: pods "web-2-x" is forbidden: exceeded quota: small)',
    ),
    ("statefulset-scaling", "db: replicas 2 -> 3"),
    ("statefulset-unready", "db: 2 of 3 ready"),
    ("statefulset-surplus", "db: 1 pod too many"),
    ("statefulset-updating", "db: 1 of 3 updated"),
    ("statefulset-ondelete", "db: 0 of 3 updated, the others once somebody deletes them (OnDelete)"),
    ("statefulset-partition-updating", "db: 0 of 1 updated (partition)"),
    ("daemonset-new", "agent: not scheduled yet"),
    ("daemonset-unseen", "agent: not scheduled yet"),
    ("daemonset-updating", "agent: 1 of 2 updated"),
    ("daemonset-unready", "agent: 1 of 2 ready"),
    ("job-running", "migrate: 1 of 3 completions"),
    ("job-new", "migrate: not started"),
    ("pod-unready", "web-2-a: not ready"),
    ("pod-starting", "web-2-a: starting"),
    ("volumeclaim-pending", "data: volume not bound"),
    ("service-balancer-new", "web: no cluster IP yet"),
    ("certificate-unready", "web: not ready (Issuing: waiting for the issuer)"),
]

BROKEN = [
    (
        "deployment-deadline",
        Reason.ROLLOUT_FAILED,
        'web: gave up (ProgressDeadlineExceeded: ReplicaSet "web-2" has timed out progressing.)',
    ),
    ("deployment-stalled", Reason.STALLED, "web: stalled (Broken: no way)"),
    (
        "job-failed",
        Reason.ROLLOUT_FAILED,
        "migrate: job failed (BackoffLimitExceeded: Job has reached the specified backoff limit)",
    ),
    (
        "pod-evicted",
        Reason.ROLLOUT_FAILED,
        "web-2-a: the pod failed (Evicted: The node was low on resource: memory.)",
    ),
]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        *((state, healthy(message)) for state, message in READY),
        *((state, progressing(message)) for state, message in ON_THEIR_WAY),
        *((state, failed(reason, message)) for state, reason, message in BROKEN),
    ],
)
def test_an_object_is_judged_by_the_rule_of_its_kind(state: str, expected: Health) -> None:
    assert rules.judge(load(state)) == expected


def test_deletion_is_asked_before_everything_else() -> None:
    stalled = load("deployment-stalled")
    stalled["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"

    assert rules.judge(stalled).verdict is Verdict.PROGRESSING


def test_an_object_without_status_is_never_ready_when_its_kind_has_a_rule() -> None:
    for kind in RULES.keys() - {"Service"}:
        group, _, name = kind.rpartition("/")
        bare = {"apiVersion": f"{group}/v1" if group else "v1", "kind": name, "metadata": {"name": "new"}}
        assert rules.judge(bare).verdict is Verdict.PROGRESSING, kind
