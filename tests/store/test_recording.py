"""Each move of a batch is compared and swapped on its own, against what the moves before it left."""

from collections.abc import Sequence

from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import Event, status_news, target_news
from dag_gateway.model.health import progressing
from dag_gateway.model.reason import Reason
from dag_gateway.store.recording import Move, Standing, decide
from tests.fakes.deployments import NOON, TARGET, a_deployment

PENDING = Standing("pending", lease=3, last_event=4)
FIRST = a_deployment()


def move(old: Deployment, status: Status, lease: int = 3) -> Move:
    new = old.after(status, "on its way")
    return Move(old, new, [status_news(new, NOON)], lease)


def observation(old: Deployment, message: str) -> Move:
    new = old.with_target(TARGET.id, progressing(message))
    return Move(old, new, [target_news(new.target(TARGET.id), NOON)], 3)


def decided(*moves: Move) -> Sequence[int | str]:
    """The numbers of the events, or why there is none."""
    decisions = decide(moves, {1: PENDING, 2: Standing("validating", lease=3, last_event=9)})
    return [told for decision in decisions for told in _told(decision)]


def _told(decision: Sequence[Event] | Exception) -> Sequence[int | str]:
    return [str(decision)] if isinstance(decision, Exception) else [event.number for event in decision]


def test_moves_of_several_deployments_are_numbered_each_for_itself() -> None:
    other = a_deployment(id="other", number=2, status=Status.VALIDATING)
    assert decided(move(FIRST, Status.VALIDATING), move(other, Status.PUSHING)) == [5, 10]


def test_moves_of_one_deployment_follow_each_other() -> None:
    first = move(FIRST, Status.VALIDATING)
    assert decided(first, observation(first.new, "1 of 2"), observation(first.new, "2 of 2")) == [5, 6, 7]


def test_a_move_that_tells_more_than_one_thing_has_a_number_for_each() -> None:
    new = FIRST.failed(Reason.INTERNAL, "on its way")
    end = Move(FIRST, new, [target_news(new.target(TARGET.id), NOON), status_news(new, NOON)], 3)
    assert decided(end) == [5, 6]


def test_of_two_moves_from_the_same_status_the_first_wins() -> None:
    lost = f"deployment {FIRST.id} is no longer pending; somebody else carries it on"
    assert decided(move(FIRST, Status.VALIDATING), move(FIRST, Status.FAILED)) == [5, lost]


def test_whoever_lost_the_lease_writes_nothing() -> None:
    lost = f"deployment {FIRST.id} was claimed by somebody else, who carries it on"
    assert decided(move(FIRST, Status.VALIDATING, lease=2)) == [lost]


def test_a_deployment_that_is_gone_can_not_move() -> None:
    lost = "deployment gone is no longer pending; somebody else carries it on"
    assert decided(move(a_deployment(id="gone", number=7), Status.VALIDATING)) == [lost]
