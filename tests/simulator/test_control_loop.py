import asyncio
import logging
from collections.abc import Iterable

import pytest

from dag_gateway.clock import SystemClock
from dag_gateway.simulator.controllers.everything import running
from dag_gateway.simulator.faults import Faults
from dag_gateway.simulator.kinds import CONFIG_MAP, Key
from dag_gateway.simulator.pace import Pace
from dag_gateway.simulator.refusals import bad_request
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change, ObjectStore
from tests.fakes.simulated import config_map

FAST = Pace(0.001)


class Recorder:
    """Notes what it is asked to reconcile, and answers as it is told."""

    def __init__(self, *answers: float | Exception | None) -> None:
        self.seen: asyncio.Queue[Key] = asyncio.Queue()
        self._answers = list(answers)

    def concerned(self, change: Change) -> Iterable[Key]:
        return [change.key]

    async def reconcile(self, key: Key) -> float | None:
        self.seen.put_nowait(key)
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def registry() -> Registry:
    return Registry(ObjectStore(), SystemClock())


def _write(registry: Registry, name: str, value: str) -> Key:
    key = Key(CONFIG_MAP, "shop", name)
    registry.store.put(key, config_map(name, a=value))
    return key


async def test_what_was_there_before_is_reconciled_too(registry: Registry) -> None:
    key, recorder = _write(registry, "one", "1"), Recorder()
    async with running(registry, [recorder], FAST):
        assert await recorder.seen.get() == key


async def test_every_change_is_followed_by_a_look(registry: Registry) -> None:
    recorder = Recorder()
    async with running(registry, [recorder], FAST):
        for value in "12":
            key = _write(registry, "one", value)
            assert await recorder.seen.get() == key


async def test_a_controller_can_ask_to_look_again_later(registry: Registry) -> None:
    recorder = Recorder(0.001, 0.001)
    async with running(registry, [recorder], FAST):
        key = _write(registry, "one", "1")
        assert [await recorder.seen.get() for _ in range(3)] == [key] * 3


async def test_a_refusal_is_survived(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    recorder = Recorder(bad_request("not today"))
    async with running(registry, [recorder], FAST):
        for value in "12":
            _write(registry, "one", value)
            await recorder.seen.get()
    assert "Recorder of one was refused: not today" in caplog.text


async def test_an_error_of_a_controller_is_raised_at_the_end(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(ZeroDivisionError("a bug"))

    async def run() -> None:
        async with running(registry, [recorder], FAST):
            _write(registry, "one", "1")
            await recorder.seen.get()

    with pytest.raises(ExceptionGroup) as caught:
        await run()
    assert caught.group_contains(ZeroDivisionError, match="a bug")
    assert "Recorder failed on one; the simulation stops here" in caplog.text


async def test_with_a_slow_start_a_change_is_overlooked_for_a_while(registry: Registry) -> None:
    recorder, faults = Recorder(), Faults(slow_start=50)
    async with running(registry, [recorder], FAST, faults):
        began = asyncio.get_running_loop().time()
        _write(registry, "one", "1")
        await recorder.seen.get()
        assert asyncio.get_running_loop().time() - began >= FAST.step(50)
