"""What is told of a deployment: from its whole log, and from what retention has left of it."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from dag_gateway.deployments.transcript import Transcript
from dag_gateway.model.deployment import fresh_targets
from dag_gateway.model.event import Event, status_news, target_news
from dag_gateway.model.health import progressing
from dag_gateway.model.reason import Reason
from dag_gateway.store import Snapshot
from tests.fakes.deployments import NOON, OTHER_TARGET, TARGET, a_deployment

LATER = NOON + timedelta(minutes=1)
ACCEPTED = a_deployment(targets=fresh_targets([TARGET, OTHER_TARGET]))
UNDER_WAY = ACCEPTED.with_target(TARGET.id, progressing("1 of 2", ready=1, desired=2))
FAILED = UNDER_WAY.failed(Reason.PUSH_REJECTED, "no")
LOG = [
    Event(1, status_news(ACCEPTED, NOON)),
    Event(2, target_news(UNDER_WAY.target(TARGET.id), NOON)),
    *(Event(number, target_news(state, LATER)) for number, state in enumerate(FAILED.targets, 3)),
    Event(5, status_news(FAILED, LATER)),
]


def standing(transcript: Transcript) -> list[tuple[str | None, dict[str, Any]]]:
    """The id and the data of each frame."""
    found = []
    for frame in transcript.standing():
        fields = dict(line.split(": ", 1) for line in frame.decode().splitlines() if line)
        found.append((fields.get("id"), json.loads(fields["data"])))
    return found


def test_a_newcomer_hears_the_newest_state_of_every_target_and_the_newest_status() -> None:
    transcript = Transcript(Snapshot(UNDER_WAY, 2), LOG[:2])
    seen, untouched, status = standing(transcript)
    assert seen == (None, LOG[1].news.data)
    assert untouched[1]["target"]["status"] == "pending"
    assert status == ("2", LOG[0].news.data)
    assert not transcript.ended


def test_the_end_of_a_deployment_ends_its_targets_too() -> None:
    transcript = Transcript(Snapshot(UNDER_WAY, 2), LOG[:2])
    transcript.settle(FAILED)
    assert transcript.add(LOG[2:])
    one, other, status = standing(transcript)
    assert [(data["target"]["status"], data["at"]) for _, data in (one, other)] == [
        ("failed", "2026-01-31T12:01:00.000Z")
    ] * 2
    assert status == ("5", LOG[-1].news.data)
    assert transcript.ended


def test_what_is_there_already_is_passed_over_and_a_gap_is_not_jumped() -> None:
    transcript = Transcript(Snapshot(ACCEPTED, 1), LOG[:1])
    assert not transcript.add(LOG[:1])
    assert not transcript.add(LOG[2:])
    assert transcript.last == 1
    assert transcript.add(LOG)
    assert transcript.last == 5
    assert transcript.frame(2).startswith(b"id: 2\nevent: target\n")


def test_where_it_stands_is_encoded_once_until_something_is_told() -> None:
    transcript = Transcript(Snapshot(ACCEPTED, 1), LOG[:1])
    before = transcript.standing()
    assert transcript.standing() is before
    transcript.add(LOG[1:2])
    assert transcript.standing() is not before


@pytest.mark.parametrize("left", [[], LOG[:1], LOG[:-1]], ids=["nothing", "the first", "all but the last"])
def test_an_end_whose_events_are_gone_is_told_from_the_record(left: Sequence[Event]) -> None:
    transcript = Transcript(Snapshot(FAILED, 5), left)
    one, other, status = standing(transcript)
    assert [data["target"]["status"] for _, data in (one, other)] == ["failed", "failed"]
    assert status == ("5", {"status": "failed", "message": "no", "reason": "push_rejected"})
    assert all("at" not in data for _, data in (one, other))
    assert (transcript.pruned, transcript.last, transcript.ended) == (5, 5, True)


def test_a_log_without_its_beginning_can_be_followed_from_where_it_begins() -> None:
    transcript = Transcript(Snapshot(FAILED, 5), LOG[1:])
    assert (transcript.pruned, transcript.last, transcript.ended) == (1, 5, True)
    assert transcript.frame(5).startswith(b"id: 5\nevent: status\n")
    assert standing(transcript)[2] == ("5", LOG[-1].news.data)


def test_where_only_the_end_is_left_targets_ended_with_it() -> None:
    transcript = Transcript(Snapshot(FAILED, 5), LOG[-1:])
    one, other, _ = standing(transcript)
    assert [(data["target"]["status"], data["at"]) for _, data in (one, other)] == [
        ("failed", "2026-01-31T12:01:00.000Z")
    ] * 2
