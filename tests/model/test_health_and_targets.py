"""Verdicts and what they make of a target."""

import pytest

from dag_gateway.model.health import Health, Verdict, failed, healthy, progressing, unknown, worst
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Baseline, Goal, TargetState, TargetStatus
from tests.fakes.deployments import TARGET


def test_a_whole_is_as_good_as_its_worst_part() -> None:
    parts = [
        healthy("web is up", ready=2, desired=2),
        progressing("db: 0/1", ready=0, desired=1),
        progressing("job runs"),
    ]
    assert worst(parts) == progressing("db: 0/1; job runs", ready=2, desired=3)
    assert worst([*parts, unknown("the API is away")]).verdict is Verdict.UNKNOWN
    assert worst([failed(Reason.QUOTA, "no room"), *parts]) == failed(Reason.QUOTA, "no room", ready=2, desired=3)


def test_of_many_parts_only_the_first_are_told() -> None:
    assert worst(healthy(f"web-{n}") for n in range(8)).message == "web-0; web-1; web-2; web-3; web-4; and 3 more"


def test_nothing_is_healthy() -> None:
    assert worst([]) == healthy()


@pytest.mark.parametrize(("verdict", "reason"), [(Verdict.FAILED, None), (Verdict.HEALTHY, Reason.TIMEOUT)])
def test_a_reason_belongs_to_failure(verdict: Verdict, reason: Reason | None) -> None:
    with pytest.raises(ValueError, match=f"a reason belongs to FAILED and only to it, not {reason} to {verdict.name}"):
        Health(verdict, "?", reason)


@pytest.mark.parametrize(
    ("health", "status"),
    [
        (healthy(), TargetStatus.DEPLOYED),
        (progressing("on its way"), TargetStatus.MONITORING),
        (unknown("no answer"), TargetStatus.MONITORING),
        (failed(Reason.STALLED, "stuck"), TargetStatus.FAILED),
    ],
)
def test_a_verdict_makes_a_status(health: Health, status: TargetStatus) -> None:
    assert TargetState(TARGET).after(health).status is status


def test_a_target_that_has_ended_stays_as_it_ended() -> None:
    ended = TargetState(TARGET).after(healthy("up"))
    assert ended.after(failed(Reason.TIMEOUT, "late")) is ended


def test_the_last_count_is_kept_while_nothing_new_is_counted() -> None:
    counted = TargetState(TARGET).after(progressing("1 of 2", ready=1, desired=2))
    assert counted.after(unknown("no answer")).public_json()["ready"] == 1
    assert counted.after(progressing("none", ready=0, desired=2)).ready == 0


@pytest.mark.parametrize("baseline", [None, Baseline(), Baseline("1.0.0", 7, "yesterday", "monday")])
@pytest.mark.parametrize("health", [progressing("x", ready=1, desired=2), failed(Reason.QUOTA, "no room")])
def test_a_target_state_survives_the_store(baseline: Baseline | None, health: Health) -> None:
    state = TargetState(TARGET, baseline=baseline).after(health)
    assert TargetState.from_json(state.to_json()) == state
    assert "baseline" not in state.public_json()


def test_a_baseline_from_before_anybody_noted_when_it_was_looked_at_is_read() -> None:
    stored = TargetState(TARGET, baseline=Baseline("1.0.0", 7)).to_json()
    del stored["baseline"]["lookedAt"], stored["baseline"]["finishedAt"]

    assert TargetState.from_json(stored).baseline == Baseline("1.0.0", 7)


def test_what_helm_rendered_is_not_printed() -> None:
    goal = Goal("c0ffee", "web", "web", "1.0.0", expected=({"kind": "Secret", "stringData": {"a": "hunter2"}},))

    assert "hunter2" not in repr(goal)


def test_a_baseline_is_kept() -> None:
    assert TargetState(TARGET).with_baseline(Baseline("1.0.0")).baseline == Baseline("1.0.0")
