from datetime import UTC, datetime
from typing import Any

import pytest

from dag_gateway.clusters import rules
from dag_gateway.clusters.objects import key
from dag_gateway.clusters.other_kind_rules import EXISTING
from dag_gateway.clusters.rules import RULES
from dag_gateway.model.health import Health, Verdict, failed, healthy, progressing
from dag_gateway.model.reason import Reason
from tests.fakes.kubernetes_objects import load

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

READY = [
    ("deployment-ready", "web: ready"),
    ("deployment-without-deadline", "web: ready"),
    ("deployment-default-replicas", "web: ready"),
    ("replicaset-ready", "web: ready"),
    ("statefulset-ready", "db: ready"),
    ("statefulset-partition-done", "db: ready (1 of 3 updated, by its partition)"),
    ("statefulset-partition-whole", "db: ready"),
    ("statefulset-ondelete-done", "db: ready"),
    ("daemonset-ready", "agent: ready"),
    ("job-complete", "migrate: complete"),
    ("job-suspended", "migrate: suspended by its own spec"),
    ("pod-ready", "web-2-a: ready"),
    ("pod-finished", "web-2-a: finished"),
    ("volumeclaim-bound", ""),
    ("service-ready", ""),
    ("certificate-ready", "web: ready"),
    ("deployment-unobserved", "web: ready"),
    ("deployment-endless-deadline", "web: ready"),
    ("configmap-there", ""),
    ("secret-there", ""),
    ("cronjob-there", ""),
    ("ingress-there", ""),
    ("disruptionbudget-there", ""),
    ("autoscaler-able", ""),
    ("crd-established", ""),
    ("rollout-healthy", "web: ready"),
    ("rollout-bluegreen-healthy", "web: ready"),
    ("rollout-hashed-generation", "web: ready"),
    ("rollout-workload-seen", "web: ready"),
    ("rollout-canary-delayed", "web: ready"),
]

ON_THEIR_WAY = [
    ("deployment-deleted", "web: being deleted"),
    ("deployment-unseen", "web: the controller has not seen the new spec yet"),
    ("deployment-reconciling", "web: reconciling (Busy: at it)"),
    ("deployment-scaling", "web: replicas 1 -> 3"),
    ("deployment-paused", "web: paused, 0 of 3 updated, waits to be resumed"),
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
    ("statefulset-partition-above", "db: 0 of 3 updated, the others once its partition (3) is lowered"),
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
    ("certificate-unknown", "web: not ready (Pending: nobody has looked)"),
    ("gadget-silent", "web: nothing says that it is ready (example.com/Gadget: no rule, no Ready condition)"),
    ("gadget-noncommittal", "web: nothing says that it is ready (example.com/Gadget: no rule, no Ready condition)"),
    ("replicaset-unlabeled", "web: fullyLabeledReplicas 1 -> 2"),
    ("replicaset-unavailable", "web: availableReplicas 1 -> 2"),
    ("statefulset-unavailable", "db: 1 of 3 available"),
    ("statefulset-behind", "db: 2 of 3 of the current revision"),
    ("daemonset-unscheduled", "agent: 1 of 2 scheduled"),
    ("daemonset-unavailable", "agent: 1 of 2 available"),
    ("daemonset-ondelete", "agent: 1 of 2 updated, the others once somebody deletes them (OnDelete)"),
    ("autoscaler-unable", 'autoscaler web: can not scale (FailedGetScale: deployments/scale.apps "web" not found)'),
    ("crd-installing", "gadgets.example.com: not established yet"),
    ("rollout-unseen", "web: the controller has not seen the new spec yet"),
    ("rollout-workload-unseen", "web: the controller has not seen the new pod template yet"),
    ("rollout-paused", "web: paused (CanaryPauseStep), waits for `promote`"),
    ("rollout-paused-phase", "web: paused (manually paused), waits for `promote`"),
    ("rollout-paused-spec", "web: paused, waits for `promote`"),
    ("rollout-new", "web: no pods yet"),
    ("rollout-updating", "web: 1 of 3 updated"),
    ("rollout-unavailable", "web: 2 of 3 available"),
    ("rollout-surplus", "web: 1 old pod still there"),
    ("rollout-canary-switching", "web: the new pods are not the stable ones yet"),
    ("rollout-canary-delayed-unavailable", "web: 5 of 6 available, 3 old pods among them"),
    ("rollout-bluegreen-switching", "web: traffic still goes to the old pods"),
    ("rollout-progressing", "web: progressing (more replicas need to be updated)"),
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
    (
        "crd-names-taken",
        Reason.CONFIG_ERROR,
        'gadgets.example.com: its names are not accepted (PluralConflict: "gadgets" is already in use)',
    ),
    (
        "crd-refused",
        Reason.CONFIG_ERROR,
        "gadgets.example.com: can not be established (NotAccepted: not all names are accepted)",
    ),
    (
        "rollout-invalid-spec",
        Reason.CONFIG_ERROR,
        "web: invalid spec (InvalidSpec: spec.selector: Required value)",
    ),
    (
        "rollout-aborted",
        Reason.ROLLOUT_FAILED,
        "web: gave up (RolloutAborted: Rollout aborted update to revision 2)",
    ),
    (
        "rollout-deadline",
        Reason.ROLLOUT_FAILED,
        'web: gave up (ProgressDeadlineExceeded: ReplicaSet "web-5d8c7f" has timed out progressing.)',
    ),
    ("rollout-degraded", Reason.ROLLOUT_FAILED, "web: degraded (the analysis run failed)"),
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
    assert rules.judge(load(state), NOW) == expected


def test_deletion_is_asked_before_everything_else() -> None:
    stalled = load("deployment-stalled")
    stalled["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"

    assert rules.judge(stalled, NOW).verdict is Verdict.PROGRESSING


def test_an_object_without_status_is_never_ready_when_somebody_has_to_make_it_so() -> None:
    for kind in RULES.keys() - EXISTING - {"Service", "autoscaling/HorizontalPodAutoscaler"}:
        assert rules.judge(bare(kind), NOW).verdict is Verdict.PROGRESSING, kind


def test_a_kind_that_nobody_has_to_make_ready_is_done_once_it_exists_and_not_while_it_is_deleted() -> None:
    for kind in EXISTING:
        new = bare(kind)
        assert rules.judge(new, NOW) == healthy()
        deleted = {**new, "metadata": {**new["metadata"], "deletionTimestamp": "2026-01-31T12:00:00Z"}}
        assert rules.judge(deleted, NOW) == progressing("new: being deleted")


def test_every_kind_with_a_rule_has_a_ready_and_an_unready_file() -> None:
    ready = {key(load(state)) for state, _ in READY}
    unready = {key(load(state)) for state, *_ in (*ON_THEIR_WAY, *BROKEN)}

    assert RULES.keys() - EXISTING <= ready
    assert RULES.keys() - EXISTING <= unready


def bare(kind: str) -> dict[str, Any]:
    """An object of that kind that was just written."""
    group, _, name = kind.rpartition("/")
    return {"apiVersion": f"{group}/v1" if group else "v1", "kind": name, "metadata": {"name": "new"}}
