from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dag_gateway.clusters import helm_release
from dag_gateway.clusters.helm_record import Release
from dag_gateway.model.health import Health, failed, healthy, progressing
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Baseline, Goal
from tests.fakes.kubernetes_objects import load

GOAL = Goal("c0ffee", "clusters/web", "web", "1.1.0", Baseline("1.0.0", 1))
CREATED = datetime(2026, 1, 31, 12, tzinfo=UTC)
PATIENCE = 300.0


def history(state: str) -> list[Release]:
    """The releases of a data file, newest first."""
    loaded: dict[str, Any] = load(f"helm-{state}")
    return [Release(chart_name="web", objects=(), created=CREATED, **fields) for fields in loaded["releases"]]


def judge(state: str, goal: Goal = GOAL, age: float = 1.0) -> Health:
    return helm_release.judge(history(state), goal, CREATED + timedelta(seconds=age), PATIENCE)


WAITING = [
    ("nothing", "there is no release yet"),
    ("old-deployed", "revision 1 holds 1.0.0 (deployed), not 1.1.0"),
    ("old-failed", "revision 1 holds 1.0.0 (failed), not 1.1.0"),
    ("old-uninstalling", "revision 1 holds 1.0.0 (uninstalling), not 1.1.0"),
    ("old-pending-install", "revision 1 of 1.0.0 is pending-install: another operation is under way"),
    ("old-pending-upgrade", "revision 2 of 1.0.0 is pending-upgrade: another operation is under way"),
    ("old-pending-rollback", "revision 3 of 1.0.0 is pending-rollback: another operation is under way"),
    ("pending-install", "revision 2 of 1.1.0 is pending-install: Initial install underway"),
    ("pending-upgrade", "revision 2 of 1.1.0 is pending-upgrade: Preparing upgrade"),
    ("pending-rollback", "revision 3 of 1.1.0 is pending-rollback: Rollback to 2"),
    ("unknown", "revision 2 of 1.1.0 is unknown"),
    ("failed-before", "revision 1 of 1.1.0 is failed, from before this deployment"),
    ("pending-before-another", "revision 3 holds 1.2.0 (deployed), not 1.1.0"),
    ("superseded-before", "revision 2 holds 1.2.0 (deployed), not 1.1.0"),
]

FAILED = [
    ("failed", Reason.ROLLOUT_FAILED, "revision 2 of 1.1.0 is failed: timed out waiting for the condition"),
    ("hook-failed", Reason.HOOK_FAILED, "revision 2 of 1.1.0 is failed: pre-upgrade hooks failed: job migrate failed"),
    ("uninstalled", Reason.ROLLOUT_FAILED, "revision 2 of 1.1.0 is uninstalled: Uninstallation complete"),
    ("uninstalling", Reason.ROLLOUT_FAILED, "revision 2 of 1.1.0 is uninstalling: Deletion in progress"),
    ("superseded", Reason.SUPERSEDED, "revision 2: 1.1.0 was deployed, then superseded by 1.2.0"),
    (
        "rolled-back",
        Reason.ROLLOUT_FAILED,
        "revision 2 of 1.1.0 is failed: timed out waiting for the condition;"
        " then came revision 3 with 1.0.0: Rollback to 1",
    ),
]


@pytest.mark.parametrize(("state", "message"), WAITING)
def test_a_release_that_is_not_ours_yet_is_waited_for(state: str, message: str) -> None:
    assert judge(state) == progressing(message)


@pytest.mark.parametrize(("state", "reason", "message"), FAILED)
def test_ours_that_ended_badly_has_failed(state: str, reason: Reason, message: str) -> None:
    assert judge(state) == failed(reason, message)


@pytest.mark.parametrize("baseline", [Baseline("1.0.0", 1), Baseline("1.1.0", 2), None])
def test_ours_deployed_is_proof_even_when_it_was_there_before(baseline: Baseline | None) -> None:
    goal = Goal("c0ffee", "clusters/web", "web", "1.1.0", baseline)

    assert judge("deployed", goal) == healthy("revision 2 of 1.1.0 is deployed")


def test_what_helm_says_of_a_failure_is_told_without_secrets() -> None:
    said = 'cannot patch "db" with kind Secret: password=hunter2 is not base64'
    refused = Release(2, "failed", said, "web", "1.1.0", (), CREATED)

    message = helm_release.judge([refused], GOAL, CREATED, PATIENCE).message

    assert 'cannot patch "db" with kind Secret' in message
    assert "hunter2" not in message


def test_the_same_version_of_another_chart_is_not_ours() -> None:
    other = Release(2, "deployed", "", "api", "1.1.0", (), None)

    assert not helm_release.is_ours(other, GOAL)


@pytest.mark.parametrize(
    ("state", "revision", "command"),
    [
        ("old-pending-install", "revision 1 of 1.0.0 is pending-install", "helm uninstall"),
        ("old-pending-upgrade", "revision 2 of 1.0.0 is pending-upgrade", "helm rollback"),
        ("old-pending-rollback", "revision 3 of 1.0.0 is pending-rollback", "helm rollback"),
    ],
)
def test_an_operation_from_before_that_never_ends_is_told_with_the_way_out(
    state: str, revision: str, command: str
) -> None:
    assert judge(state, age=PATIENCE) == failed(
        Reason.STALLED,
        f"{revision} since 2026-01-31T12:00:00.000Z, and Helm begins nothing else before that has ended;"
        f" if no Helm works on it, `{command}` and deploy again",
    )
    assert judge(state, age=PATIENCE - 1).reason is None


@pytest.mark.parametrize("state", ["pending-install", "pending-upgrade", "pending-rollback"])
def test_our_own_operation_may_take_as_long_as_the_target_gives_it(state: str) -> None:
    assert judge(state, age=10 * PATIENCE).reason is None


def test_ours_from_before_the_push_that_never_ended_is_stuck_too() -> None:
    again = Goal("c0ffee", "clusters/web", "web", "1.1.0", Baseline("1.1.0", 2))

    assert judge("pending-upgrade", again, age=PATIENCE).reason is Reason.STALLED


def test_an_operation_of_which_nobody_knows_when_it_began_is_waited_for() -> None:
    pending = Release(1, "pending-upgrade", "", "web", "1.0.0", (), None)

    assert helm_release.judge([pending], GOAL, CREATED, 0.0).reason is None
