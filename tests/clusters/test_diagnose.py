from datetime import UTC, datetime, timedelta

import pytest

from dag_gateway.clusters import diagnose
from dag_gateway.clusters.diagnose import Patience, Problem
from dag_gateway.config import PatienceSettings
from dag_gateway.model.reason import Reason
from tests.fakes.kubernetes_objects import load, owned

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
PATIENCE = PatienceSettings()
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
            PATIENCE.image_pull,
        ),
        (
            "pod-image-error",
            Reason.IMAGE_PULL,
            f"{POD}, container app: ErrImagePull: image registry.example.com/web:2",
            PATIENCE.image_pull,
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
            PATIENCE.config,
        ),
        (
            "pod-create-error",
            Reason.CONFIG_ERROR,
            f"{POD}, container app: CreateContainerError: context deadline exceeded",
            PATIENCE.config,
        ),
        (
            "pod-run-error",
            Reason.CONFIG_ERROR,
            f'{POD}, container app: RunContainerError: exec: "serve": executable file not found in $PATH',
            PATIENCE.config,
        ),
        (
            "pod-image-never",
            Reason.IMAGE_PULL,
            f'{POD}, container app: ErrImageNeverPull: Container image "web:2" is not present',
            0.0,
        ),
        (
            "pod-init-image-pull",
            Reason.IMAGE_PULL,
            f'{POD}, container migrate: ImagePullBackOff: Back-off pulling image "registry.example.com/migrate:2"',
            PATIENCE.image_pull,
        ),
        (
            "pod-init-oom",
            Reason.CRASH_LOOP,
            f"{POD}, container migrate: CrashLoopBackOff after 3 restarts, out of memory (OOMKilled), exit code 137",
            0.0,
        ),
        (
            "pod-unschedulable",
            Reason.UNSCHEDULABLE,
            f"{POD} can not be scheduled: 0/3 nodes are available: 3 Insufficient cpu.",
            PATIENCE.unschedulable,
        ),
    ],
)
def test_a_pod_that_can_not_start_says_why(state: str, reason: Reason, message: str, grace: float) -> None:
    (problem,) = diagnose.of_pod(load(state), PATIENCE)

    assert (problem.reason, problem.message, problem.grace) == (reason, message, grace)


@pytest.mark.parametrize("state", ["pod-ready", "pod-starting", "pod-unready", "pod-crashed-once", "pod-finished"])
def test_a_pod_that_may_still_start_has_no_problem(state: str) -> None:
    assert diagnose.of_pod(load(state), PATIENCE) == ()


def test_the_words_of_a_crash_loop_are_those_of_the_last_run() -> None:
    (problem,) = diagnose.of_pod(load("pod-init-crash-loop"), PATIENCE)

    assert (problem.namespace, problem.pod, problem.container) == ("shop", "web-2-a", "wait-for-db")
    assert problem.previous


def test_the_words_of_a_dead_pod_are_those_of_its_only_run() -> None:
    (problem,) = diagnose.of_pod(load("pod-dead"), PATIENCE)

    assert problem.container == "app"
    assert not problem.previous


def test_one_image_problem_keeps_its_key_while_the_kubelet_changes_its_words() -> None:
    (error,), (back_off,) = (diagnose.of_pod(load(state), PATIENCE) for state in ("pod-image-error", "pod-image-pull"))

    assert error.key == back_off.key


def test_thresholds_and_graces_are_those_of_the_settings() -> None:
    hasty = PatienceSettings.model_validate({"crashes": 1, "image_pull": "1s", "config": "2s", "unschedulable": "3s"})
    states = ("pod-image-pull", "pod-config-error", "pod-unschedulable")

    assert [problem.grace for state in states for problem in diagnose.of_pod(load(state), hasty)] == [1.0, 2.0, 3.0]
    crashed_once = load("pod-crash-loop")
    crashed_once["status"]["containerStatuses"][0]["restartCount"] = 1
    assert diagnose.of_pod(crashed_once, PATIENCE) == ()
    assert len(diagnose.of_pod(crashed_once, hasty)) == 1


def test_a_problem_of_a_pod_names_whose_events_explain_it_and_since_when() -> None:
    (problem,) = diagnose.of_pod(owned(load("pod-config-error"), load("replicaset-ready")), PATIENCE)

    assert problem.about == ("pod-web-2-a", "replicaset-web")
    assert problem.since == datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC)


def test_a_quota_that_refuses_pods_is_named() -> None:
    (problem,) = diagnose.of_creator(load("replicaset-quota"), PATIENCE)

    assert problem.reason is Reason.QUOTA
    assert problem.message == (
        'web in namespace shop can not create pods: pods "web-2-x" is forbidden: exceeded quota: small'
    )


def test_pods_that_admission_refuses_are_a_configuration_error() -> None:
    refused = load("replicaset-quota")
    del refused["status"]["conditions"][0]["message"]

    (problem,) = diagnose.of_creator(refused, PATIENCE)

    assert problem.reason is Reason.CONFIG_ERROR
    assert problem.message == "web in namespace shop can not create pods: FailedCreate"


def test_a_controller_that_creates_its_pods_has_no_problem() -> None:
    assert diagnose.of_creator(load("replicaset-ready"), PATIENCE) == ()


def test_a_controller_that_tells_by_events_has_the_problem_of_its_newest_event() -> None:
    earlier = {**load("event-quota"), "message": "create Pod db-0 failed", "lastTimestamp": "2026-01-31T12:00:00Z"}
    (problem,) = diagnose.of_warnings(load("statefulset-scaling"), [load("event-quota"), earlier], PATIENCE)

    assert (problem.reason, problem.grace) == (Reason.QUOTA, PATIENCE.create)
    assert problem.message.startswith("db in namespace shop can not create pods: create Pod db-0 in StatefulSet db")
    assert problem.message.endswith("exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1")


def test_an_event_without_a_message_is_told_by_its_reason() -> None:
    silent = {**load("event-admission"), "message": None}
    (problem,) = diagnose.of_warnings(load("daemonset-unscheduled"), [silent], PATIENCE)

    assert problem.reason is Reason.CONFIG_ERROR
    assert problem.message == "agent in namespace shop can not create pods: FailedCreate"


@pytest.mark.parametrize(
    ("state", "part"),
    [
        ("pod-config-error", "containerStatuses"),
        ("pod-unschedulable", "conditions"),
        ("replicaset-quota", "conditions"),
    ],
)
def test_a_quoted_message_is_told_without_what_looks_like_a_secret(state: str, part: str) -> None:
    obj = load(state)
    entry = obj["status"][part][0]
    entry.get("state", {}).get("waiting", entry)["message"] = "env DB_PASSWORD=hunter2 is not valid"
    (problem,) = (*diagnose.of_pod(obj, PATIENCE), *diagnose.of_creator(obj, PATIENCE))

    assert problem.message.endswith(": env DB_PASSWORD=[redacted] is not valid")


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
