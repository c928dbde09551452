"""Whoever fails too often waits; nobody else does."""

from dataclasses import dataclass

import pytest

from dag_gateway.web.allowance import Allowance
from dag_gateway.web.refusals import Refusals, TooManyRefusals

BAD, GOOD, REPOSITORY = "192.0.2.1", "192.0.2.2", "https://git.example.com/shop/web"


@dataclass
class Time:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def refusals(time: Time, per_address: int = 6, per_repository: int = 12) -> Refusals:
    return Refusals(per_address, per_repository, time)


def test_so_many_at_once_and_then_one_by_one() -> None:
    allowance, now = Allowance(6, room=10), 0.0
    for _ in range(6):
        assert allowance.wait("a", now) == 0.0
        allowance.use("a", now)
    assert allowance.wait("a", now) == pytest.approx(10.0)
    assert allowance.wait("a", now + 10.0) == 0.0
    allowance.use("a", now + 10.0)
    assert allowance.wait("a", now + 10.0) == pytest.approx(10.0)


def test_a_bucket_fills_up_within_a_minute_and_is_never_in_debt() -> None:
    allowance = Allowance(6, room=10)
    for _ in range(1000):
        allowance.use("a", 0.0)
    assert allowance.wait("a", 0.0) == pytest.approx(10.0)
    assert allowance.is_used("a", 59.9)
    assert not allowance.is_used("a", 60.1)


def test_as_many_clients_are_remembered_as_there_is_room_for() -> None:
    allowance = Allowance(1, room=100)
    allowance.use("first", 0.0)
    for number in range(100_000):
        allowance.use(str(number), 0.0)
    assert len(allowance) == 100
    assert allowance.wait("first", 0.0) == 0.0
    assert allowance.wait("99999", 0.0) == pytest.approx(60.0)


def test_a_client_that_failed_too_often_is_told_when_to_come_back() -> None:
    time = Time()
    door = refusals(time)
    for _ in range(6):
        door.check(BAD)
        door.count(BAD)
    text = r"^too many requests from 192\.0\.2\.1 could not be verified; try again in 10 s$"
    with pytest.raises(TooManyRefusals, match=text) as caught:
        door.check(BAD)
    assert caught.value.retry_after == pytest.approx(10.0)
    time.now += 10.0
    door.check(BAD)


def test_another_client_is_not_concerned() -> None:
    door = refusals(Time())
    for _ in range(100):
        door.count(BAD, REPOSITORY)
    door.check(GOOD)
    door.check(GOOD, REPOSITORY)


def test_a_repository_that_is_tried_by_many_is_closed_to_those_who_failed() -> None:
    door = refusals(Time())
    for number in range(12):
        door.count(f"198.51.100.{number}", REPOSITORY)
    with pytest.raises(TooManyRefusals, match=r"^too many requests for this repository could not be verified; try"):
        door.check("198.51.100.3", REPOSITORY)
    door.check("198.51.100.3", "https://git.example.com/shop/api")
    door.check(GOOD, REPOSITORY)


def test_a_repository_that_fails_over_and_over_leaves_room_for_its_neighbours() -> None:
    time = Time()
    door = refusals(time)
    for _ in range(60):
        for _ in range(100):
            try:
                door.check(BAD, REPOSITORY)
            except TooManyRefusals:
                break
            door.count(BAD, REPOSITORY)
        door.check(BAD, "https://git.example.com/shop/api")
        time.now += 5.0
    text = r"^too many requests from 192\.0\.2\.1 for this repository could not be verified; try again in \d+ s$"
    door.count(BAD, REPOSITORY)
    with pytest.raises(TooManyRefusals, match=text):
        door.check(BAD, REPOSITORY)


def test_a_household_has_one_bucket() -> None:
    door = refusals(Time())
    for number in range(6):
        door.count(f"2001:db8::{number:x}")
    with pytest.raises(TooManyRefusals, match="could not be verified"):
        door.check("2001:db8::ffff")
    door.check("2001:db8:0:1::1")
