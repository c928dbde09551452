from datetime import UTC, datetime
from typing import Any

import pytest

from dag_gateway.clusters import warnings
from dag_gateway.clusters.resources import EVENTS, Selection
from tests.fakes.kubernetes_objects import load, renamed

SEEN = datetime(2026, 1, 31, 12, 0, 20, tzinfo=UTC)


def mounting(**fields: Any) -> dict[str, Any]:
    return {**load("event-mount"), **fields}


def numbered(count: int) -> list[dict[str, Any]]:
    """Events of one second each, the newest first."""
    return [
        mounting(message=f"no volume {n}", lastTimestamp=f"2026-01-31T12:00:{n:02}Z", count=1)
        for n in reversed(range(count))
    ]


def test_only_controllers_without_a_condition_for_it_are_asked_for_their_events_each_place_once() -> None:
    states = (
        "statefulset-ready",
        "daemonset-ready",
        "job-running",
        "deployment-ready",
        "replicaset-ready",
        "pod-ready",
    )
    elsewhere = renamed(load("job-running"), "other", namespace="jobs")

    assert warnings.refused_pods([*(load(state) for state in states), elsewhere]) == (
        Selection(EVENTS, "shop", fields="reason=FailedCreate,type=Warning"),
        Selection(EVENTS, "jobs", fields="reason=FailedCreate,type=Warning"),
    )
    assert warnings.refused_pods([load("deployment-ready")]) == ()


def test_the_events_about_one_object_are_asked_for_by_its_uid() -> None:
    assert warnings.about("shop", "pod-web").query() == [("fieldSelector", "involvedObject.uid=pod-web,type=Warning")]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (mounting(), SEEN),
        (load("event-series"), datetime(2026, 1, 31, 12, 0, 25, tzinfo=UTC)),
        (mounting(lastTimestamp=None, eventTime="2026-01-31T12:00:20.000000Z"), SEEN),
        (mounting(lastTimestamp=None, metadata={"creationTimestamp": "2026-01-31T12:00:20Z"}), SEEN),
        (mounting(lastTimestamp=None), datetime.min.replace(tzinfo=UTC)),
    ],
    ids=["the old API", "a series", "the new API", "only created", "no time"],
)
def test_an_event_was_last_seen_when_either_api_of_events_says(event: dict[str, Any], expected: datetime) -> None:
    assert warnings.last_seen(event) == expected


def test_an_event_concerns_the_object_with_the_uid_it_names() -> None:
    assert warnings.concerns(mounting(), "pod-web-2-a")
    assert not warnings.concerns(mounting(), "pod-other")
    assert not warnings.concerns(mounting(involvedObject={"uid": ""}), "")


def test_the_five_newest_are_told_the_oldest_of_them_first() -> None:
    assert warnings.told(numbered(7), None) == [f"FailedMount: no volume {n}" for n in range(2, 7)]


def test_what_happened_before_is_not_told() -> None:
    assert warnings.told(numbered(3), datetime(2026, 1, 31, 12, 0, 2, tzinfo=UTC)) == ["FailedMount: no volume 2"]


def test_what_is_said_already_is_not_told_again() -> None:
    assert warnings.told(numbered(2), None, known="pod web: no volume 1") == ["FailedMount: no volume 0"]


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("Failed", "Error: ErrImagePull"),
        ("Failed", 'Failed to pull image "web:2": not found'),
        ("BackOff", "Back-off restarting failed container app"),
    ],
)
def test_what_the_state_of_the_container_says_is_not_told_again(reason: str, message: str) -> None:
    known = "pod web, container app: ErrImagePull: not found"

    assert warnings.told([mounting(reason=reason, message=message)], None, known) == []


def test_the_same_words_are_told_once_and_a_long_message_is_cut() -> None:
    long = mounting(message="x" * 1000, count=None)

    assert warnings.told([long, long], None) == ["FailedMount: " + "x" * 300]


def test_an_event_without_words_is_told_as_a_warning() -> None:
    assert warnings.told([mounting(reason=None, message=None, count=1)], None) == ["Warning"]


def test_the_newest_object_is_the_one_created_last() -> None:
    older, newer = (renamed(load("pod-ready"), "web", creationTimestamp=f"2026-01-31T12:00:{n}Z") for n in (10, 20))

    assert warnings.newest([newer, older]) == SEEN
    assert warnings.newest([]) == datetime.min.replace(tzinfo=UTC)
