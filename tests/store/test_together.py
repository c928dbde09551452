"""What waits at the same time is done together, and nobody pays for somebody else's fault."""

import asyncio
from collections.abc import Sequence

import pytest

from dag_gateway.store.together import Together


class Away(Exception):
    """Concerns everybody."""


class Machine:
    """Doubles numbers, a batch at a time; ``batches`` are those it was given. It waits until it may ``go``."""

    def __init__(self, most: int = 100) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.started = asyncio.Event()
        self.together: Together[int, int] = Together(self._work, most=most, for_all=(Away,))

    async def _work(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(items))
        self.started.set()
        await self.go.wait()
        if 13 in items:
            raise ValueError("thirteen is not done")
        if 99 in items:
            raise Away("nobody there")
        return [LookupError("seven is refused") if item == 7 else 2 * item for item in items]


async def outcome(machine: Machine, *items: int) -> list[int | str]:
    """What becomes of items that come at the same time."""
    results = await asyncio.gather(*(machine.together.do(item) for item in items), return_exceptions=True)
    return [result if isinstance(result, int) else str(result) for result in results]


async def test_what_comes_at_the_same_time_is_one_batch_in_order() -> None:
    machine = Machine()
    assert await outcome(machine, 1, 2, 3) == [2, 4, 6]
    assert machine.batches == [[1, 2, 3]]


async def test_what_comes_meanwhile_is_the_next_batch() -> None:
    machine = Machine()
    machine.go.clear()
    first = asyncio.create_task(machine.together.do(1))
    await machine.started.wait()
    later = asyncio.create_task(outcome(machine, 2, 3))
    await asyncio.sleep(0)
    machine.go.set()
    assert (await first, await later) == (2, [4, 6])
    assert machine.batches == [[1], [2, 3]]


async def test_a_batch_has_a_limit() -> None:
    machine = Machine(most=2)
    assert await outcome(machine, 1, 2, 3, 4, 5) == [2, 4, 6, 8, 10]
    assert machine.batches == [[1, 2], [3, 4], [5]]


async def test_an_item_that_is_refused_does_not_disturb_the_others() -> None:
    machine = Machine()
    assert await outcome(machine, 1, 7, 2) == [2, "seven is refused", 4]
    assert machine.batches == [[1, 7, 2]]


async def test_an_item_that_can_not_be_done_fails_alone() -> None:
    machine = Machine()
    assert await outcome(machine, 1, 2, 13, 4, 5) == [2, 4, "thirteen is not done", 8, 10]
    assert machine.batches == [[1, 2, 13, 4, 5], [1, 2], [13, 4, 5], [13], [4, 5]]


async def test_what_concerns_everybody_is_not_tried_again() -> None:
    machine = Machine()
    assert await outcome(machine, 1, 99, 2) == ["nobody there"] * 3
    assert machine.batches == [[1, 99, 2]]


async def test_what_concerns_everybody_concerns_those_who_wait_meanwhile_too() -> None:
    machine = Machine(most=2)
    assert await outcome(machine, 1, 99, 2, 3, 4) == ["nobody there"] * 5
    assert machine.batches == [[1, 99]]
    assert await outcome(machine, 5) == [10]


async def test_whoever_is_cancelled_waits_for_the_end_and_disturbs_nobody() -> None:
    machine = Machine()
    machine.go.clear()
    cancelled, other = (asyncio.create_task(machine.together.do(item)) for item in (1, 2))
    await machine.started.wait()
    cancelled.cancel()
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.sleep(0)
    assert not cancelled.done()
    machine.go.set()
    assert await other == 4
    with pytest.raises(asyncio.CancelledError):
        await cancelled


async def test_nothing_is_left_running_once_everybody_has_a_result() -> None:
    machine = Machine()
    await outcome(machine, 1, 2, 3)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_nobody_waits_for_ever_when_the_loop_ends() -> None:
    machine = Machine(most=1)
    machine.go.clear()
    waiting = [asyncio.create_task(machine.together.do(item)) for item in (1, 2)]
    await machine.started.wait()
    me = asyncio.current_task()
    (worker,) = (task for task in asyncio.all_tasks() if task is not me and task not in waiting)
    worker.cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * 2
    machine.go.set()
    assert await outcome(machine, 3) == [6]
