"""The state machine and what a deployment learns on its way."""

from itertools import product

import pytest

from dag_gateway.model.deployment import BEFORE_PUSH, TRANSITIONS, IllegalTransition, Status, fresh_targets
from dag_gateway.model.health import failed, healthy
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import TargetStatus
from tests.fakes.deployments import NOON, OTHER_TARGET, TARGET, a_deployment


@pytest.mark.parametrize(("old", "new"), [*product(Status, Status)])
def test_only_the_arrows_of_the_table_are_taken(old: Status, new: Status) -> None:
    deployment = a_deployment(status=old)
    if new in TRANSITIONS[old]:
        assert deployment.after(new, "on").status is new
    else:
        with pytest.raises(IllegalTransition, match=f"a deployment can not go from {old} to {new}"):
            deployment.after(new, "on")


def test_every_status_reaches_an_end() -> None:
    for status in Status:
        assert status.terminal or Status.FAILED in TRANSITIONS[status]
    assert {status for status in Status if status.terminal} == {Status.DEPLOYED, Status.FAILED}
    assert not any(status.terminal for status in BEFORE_PUSH)


def test_a_move_keeps_what_was_learned() -> None:
    moved = a_deployment().after(Status.VALIDATING, "checking", changes="web -> nginx:1")
    assert (moved.status, moved.message, moved.changes, moved.version) == (
        Status.VALIDATING,
        "checking",
        "web -> nginx:1",
        "1.2.3",
    )


def test_the_latest_target_sets_the_deadline() -> None:
    deployment = a_deployment(targets=fresh_targets([OTHER_TARGET, TARGET]))
    assert (deployment.deadline - NOON).total_seconds() == 300


def test_a_target_is_found_by_its_id() -> None:
    deployment = a_deployment(targets=fresh_targets([TARGET, OTHER_TARGET]))
    changed = deployment.with_target("prod/shop/web-2", healthy("fine"))
    assert changed.target("prod/shop/web-2").status is TargetStatus.DEPLOYED
    assert changed.target("prod/shop/web").status is TargetStatus.PENDING
    with pytest.raises(KeyError, match="nowhere"):
        changed.target("nowhere")


def test_a_failed_deployment_leaves_no_target_open_and_keeps_those_that_ended() -> None:
    deployment = a_deployment(targets=fresh_targets([TARGET, OTHER_TARGET]))
    ended = deployment.with_target(TARGET.id, failed(Reason.CRASH_LOOP, "it crashes")).failed(Reason.TIMEOUT, "late")
    assert [(state.status, state.reason) for state in ended.targets] == [
        (TargetStatus.FAILED, Reason.CRASH_LOOP),
        (TargetStatus.FAILED, Reason.TIMEOUT),
    ]
    assert (ended.status, ended.reason, ended.message) == (Status.FAILED, Reason.TIMEOUT, "late")
