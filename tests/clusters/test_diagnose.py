from datetime import UTC, datetime, timedelta

import pytest

from dag_gateway.clusters import diagnose
from dag_gateway.clusters.diagnose import Patience, Problem
from dag_gateway.model.reason import Reason
from tests.fakes.kubernetes_objects import load

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
POD = "pod web-2-a (namespace shop)"


@pytest.mark.parametrize(
    ("state", "reason", "message", "grace"),
    [
        (
            "pod-crash-loop",
            Reason.CRASH_LOOP,
            f"{POD}, container app: CrashLoopBackOff after 2 restarts, Error, exit code 1",
            0.0,
        ),
        ("pod-crash-loop-untold", Reason.CRASH_LOOP, f"{POD}, container app: CrashLoopBackOff after 4 restarts", 0.0),
        (
            "pod-oom",
            Reason.CRASH_LOOP,
            f"{POD}, container app: CrashLoopBackOff after 3 restarts, out of memory (OOMKilled), exit code 137",
            0.0,
        ),
        (
            "pod-init-crash-loop",
            Reason.CRASH_LOOP,
            f"{POD}, container wait-for-db: CrashLoopBackOff after 5 restarts, Error, exit code 1",
            0.0,
        ),
        ("pod-dead", Reason.CRASH_LOOP, f"{POD}, container app: ended, Error, exit code 1", 0.0),
        (
            "pod-image-pull",
            Reason.IMAGE_PULL,
            f'{POD}, container app: ImagePullBackOff: Back-off pulling image "registry.example.com/web:2"',
            diagnose.PULL_GRACE,
        ),
        (
            "pod-image-error",
            Reason.IMAGE_PULL,
            f"{POD}, container app: ErrImagePull: image registry.example.com/web:2",
            diagnose.PULL_GRACE,
        ),
        (
            "pod-image-name",
            Reason.IMAGE_PULL,
            f'{POD}, container app: InvalidImageName: couldn\'t parse image name "We b"',
            0.0,
        ),
        (
            "pod-config-error",
            Reason.CONFIG_ERROR,
            f'{POD}, container app: CreateContainerConfigError: secret "db" not found',
            diagnose.CONFIG_GRACE,
        ),
        (
            "pod-unschedulable",
            Reason.UNSCHEDULABLE,
            f"{POD} can not be scheduled: 0/3 nodes are available: 3 Insufficient cpu.",
            diagnose.SCHEDULE_GRACE,
        ),
    ],
)
def test_a_pod_that_can_not_start_says_why(state: str, reason: Reason, message: str, grace: float) -> None:
    (problem,) = diagnose.of_pod(load(state))

    assert (problem.reason, problem.message, problem.grace) == (reason, message, grace)


@pytest.mark.parametrize("state", ["pod-ready", "pod-starting", "pod-unready", "pod-crashed-once", "pod-finished"])
def test_a_pod_that_may_still_start_has_no_problem(state: str) -> None:
    assert diagnose.of_pod(load(state)) == ()


def test_the_words_of_a_crash_loop_are_those_of_the_last_run() -> None:
    (problem,) = diagnose.of_pod(load("pod-init-crash-loop"))

    assert (problem.namespace, problem.pod, problem.container) == ("shop", "web-2-a", "wait-for-db")
    assert problem.previous


def test_the_words_of_a_dead_pod_are_those_of_its_only_run() -> None:
    (problem,) = diagnose.of_pod(load("pod-dead"))

    assert problem.container == "app"
    assert not problem.previous


def test_one_image_problem_keeps_its_key_while_the_kubelet_changes_its_words() -> None:
    (error,), (back_off,) = (diagnose.of_pod(load(state)) for state in ("pod-image-error", "pod-image-pull"))

    assert error.key == back_off.key


def test_a_quota_that_refuses_pods_is_named() -> None:
    (problem,) = diagnose.of_creator(load("replicaset-quota"))

    assert problem.reason is Reason.QUOTA
    assert problem.message == (
        'web in namespace shop can not create pods: pods "web-2-x" is forbidden: exceeded quota: small'
    )


def test_pods_that_admission_refuses_are_a_configuration_error() -> None:
    refused = load("replicaset-quota")
    del refused["status"]["conditions"][0]["message"]

    (problem,) = diagnose.of_creator(refused)

    assert problem.reason is Reason.CONFIG_ERROR
    assert problem.message == "web in namespace shop can not create pods: FailedCreate"


def test_a_controller_that_creates_its_pods_has_no_problem() -> None:
    assert diagnose.of_creator(load("replicaset-ready")) == ()


def test_patience_counts_from_the_first_sight_and_forgets_what_has_gone() -> None:
    pull = Problem("a", Reason.IMAGE_PULL, "no image", 20.0)
    first = Patience.fresh().seeing([pull], NOW)

    assert first.seeing([pull], NOW + timedelta(seconds=15)).until(pull) == NOW + timedelta(seconds=20)
    again = first.seeing([], NOW + timedelta(seconds=15)).seeing([pull], NOW + timedelta(seconds=18))
    assert again.until(pull) == NOW + timedelta(seconds=38)


def test_what_only_explains_has_no_end_of_patience() -> None:
    explains = Problem("a", Reason.CRASH_LOOP, "crashed once", None)

    assert Patience.fresh().seeing([explains], NOW).until(explains) is None


@pytest.mark.parametrize(("state", "quiet"), [("pod-ready", True), ("pod-unready", False)])
def test_only_a_pod_that_is_not_ready_is_asked_for_trouble(state: str, quiet: bool) -> None:
    assert diagnose.deleted_or_ready(load(state)) is quiet


def test_a_pod_on_its_way_out_is_not_asked_for_trouble() -> None:
    pod = load("pod-crash-loop")
    pod["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"

    assert diagnose.deleted_or_ready(pod)
