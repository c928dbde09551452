"""Which deployments a replica takes: no more than its share, and no app before the others."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_gateway.deployments.claims import choose, fairly, share
from dag_gateway.store import Claimable, Work


def waiting(*apps: str) -> list[Claimable]:
    """One of each app named, in order of acceptance."""
    return [Claimable(number, app, 0) for number, app in enumerate(apps, start=1)]


def work(*apps: str, carried: int = 0, replicas: int = 1) -> Work:
    return Work(waiting(*apps), len(apps), carried, replicas)


def numbers(chosen: list[Claimable]) -> list[int]:
    return [one.number for one in chosen]


@pytest.mark.parametrize(
    ("unclaimed", "carried", "replicas", "mine", "expected"),
    [
        (10, 0, 1, 0, 10),
        (10, 0, 2, 0, 5),
        (1, 0, 2, 0, 1),
        (9, 0, 2, 0, 5),
        (10, 10, 2, 10, 0),
        (10, 10, 2, 0, 10),
        (3, 200, 2, 200, 0),
        (5, 0, 0, 0, 5),
    ],
)
def test_a_share_is_what_would_be_even(unclaimed: int, carried: int, replicas: int, mine: int, expected: int) -> None:
    assert share(Work(waiting(), unclaimed, carried, replicas), mine) == expected


def test_the_app_with_the_fewest_comes_first_and_then_the_oldest() -> None:
    candidates = waiting("busy", "busy", "busy", "quiet", "quiet", "new")
    assert numbers(fairly(candidates, {"busy": 3, "quiet": 1}, 4)) == [6, 4, 5, 1]


def test_among_equals_the_order_of_acceptance_decides() -> None:
    assert numbers(fairly(reversed(waiting("b", "a", "b", "a")), {}, 3)) == [1, 2, 3]


def test_nothing_is_taken_over_the_limit() -> None:
    assert numbers(choose(work("a", "a", "a", carried=8), {"b": 8}, 10, overdue=())) == [1, 2]
    assert choose(work("a", carried=10), {"b": 10}, 10, overdue={1}) == []
    assert choose(work("a", carried=12), {"b": 12}, 10, overdue=()) == []


def test_the_share_of_another_is_taken_only_when_it_is_overdue() -> None:
    theirs = work("a", "a", "b", carried=4, replicas=2)
    assert choose(theirs, {"a": 4}, 10, overdue=()) == []
    assert numbers(choose(theirs, {"a": 4}, 10, overdue={2, 3})) == [3, 2]


apps = st.sampled_from("abc")


@given(st.lists(apps, max_size=30), st.dictionaries(apps, st.integers(0, 9)), st.integers(0, 40))
def test_whoever_is_left_waiting_has_no_fewer_than_whoever_was_taken(
    queue: list[str], carried: dict[str, int], room: int
) -> None:
    candidates = waiting(*queue)
    chosen = fairly(candidates, carried, room)
    assert len(chosen) == len(set(chosen)) == min(room, len(candidates))
    after = Counter(carried) + Counter(one.app for one in chosen)
    for left in set(candidates) - set(chosen):
        assert not any(one.app == left.app and one.number > left.number for one in chosen)
        assert all(after[left.app] >= after[one.app] - 1 for one in chosen)


@given(st.lists(apps, max_size=30), st.integers(1, 4), st.integers(1, 40), st.sets(st.integers(1, 30)))
def test_replicas_that_look_at_the_same_time_want_all_of_it(
    queue: list[str], replicas: int, limit: int, overdue: set[int]
) -> None:
    found = work(*queue, replicas=replicas)
    chosen = choose(found, {}, limit, overdue)
    assert len(chosen) == len(set(chosen)) <= limit
    assert set(chosen) <= set(found.claimable)
    if not overdue:
        assert replicas * len(chosen) >= min(len(queue), replicas * limit)
