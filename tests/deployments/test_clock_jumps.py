"""Somebody sets the wall clock while a deployment is under way: it ends all the same, and not before its time."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from dag_gateway.clock import SteadyClock
from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.monitor import monitor
from dag_gateway.model.reason import Reason
from tests.fakes.deployments import a_deployment
from tests.fakes.followed_deployments import monitored, opened
from tests.fakes.manual_clock import ManualClock

_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""


async def test_a_clock_that_is_set_back_gives_no_more_than_the_whole_time(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path) as (tools, _, store):
        deployment = a_deployment(accepted_at=clock.now())
        clock.advance(100)
        journal = Journal(deployment, store, tools.signals, tools.feed, clock)
        assert journal.seconds_left(deployment.deadline) == 200
        clock.jump(-3600)
        assert journal.seconds_left(deployment.deadline) == 300
        clock.advance(250)
        assert journal.seconds_left(deployment.deadline) == 50
        clock.jump(3600)
        assert journal.seconds_left(deployment.deadline) == -50
        clock.jump(3600)
        assert journal.seconds_left(deployment.deadline) == -3650


async def test_a_rollout_ends_in_time_although_the_clock_was_set_back(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path) as (tools, _, store):
        late = await monitored(store, "late", timeout=0.2, accepted_at=clock.now())
        clock.jump(-3600)
        journal = Journal(late, store, tools.signals, tools.feed, clock)
        async with asyncio.timeout(_PATIENCE):
            ended = await monitor(journal, replace(tools, clock=clock))
    assert ended.reason is Reason.TIMEOUT


async def test_a_rollout_that_is_followed_does_not_end_because_the_clock_is_set_forward(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path) as (tools, clusters, store):
        deployment = await monitored(store, "d1", timeout=600.0, accepted_at=clock.now())
        journal = Journal(deployment, store, tools.signals, tools.feed, clock)
        async with asyncio.timeout(_PATIENCE):
            following = asyncio.create_task(monitor(journal, replace(tools, clock=clock)))
            while not clusters.goals:  # noqa: ASYNC110  the cluster has no event for that
                await asyncio.sleep(0)
            clock.jump(3600)
            clusters.done.set()
            ended = await following
    assert ended.reason is None


def test_a_steady_clock_shows_the_wall_clock_of_its_beginning_and_what_has_passed() -> None:
    clock = ManualClock()
    clock.advance(7)
    steady, before = SteadyClock(clock), clock.now()
    assert steady.now() == before
    clock.jump(-3600)
    clock.advance(10)
    assert (steady.now() - before).total_seconds() == 10
    assert steady.monotonic() == clock.monotonic() == 17


async def test_waiting_on_a_steady_clock_outlasts_every_jump() -> None:
    clock = ManualClock()
    steady = SteadyClock(clock)
    until = steady.now() + timedelta(seconds=10)
    waiting = asyncio.create_task(steady.sleep((until - steady.now()).total_seconds()))
    await asyncio.sleep(0)
    clock.jump(7200)
    assert not waiting.done()
    clock.advance(10)
    async with asyncio.timeout(_PATIENCE):
        await waiting
    assert steady.now() == until
