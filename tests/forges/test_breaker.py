"""When a forge that fails is left alone, and for how long."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from structlog.testing import capture_logs

from dag_gateway.forges.answer import ForgeUnavailable
from dag_gateway.forges.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, Breaker, Circuit, Phase
from tests.fakes.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def breaker(clock: ManualClock) -> Breaker:
    return Breaker("forge", clock)


def fail(breaker: Breaker) -> None:
    with breaker.attempt() as attempt:
        attempt.fail()


def succeed(breaker: Breaker) -> None:
    with breaker.attempt():
        pass


def refusal(breaker: Breaker) -> ForgeUnavailable:
    told = r"^forge 'forge' has failed 5 times in a row; it is asked again in [0-9.]+ s$"
    with pytest.raises(ForgeUnavailable, match=told) as refused, breaker.attempt():
        pytest.fail("the forge was asked")
    return refused.value


def opened(breaker: Breaker) -> Breaker:
    for _ in range(FAILURES):
        fail(breaker)
    return breaker


def test_failures_in_a_row_stop_the_questions(breaker: Breaker) -> None:
    refused = refusal(opened(breaker))
    assert refused.message == "forge 'forge' has failed 5 times in a row; it is asked again in 1.0 s"
    assert (refused.code, refused.retry_after) == ("forge_unavailable", FIRST_PAUSE)


def test_failures_with_a_success_between_them_do_not(breaker: Breaker) -> None:
    for _ in range(3):
        for _ in range(FAILURES - 1):
            fail(breaker)
        succeed(breaker)


def test_a_refusal_says_how_much_of_the_pause_is_left(breaker: Breaker, clock: ManualClock) -> None:
    opened(breaker)
    clock.advance(0.75)
    assert refusal(breaker).retry_after == pytest.approx(0.25)


def test_one_success_after_the_pause_lets_everybody_ask_again(breaker: Breaker, clock: ManualClock) -> None:
    opened(breaker)
    clock.advance(FIRST_PAUSE)
    succeed(breaker)
    for _ in range(FAILURES - 1):
        fail(breaker)
    succeed(breaker)


def test_one_asks_after_the_pause_and_the_others_wait_for_the_answer(breaker: Breaker, clock: ManualClock) -> None:
    opened(breaker)
    clock.advance(FIRST_PAUSE)
    with breaker.attempt():
        assert refusal(breaker).retry_after == FIRST_PAUSE
    succeed(breaker)


def test_pauses_grow_up_to_the_longest(breaker: Breaker, clock: ManualClock) -> None:
    opened(breaker)
    pauses = []
    for _ in range(8):
        pauses.append(refusal(breaker).retry_after)
        clock.advance(pauses[-1])
        fail(breaker)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_pauses_start_anew_after_a_success(breaker: Breaker, clock: ManualClock) -> None:
    opened(breaker)
    clock.advance(FIRST_PAUSE)
    fail(breaker)
    clock.advance(2 * FIRST_PAUSE)
    succeed(breaker)
    assert refusal(opened(breaker)).retry_after == FIRST_PAUSE


def test_an_error_of_the_forge_is_a_failure(breaker: Breaker) -> None:
    for _ in range(FAILURES):
        with pytest.raises(ForgeUnavailable, match=r"^no answer$"), breaker.attempt():
            raise ForgeUnavailable("no answer")
    assert refusal(breaker).retry_after == FIRST_PAUSE


def test_who_goes_away_says_nothing_of_the_forge(breaker: Breaker) -> None:
    for _ in range(10 * FAILURES):
        with pytest.raises(asyncio.CancelledError), breaker.attempt():
            raise asyncio.CancelledError
    succeed(breaker)


def test_who_goes_away_leaves_the_question_to_the_next(breaker: Breaker, clock: ManualClock) -> None:
    opened(breaker)
    clock.advance(FIRST_PAUSE)
    with pytest.raises(asyncio.CancelledError), breaker.attempt():
        raise asyncio.CancelledError
    succeed(breaker)
    succeed(breaker)


def test_calls_that_fail_together_are_one_reason_to_pause() -> None:
    circuit = Circuit()
    eras = [circuit.called().era for _ in range(100)]
    for era in eras:
        circuit = circuit.failed(era, now=0)
    assert (circuit.phase, circuit.pause, circuit.until) == (Phase.OPEN, FIRST_PAUSE, FIRST_PAUSE)


def test_an_old_success_does_not_end_a_pause() -> None:
    circuit = Circuit()
    for _ in range(FAILURES):
        circuit = circuit.failed(0, now=0)
    assert circuit.succeeded(0) is circuit
    probing = circuit.called()
    assert probing.succeeded(0) is probing.failed(0, now=9) is probing.abandoned(0) is probing
    assert (probing.phase, probing.succeeded(probing.era).phase) == (Phase.PROBING, Phase.CLOSED)


def test_the_log_says_when_a_forge_is_left_alone_and_when_it_is_back(breaker: Breaker, clock: ManualClock) -> None:
    with capture_logs() as logged:
        opened(breaker)
        clock.advance(FIRST_PAUSE)
        succeed(breaker)
        succeed(breaker)
    assert [(line["event"], line["log_level"]) for line in logged] == [
        ("a forge fails and is left alone", "warning"),
        ("a forge answers again", "info"),
    ]
    assert (logged[0]["forge"], logged[0]["seconds"]) == ("forge", FIRST_PAUSE)


class Calls(RuleBasedStateMachine):
    """Calls that overlap and end in any order and way, while time passes."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.circuit = Circuit()
        self.seen = [self.circuit]
        self.now = 0.0
        self.under_way: list[int] = []

    def _becomes(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.seen.append(circuit)

    @rule(target=calls)
    def call(self) -> int:
        """The era of the call, or -1 where it was not allowed."""
        wait = self.circuit.wait(self.now)
        assert 0 <= wait <= LONGEST_PAUSE
        if wait > 0:
            return -1
        self._becomes(self.circuit.called())
        self.under_way.append(self.circuit.era)
        return self.circuit.era

    @rule(era=consumes(calls), end=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def end(self, era: int, end: str) -> None:
        if era < 0:
            return
        self.under_way.remove(era)
        if end == "failed":
            self._becomes(self.circuit.failed(era, self.now))
        else:
            self._becomes(getattr(self.circuit, end)(era))

    @rule(seconds=st.floats(0, 2 * LONGEST_PAUSE))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def the_forge_is_asked_again_after_the_longest_pause(self) -> None:
        if self.circuit.phase is not Phase.PROBING:
            assert self.circuit.wait(self.now + LONGEST_PAUSE) == 0

    @invariant()
    def who_probes_is_under_way_and_alone(self) -> None:
        if self.circuit.phase is Phase.PROBING:
            assert self.under_way.count(self.circuit.era) == 1
            assert self.circuit.wait(self.now) > 0

    @invariant()
    def it_closes_by_a_probe_only_and_opens_by_a_failure_only(self) -> None:
        for before, after in pairwise(self.seen[-2:]):
            assert after.era - before.era in (0, 1)
            assert (before.phase is after.phase) == (before.era == after.era)
            assert (before.phase, after.phase) != (Phase.OPEN, Phase.CLOSED)

    @invariant()
    def few_failures_do_not_stop_anybody(self) -> None:
        assert self.circuit.failures < FAILURES
        assert self.circuit.phase is not Phase.OPEN or FIRST_PAUSE <= self.circuit.pause <= LONGEST_PAUSE


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=30, stateful_step_count=40)
