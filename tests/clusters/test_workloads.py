from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dag_gateway.clusters import workloads
from dag_gateway.clusters.diagnose import Problem
from dag_gateway.clusters.objects import slim
from dag_gateway.clusters.revisions import current_pods
from dag_gateway.clusters.workloads import Workloads
from dag_gateway.config import PatienceSettings
from dag_gateway.model.health import Health, Verdict, failed, healthy, progressing
from dag_gateway.model.reason import Reason
from tests.fakes.kubernetes_objects import load, owned, renamed, replica_set

POD_CREATED = datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC)
BEFORE = POD_CREATED - timedelta(seconds=1)
AFTER = POD_CREATED + timedelta(seconds=60)


def judge(held: Workloads, since: datetime | None) -> Health:
    return workloads.judge(held, since, AFTER)


def problems(held: Workloads, since: datetime | None, older: Collection[str] = ()) -> tuple[Problem, ...]:
    return workloads.problems(held, since, AFTER, older, PatienceSettings())


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
    assert judge(Workloads(), None) == healthy("the release has no workloads")


def test_progress_counts_the_ready_pods_of_the_new_revision() -> None:
    health = judge(rollout("deployment-updating", "pod-ready", "pod-ready"), BEFORE)

    assert health == progressing("web: 1/3 pods ready (2 of 3 updated)", ready=1, desired=3)


def test_a_healthy_deployment_counts_all_its_pods() -> None:
    health = judge(rollout("deployment-ready", "pod-ready", "pod-ready"), BEFORE)

    assert health == healthy("web: 3/3 pods ready", ready=3, desired=3)


def test_an_object_that_is_missing_keeps_the_release_from_being_healthy() -> None:
    gone = Workloads([load("deployment-ready")], missing=[progressing("Deployment shop/api is missing")])

    assert judge(gone, BEFORE).message == "Deployment shop/api is missing"


def test_a_deadline_missed_in_this_rollout_fails_it() -> None:
    health = judge(rollout("deployment-deadline", "pod-ready", "pod-unready"), BEFORE)

    assert (health.verdict, health.reason, health.ready) == (Verdict.FAILED, Reason.ROLLOUT_FAILED, 0)


@pytest.mark.parametrize("since", [AFTER, None])
def test_a_deadline_missed_in_an_earlier_rollout_does_not_count(since: datetime | None) -> None:
    health = judge(rollout("deployment-deadline", "pod-ready", "pod-unready"), since)

    assert health == progressing("web: 0/3 pods ready (1 of 3 updated)", ready=0, desired=3)


def test_a_crash_loop_of_a_new_pod_is_a_problem() -> None:
    (problem,) = problems(rollout("deployment-updating", "pod-ready", "pod-crash-loop"), BEFORE)

    assert (problem.reason, problem.pod) == (Reason.CRASH_LOOP, "web-2-a")


def test_a_crash_loop_of_an_old_pod_is_what_the_rollout_mends() -> None:
    assert problems(rollout("deployment-updating", "pod-crash-loop", "pod-unready"), BEFORE) == ()


@pytest.mark.parametrize("since", [AFTER, None])
def test_a_pod_from_before_the_rollout_is_no_evidence(since: datetime | None) -> None:
    assert problems(rollout("deployment-updating", "pod-ready", "pod-crash-loop"), since) == ()


def test_within_one_second_a_pod_that_was_there_before_is_no_evidence() -> None:
    held = rollout("deployment-updating", "pod-ready", "pod-crash-loop")

    assert len(problems(held, POD_CREATED)) == 1
    assert problems(held, POD_CREATED, {"uid-web-2-a"}) == ()
    assert len(problems(held, BEFORE, {"uid-web-2-a"})) == 1


def test_a_quota_that_stops_the_new_replica_set_is_a_problem() -> None:
    deployment = load("deployment-scaling")
    held = Workloads([deployment], [replica_set(deployment, "2", "replicaset-quota")])

    assert [problem.reason for problem in problems(held, BEFORE)] == [Reason.QUOTA]
    assert problems(held, AFTER) == ()


def test_while_the_controller_has_not_seen_the_spec_no_pod_is_current() -> None:
    held = rollout("deployment-unseen", "pod-crash-loop", "pod-crash-loop")

    assert current_pods(held.owners[0], held.replica_sets, held.pods) == ()


def test_a_deployment_without_its_new_replica_set_has_no_current_pods() -> None:
    held = rollout("deployment-updating", "pod-ready", "pod-ready")
    early = Workloads(held.owners, held.replica_sets[:1], held.pods)

    assert current_pods(early.owners[0], early.replica_sets, early.pods) == ()
    assert problems(early, BEFORE) == ()


def test_a_stateful_set_names_the_revision_of_its_new_pods() -> None:
    db = load("statefulset-updating")
    old = hashed("pod-ready", db, "db-0", "db-1", "2026-01-31T12:00:00Z")
    new = hashed("pod-unready", db, "db-2", "db-2", "2026-01-31T12:00:00Z")
    held = Workloads([db], pods=[old, new])

    assert current_pods(db, held.replica_sets, held.pods) == (new,)
    assert judge(held, BEFORE).message == "db: 0/3 pods ready (1 of 3 updated)"


def test_the_youngest_pod_of_a_daemon_set_shows_the_newest_revision() -> None:
    agent = load("daemonset-updating")
    old = hashed("pod-ready", agent, "agent-a", "1", "2026-01-31T11:00:00Z")
    new = hashed("pod-ready", agent, "agent-b", "2", "2026-01-31T12:00:00Z")
    held = Workloads([agent], pods=[old, new])

    assert current_pods(agent, held.replica_sets, held.pods) == (new,)
    assert judge(held, BEFORE) == progressing("agent: 1/2 pods ready (1 of 2 updated)", ready=1, desired=2)


def test_what_is_healthy_has_no_problem_though_a_pod_of_it_once_failed() -> None:
    job = load("job-complete")
    evicted = rollout("deployment-ready", "pod-ready", "pod-dead")

    assert problems(Workloads([job], pods=[owned(load("pod-dead"), job)]), BEFORE) == ()
    assert problems(evicted, BEFORE) == ()


def test_a_failed_pod_that_its_controller_replaces_only_explains() -> None:
    found = rollout("deployment-updating", "pod-ready", "pod-dead")
    pulling = owned(load("pod-image-pull"), dict(found.replica_sets[1]))
    held = Workloads(found.owners, found.replica_sets, [*found.pods, pulling])

    assert [(problem.reason, problem.grace) for problem in problems(held, BEFORE)] == [
        (Reason.IMAGE_PULL, 20.0),
        (Reason.CRASH_LOOP, None),
    ]


@pytest.mark.parametrize("state", ["pod-dead", "pod-crash-loop"])
def test_the_retries_of_a_job_are_its_own_affair(state: str) -> None:
    job = load("job-running")
    (problem,) = problems(Workloads([job], pods=[owned(load(state), job)]), BEFORE)

    assert (problem.reason, problem.grace) == (Reason.CRASH_LOOP, None)


def test_a_bare_pod_that_has_failed_stops_the_rollout() -> None:
    (problem,) = problems(Workloads([load("pod-dead")]), BEFORE)

    assert problem.grace == 0.0


def test_all_pods_of_a_job_are_current_and_nobody_counts_them() -> None:
    job = load("job-running")
    pod = owned(load("pod-crash-loop"), job)
    held = Workloads([job], pods=[pod])

    assert current_pods(job, held.replica_sets, held.pods) == (pod,)
    assert judge(held, BEFORE) == progressing("migrate: 1 of 3 completions")


def test_a_job_without_pods_has_no_current_ones() -> None:
    job = load("job-new")

    assert current_pods(job, [], []) == ()


def test_a_bare_pod_is_its_own_current_pod() -> None:
    pod = load("pod-crash-loop")

    assert current_pods(pod, [], []) == (pod,)


def test_a_bare_pod_that_failed_in_an_earlier_rollout_does_not_count() -> None:
    held = Workloads([load("pod-evicted")])

    assert judge(held, BEFORE).reason is Reason.ROLLOUT_FAILED
    assert judge(held, AFTER) == progressing("web-2-a: failed before this release")


def test_a_pod_being_deleted_is_not_ready() -> None:
    held = rollout("deployment-updating", "pod-ready", "pod-ready")
    held.pods[1]["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"

    assert judge(held, BEFORE).ready == 0


def test_hooks_are_not_part_of_the_release() -> None:
    hook = load("job-failed")
    hook["metadata"]["annotations"] = {"helm.sh/hook": "pre-upgrade"}

    assert judge(Workloads([hook]), BEFORE) == healthy("the release has no workloads")
    assert problems(Workloads([hook]), BEFORE) == ()


def test_the_whole_is_as_good_as_its_worst_workload() -> None:
    held = Workloads([load("deployment-ready"), load("job-failed"), load("statefulset-unready")])

    assert judge(held, BEFORE) == failed(
        Reason.ROLLOUT_FAILED,
        "migrate: job failed (BackoffLimitExceeded: Job has reached the specified backoff limit)",
        ready=3,
        desired=6,
    )


def test_a_deployment_without_replicas_wants_one() -> None:
    assert judge(Workloads([load("deployment-default-replicas")]), BEFORE).desired == 1


def test_a_time_that_can_not_be_read_is_no_evidence() -> None:
    held = rollout("deployment-updating", "pod-ready", "pod-crash-loop")
    held.pods[1]["metadata"]["creationTimestamp"] = "yesterday"

    assert problems(held, BEFORE) == ()


def argo_rollout(state: str, pod: str) -> Workloads:
    """A Rollout with an old and a new ReplicaSet; ``pod`` is the state of the new one's pod."""
    owner = load(state)
    sets = [owned(load("replicaset-ready"), owner, **{"rollouts-pod-template-hash": h}) for h in ("old", "5d8c7f")]
    named = [renamed(one, f"web-{n}", labels=one["metadata"]["labels"]) for n, one in enumerate(sets)]
    pods = [renamed(load("pod-ready"), "web-0-a", labels={}), renamed(load(pod), "web-1-a", labels={})]
    return Workloads([owner], named, [owned(one, made) for one, made in zip(pods, named, strict=True)])


def test_the_new_pods_of_an_argo_rollout_are_those_of_its_current_hash() -> None:
    held = argo_rollout("rollout-updating", "pod-crash-loop")

    assert judge(held, BEFORE) == progressing("web: 0/3 pods ready (1 of 3 updated)", ready=0, desired=3)
    assert [problem.pod for problem in problems(held, BEFORE)] == ["web-1-a"]


@pytest.mark.parametrize("state", ["rollout-new", "rollout-unseen"])
def test_an_argo_rollout_whose_controller_has_not_begun_has_no_current_pods(state: str) -> None:
    held = argo_rollout(state, "pod-crash-loop")

    assert current_pods(held.owners[0], held.replica_sets, held.pods) == ()


@pytest.mark.parametrize("state", ["rollout-aborted", "rollout-deadline", "rollout-invalid-spec"])
def test_an_argo_rollout_given_up_earlier_is_no_evidence_and_neither_is_its_phase(state: str) -> None:
    held = argo_rollout(state, "pod-unready")

    assert judge(held, BEFORE).verdict is Verdict.FAILED
    assert judge(held, AFTER).verdict is not Verdict.FAILED


def test_what_nobody_can_judge_is_named_where_the_rest_is_healthy() -> None:
    held = replace(
        rollout("deployment-ready", "pod-ready", "pod-ready"),
        unjudged=[load("gadget-silent"), load("ingress-there"), load("crd-established")],
    )

    assert judge(held, BEFORE).message == (
        "web: 3/3 pods ready; not judged: Gadget shop/web (no rule for its kind),"
        " Ingress shop/web (it could not be read), CustomResourceDefinition gadgets.example.com (it could not be read)"
    )


def test_what_nobody_can_judge_is_not_told_while_something_is_on_its_way() -> None:
    held = replace(rollout("deployment-updating", "pod-ready", "pod-ready"), unjudged=[load("gadget-silent")])

    assert "Gadget" not in judge(held, BEFORE).message


def test_a_condition_is_quoted_without_what_looks_like_a_secret() -> None:
    job = load("job-failed")
    job["status"]["conditions"][0]["message"] = "TOKEN=hunter2 was refused"

    assert judge(Workloads([job]), BEFORE).message.endswith("(BackoffLimitExceeded: TOKEN=[redacted] was refused)")


def test_of_many_objects_that_nobody_can_judge_the_first_are_named() -> None:
    held = Workloads(unjudged=[renamed(load("gadget-silent"), f"gadget-{n}") for n in range(7)])
    message = judge(held, BEFORE).message

    assert message.startswith("the release has no workloads; not judged: Gadget shop/gadget-0 (no rule for its kind), ")
    assert message.endswith("Gadget shop/gadget-4 (no rule for its kind) and 2 more")


def refused(pods: int, created_at: str = "2026-01-31T12:00:05Z", **event: Any) -> Workloads:
    """A StatefulSet that wants three pods and has some, with the event that its controller could not create one."""
    db = load("statefulset-scaling")
    made = [hashed("pod-unready", db, f"db-{n}", "db-2", created_at) for n in range(pods)]
    return Workloads([db], pods=made, warnings=[{**load("event-quota"), **event}])


def test_pods_that_a_stateful_set_can_not_create_are_a_problem() -> None:
    (problem,) = problems(refused(1), BEFORE)

    assert (problem.reason, problem.grace) == (Reason.QUOTA, 15.0)
    assert "db in namespace shop can not create pods: " in problem.message


@pytest.mark.parametrize(
    "held",
    [
        refused(3),
        refused(1, created_at="2026-01-31T12:00:11Z"),
        refused(1, lastTimestamp="2026-01-31T11:00:00Z"),
        refused(1, involvedObject={"uid": "statefulset-other"}),
        refused(1, lastTimestamp=None),
    ],
    ids=["no pod is missing", "one was created since", "of an earlier rollout", "of another", "of no known time"],
)
def test_an_event_that_says_nothing_of_now_is_no_problem(held: Workloads) -> None:
    assert problems(held, BEFORE) == ()


def test_a_job_that_can_not_create_its_pod_is_a_problem_until_there_is_one() -> None:
    job = load("job-running")
    event = {**load("event-quota"), "involvedObject": {"uid": job["metadata"]["uid"]}}
    none, one = (Workloads([job], pods=[owned(load("pod-starting"), job)] * n, warnings=[event]) for n in (0, 1))

    assert [problem.reason for problem in problems(none, BEFORE)] == [Reason.QUOTA]
    assert problems(one, BEFORE) == ()


def test_the_pods_that_a_partition_holds_back_are_told_at_the_end() -> None:
    health = judge(Workloads([load("statefulset-partition-done")]), BEFORE)

    assert health == healthy("db: 3/3 pods ready (1 of 3 updated, by its partition)", ready=3, desired=3)


def of_bare_set(*images: str, **status: Any) -> Workloads:
    """A ReplicaSet of its own whose template runs ``web:2``, and its pods with these images beside an added sidecar."""
    owner = load("replicaset-ready")
    owner["spec"]["template"] = {"spec": {"containers": [{"name": "app", "image": "web:2"}]}}
    pods = [owned(renamed(load("pod-ready"), f"web-{n}"), owner) for n in range(len(images))]
    for pod, image in zip(pods, images, strict=True):
        pod["spec"] = {"containers": [{"name": "app", "image": image}, {"name": "proxy", "image": "proxy:7"}]}
        pod["status"] = {**pod["status"], **status}
    return Workloads([owner], pods=[slim(pod) for pod in pods])


def test_a_bare_replica_set_is_not_done_while_pods_of_another_image_run() -> None:
    health = judge(of_bare_set("web:1", "web:2"), BEFORE)

    assert health == progressing(
        "web: 1/2 pods ready (1 old pod with other images, until somebody deletes them)", ready=1, desired=2
    )


@pytest.mark.parametrize(
    "held",
    [of_bare_set("web:2", "web:2"), of_bare_set("web:1", "web:1", phase="Failed")],
    ids=["all of the template", "the old ones have ended"],
)
def test_a_bare_replica_set_is_done_once_no_pod_of_another_image_runs(held: Workloads) -> None:
    assert judge(held, BEFORE) == healthy("web: 2/2 pods ready", ready=2, desired=2)


def test_the_crash_of_an_old_pod_of_a_bare_replica_set_is_no_problem() -> None:
    crashing = {"phase": "Running", **load("pod-crash-loop")["status"]}
    old, new = of_bare_set("web:1", **crashing), of_bare_set("web:2", **crashing)
    for held in (old, new):
        held.owners[0]["status"]["readyReplicas"] = 0

    assert problems(old, BEFORE) == ()
    assert [problem.reason for problem in problems(new, BEFORE)] == [Reason.CRASH_LOOP]


def test_a_condition_without_a_time_zone_is_taken_as_utc() -> None:
    held = rollout("deployment-deadline", "pod-ready", "pod-unready")
    for entry in held.owners[0]["status"]["conditions"]:
        entry.update({name: entry[name].removesuffix("Z") for name in entry if name.endswith("Time")})

    assert judge(held, BEFORE).reason is Reason.ROLLOUT_FAILED
    assert judge(held, AFTER).verdict is Verdict.PROGRESSING
