from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dag_gateway.clusters import workloads
from dag_gateway.clusters.workloads import Workloads
from dag_gateway.model.health import Verdict, failed, healthy, progressing
from dag_gateway.model.reason import Reason
from tests.fakes.kubernetes_objects import load, owned, renamed, replica_set

POD_CREATED = datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC)
BEFORE = POD_CREATED - timedelta(seconds=1)
AFTER = POD_CREATED + timedelta(seconds=60)


def rollout(state: str, old: str, new: str) -> Workloads:
    """A Deployment with an old and a new pod, each under its own replica set."""
    deployment = load(state)
    sets = [replica_set(deployment, "1"), replica_set(deployment, "2")]
    pods = [owned(renamed(load(pod), f"web-{n}-a", labels={}), sets[n - 1]) for n, pod in ((1, old), (2, new))]
    return Workloads([deployment], sets, pods)


def hashed(pod: str, owner: dict[str, Any], name: str, revision: str, at: str) -> dict[str, Any]:
    made = renamed(load(pod), name, creationTimestamp=at)
    return owned(made, owner, **{"controller-revision-hash": revision})


def test_a_release_without_workloads_is_healthy_and_says_so() -> None:
    assert workloads.judge(Workloads(), None) == healthy("the release has no workloads")


def test_progress_counts_the_ready_pods_of_the_new_revision() -> None:
    health = workloads.judge(rollout("deployment-updating", "pod-ready", "pod-ready"), BEFORE)

    assert health == progressing("web: 1/3 pods ready (2 of 3 updated)", ready=1, desired=3)


def test_a_healthy_deployment_counts_all_its_pods() -> None:
    health = workloads.judge(rollout("deployment-ready", "pod-ready", "pod-ready"), BEFORE)

    assert health == healthy("web: 3/3 pods ready", ready=3, desired=3)


def test_an_object_that_is_missing_keeps_the_release_from_being_healthy() -> None:
    gone = Workloads([load("deployment-ready")], missing=[progressing("Deployment shop/api is missing")])

    assert workloads.judge(gone, BEFORE).message == "Deployment shop/api is missing"


def test_a_deadline_missed_in_this_rollout_fails_it() -> None:
    health = workloads.judge(rollout("deployment-deadline", "pod-ready", "pod-unready"), BEFORE)

    assert (health.verdict, health.reason, health.ready) == (Verdict.FAILED, Reason.ROLLOUT_FAILED, 0)


@pytest.mark.parametrize("since", [AFTER, None])
def test_a_deadline_missed_in_an_earlier_rollout_does_not_count(since: datetime | None) -> None:
    health = workloads.judge(rollout("deployment-deadline", "pod-ready", "pod-unready"), since)

    assert health == progressing("web: 0/3 pods ready (1 of 3 updated)", ready=0, desired=3)


def test_a_crash_loop_of_a_new_pod_is_a_problem() -> None:
    (problem,) = workloads.problems(rollout("deployment-updating", "pod-ready", "pod-crash-loop"), BEFORE)

    assert (problem.reason, problem.pod) == (Reason.CRASH_LOOP, "web-2-a")


def test_a_crash_loop_of_an_old_pod_is_what_the_rollout_mends() -> None:
    assert workloads.problems(rollout("deployment-updating", "pod-crash-loop", "pod-unready"), BEFORE) == ()


@pytest.mark.parametrize("since", [AFTER, None])
def test_a_pod_from_before_the_rollout_is_no_evidence(since: datetime | None) -> None:
    assert workloads.problems(rollout("deployment-updating", "pod-ready", "pod-crash-loop"), since) == ()


def test_within_one_second_a_pod_that_was_there_before_is_no_evidence() -> None:
    held = rollout("deployment-updating", "pod-ready", "pod-crash-loop")

    assert len(workloads.problems(held, POD_CREATED)) == 1
    assert workloads.problems(held, POD_CREATED, {"uid-web-2-a"}) == ()
    assert len(workloads.problems(held, BEFORE, {"uid-web-2-a"})) == 1


def test_a_quota_that_stops_the_new_replica_set_is_a_problem() -> None:
    deployment = load("deployment-scaling")
    held = Workloads([deployment], [replica_set(deployment, "2", "replicaset-quota")])

    assert [problem.reason for problem in workloads.problems(held, BEFORE)] == [Reason.QUOTA]
    assert workloads.problems(held, AFTER) == ()


def test_while_the_controller_has_not_seen_the_spec_no_pod_is_current() -> None:
    held = rollout("deployment-unseen", "pod-crash-loop", "pod-crash-loop")

    assert workloads.current_pods(held.owners[0], held) == ()


def test_a_deployment_without_its_new_replica_set_has_no_current_pods() -> None:
    held = rollout("deployment-updating", "pod-ready", "pod-ready")
    early = Workloads(held.owners, held.replica_sets[:1], held.pods)

    assert workloads.current_pods(early.owners[0], early) == ()
    assert workloads.problems(early, BEFORE) == ()


def test_a_stateful_set_names_the_revision_of_its_new_pods() -> None:
    db = load("statefulset-updating")
    old = hashed("pod-ready", db, "db-0", "db-1", "2026-01-31T12:00:00Z")
    new = hashed("pod-unready", db, "db-2", "db-2", "2026-01-31T12:00:00Z")
    held = Workloads([db], pods=[old, new])

    assert workloads.current_pods(db, held) == (new,)
    assert workloads.judge(held, BEFORE).message == "db: 0/3 pods ready (1 of 3 updated)"


def test_the_youngest_pod_of_a_daemon_set_shows_the_newest_revision() -> None:
    agent = load("daemonset-updating")
    old = hashed("pod-ready", agent, "agent-a", "1", "2026-01-31T11:00:00Z")
    new = hashed("pod-ready", agent, "agent-b", "2", "2026-01-31T12:00:00Z")
    held = Workloads([agent], pods=[old, new])

    assert workloads.current_pods(agent, held) == (new,)
    assert workloads.judge(held, BEFORE) == progressing("agent: 1/2 pods ready (1 of 2 updated)", ready=1, desired=2)


def test_what_is_healthy_has_no_problem_though_a_pod_of_it_once_failed() -> None:
    job = load("job-complete")
    evicted = rollout("deployment-ready", "pod-ready", "pod-dead")

    assert workloads.problems(Workloads([job], pods=[owned(load("pod-dead"), job)]), BEFORE) == ()
    assert workloads.problems(evicted, BEFORE) == ()


def test_a_failed_pod_that_its_controller_replaces_only_explains() -> None:
    found = rollout("deployment-updating", "pod-ready", "pod-dead")
    pulling = owned(load("pod-image-pull"), dict(found.replica_sets[1]))
    held = Workloads(found.owners, found.replica_sets, [*found.pods, pulling])

    assert [(problem.reason, problem.grace) for problem in workloads.problems(held, BEFORE)] == [
        (Reason.IMAGE_PULL, 20.0),
        (Reason.CRASH_LOOP, None),
    ]


@pytest.mark.parametrize("state", ["pod-dead", "pod-crash-loop"])
def test_the_retries_of_a_job_are_its_own_affair(state: str) -> None:
    job = load("job-running")
    (problem,) = workloads.problems(Workloads([job], pods=[owned(load(state), job)]), BEFORE)

    assert (problem.reason, problem.grace) == (Reason.CRASH_LOOP, None)


def test_a_bare_pod_that_has_failed_stops_the_rollout() -> None:
    (problem,) = workloads.problems(Workloads([load("pod-dead")]), BEFORE)

    assert problem.grace == 0.0


def test_all_pods_of_a_job_are_current_and_nobody_counts_them() -> None:
    job = load("job-running")
    pod = owned(load("pod-crash-loop"), job)
    held = Workloads([job], pods=[pod])

    assert workloads.current_pods(job, held) == (pod,)
    assert workloads.judge(held, BEFORE) == progressing("migrate: 1 of 3 completions")


def test_a_job_without_pods_has_no_current_ones() -> None:
    job = load("job-new")

    assert workloads.current_pods(job, Workloads([job])) == ()


def test_a_bare_pod_is_its_own_current_pod() -> None:
    pod = load("pod-crash-loop")

    assert workloads.current_pods(pod, Workloads([pod])) == (pod,)


def test_a_bare_pod_that_failed_in_an_earlier_rollout_does_not_count() -> None:
    held = Workloads([load("pod-evicted")])

    assert workloads.judge(held, BEFORE).reason is Reason.ROLLOUT_FAILED
    assert workloads.judge(held, AFTER) == progressing("web-2-a: failed before this release")


def test_a_pod_being_deleted_is_not_ready() -> None:
    held = rollout("deployment-updating", "pod-ready", "pod-ready")
    held.pods[1]["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"

    assert workloads.judge(held, BEFORE).ready == 0


def test_hooks_are_not_part_of_the_release() -> None:
    hook = load("job-failed")
    hook["metadata"]["annotations"] = {"helm.sh/hook": "pre-upgrade"}

    assert workloads.judge(Workloads([hook]), BEFORE) == healthy("the release has no workloads")
    assert workloads.problems(Workloads([hook]), BEFORE) == ()


def test_the_whole_is_as_good_as_its_worst_workload() -> None:
    held = Workloads([load("deployment-ready"), load("job-failed"), load("statefulset-unready")])

    assert workloads.judge(held, BEFORE) == failed(
        Reason.ROLLOUT_FAILED,
        "migrate: job failed (BackoffLimitExceeded: Job has reached the specified backoff limit)",
        ready=3,
        desired=6,
    )


def test_a_deployment_without_replicas_wants_one() -> None:
    assert workloads.judge(Workloads([load("deployment-default-replicas")]), BEFORE).desired == 1


def test_a_time_that_can_not_be_read_is_no_evidence() -> None:
    held = rollout("deployment-updating", "pod-ready", "pod-crash-loop")
    held.pods[1]["metadata"]["creationTimestamp"] = "yesterday"

    assert workloads.problems(held, BEFORE) == ()
