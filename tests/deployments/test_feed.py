"""Every subscriber gets every event exactly once, from wherever it comes in, and the same bytes as all others."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dag_gateway.clock import SystemClock
from dag_gateway.deployments.feed import Feed
from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.signals import Signals
from dag_gateway.deployments.subscription import FAREWELLS, HEARTBEAT, Subscription
from dag_gateway.model.deployment import Deployment, Status, fresh_targets
from dag_gateway.model.event import status_news
from dag_gateway.model.health import progressing
from dag_gateway.model.reason import Reason
from dag_gateway.store import DeploymentNotFound, DeploymentStore
from tests.fakes.database_trouble import table_away
from tests.fakes.deployments import NOON, OTHER_TARGET, TARGET, a_deployment
from tests.fakes.stores import a_store

_HANGS = 60.0
"""Seconds; only a test that fails waits for so long."""


class Stage:
    """A store with one accepted deployment, somebody who moves it, and a feed."""

    def __init__(self, store: DeploymentStore, deployment: Deployment, heartbeat: float) -> None:
        self.signals = Signals()
        self.feed = Feed(store, self.signals, heartbeat)
        self.journal = Journal(deployment, store, self.signals, self.feed, SystemClock())
        self.id = deployment.id

    async def move(self, *statuses: Status) -> None:
        for status in statuses:
            await self.journal.move(self.journal.deployment.after(status, f"now {status}"))

    async def fail(self) -> None:
        await self.journal.move(self.journal.deployment.failed(Reason.TIMEOUT, "too late"))

    async def frames(self, after: int | None = None) -> list[bytes]:
        stream = await self.feed.stream(self.id, after)
        assert stream is not None
        with closing(stream):
            return [frame async for frame in stream]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DeploymentStore]:
    async with a_store(tmp_path) as store:
        yield store


@pytest.fixture
async def stage(store: DeploymentStore) -> AsyncIterator[Stage]:
    async with a_stage(store) as stage:
        yield stage


@asynccontextmanager
async def a_stage(store: DeploymentStore, heartbeat: float = 60.0) -> AsyncIterator[Stage]:
    deployment = a_deployment(targets=fresh_targets([TARGET, OTHER_TARGET]))
    stage = Stage(store, await store.accept(deployment, b"", status_news(deployment, NOON)), heartbeat)
    async with stage.feed:
        yield stage


def told(frame: bytes) -> tuple[str | None, str]:
    """The id of a frame (None: it has none) and what it says, shortly."""
    fields = dict(line.split(": ", 1) for line in frame.decode().splitlines() if line)
    data = json.loads(fields["data"])
    what = data.get("status") or f"{data['target']['id']} {data['target']['status']}"
    return fields.get("id"), what


async def test_a_newcomer_hears_where_things_stand_and_then_the_rest(stage: Stage) -> None:
    await stage.move(Status.VALIDATING, Status.PUSHING, Status.PUSHED, Status.MONITORING)
    await stage.journal.observe(TARGET.id, progressing("1 of 2", ready=1, desired=2))
    stream = await stage.feed.stream(stage.id, None)
    assert stream is not None
    with closing(stream):
        first = [told(await anext(stream)) for _ in range(3)]
        assert first == [
            (None, "prod/shop/web monitoring"),
            (None, "prod/shop/web-2 pending"),
            ("6", "monitoring"),
        ]
        await stage.fail()
        assert [told(frame) async for frame in stream] == [
            ("7", "prod/shop/web failed"),
            ("8", "prod/shop/web-2 failed"),
            ("9", "failed"),
        ]


async def test_an_ended_deployment_tells_its_targets_and_its_end(stage: Stage) -> None:
    await stage.fail()
    assert [told(frame) for frame in await stage.frames()] == [
        (None, "prod/shop/web failed"),
        (None, "prod/shop/web-2 failed"),
        ("4", "failed"),
    ]


async def test_who_comes_back_gets_what_was_missed_and_nothing_twice(stage: Stage) -> None:
    await stage.move(Status.VALIDATING, Status.PUSHING)
    await stage.fail()
    assert [told(frame) for frame in await stage.frames(after=1)] == [
        ("2", "validating"),
        ("3", "pushing"),
        ("4", "prod/shop/web failed"),
        ("5", "prod/shop/web-2 failed"),
        ("6", "failed"),
    ]
    assert [told(frame)[0] for frame in await stage.frames(after=0)] == ["1", "2", "3", "4", "5", "6"]


async def test_who_has_seen_the_end_is_told_to_stop_asking(stage: Stage) -> None:
    await stage.fail()
    assert await stage.feed.stream(stage.id, 4) is None


async def test_an_id_from_the_future_starts_anew(stage: Stage) -> None:
    await stage.fail()
    assert len(await stage.frames(after=99)) == 3


async def test_an_unknown_deployment_is_not_found(stage: Stage) -> None:
    with pytest.raises(DeploymentNotFound, match="there is no deployment of this id"):
        await stage.feed.stream("nowhere", None)


async def test_all_subscribers_get_the_same_bytes_object(stage: Stage) -> None:
    streams = [asyncio.create_task(stage.frames(after=0)) for _ in range(20)]
    await stage.move(Status.VALIDATING, Status.PUSHING)
    await stage.fail()
    received = await asyncio.gather(*streams)
    assert len({tuple(map(id, frames)) for frames in received}) == 1
    assert [told(frame)[0] for frame in received[0]] == ["1", "2", "3", "4", "5", "6"]


async def test_a_client_that_goes_away_costs_only_its_own_stream(stage: Stage) -> None:
    leaver = await stage.feed.stream(stage.id, 0)
    assert leaver is not None
    await anext(leaver)
    stayer = asyncio.create_task(stage.frames(after=0))
    leaver.close()
    await stage.fail()
    ends = ["prod/shop/web failed", "prod/shop/web-2 failed", "failed"]
    assert [told(frame)[1] for frame in await stayer] == ["pending", *ends]


async def test_silence_is_filled_with_heartbeats(store: DeploymentStore) -> None:
    async with a_stage(store, heartbeat=0.005) as stage:
        stream = await stage.feed.stream(stage.id, 1)
        assert stream is not None
        with closing(stream):
            assert [await anext(stream) for _ in range(3)] == [HEARTBEAT] * 3


async def test_at_shutdown_streams_end_with_an_invitation_to_come_back(stage: Stage) -> None:
    stream = await stage.feed.stream(stage.id, 0)
    assert stream is not None
    waiting = asyncio.create_task(_rest(stream))
    await asyncio.sleep(0)
    stage.feed.stop()
    frames = await waiting
    assert frames[-1] in FAREWELLS
    assert (await stage.frames(after=0))[-1] in FAREWELLS


async def _rest(stream: Subscription) -> list[bytes]:
    return [frame async for frame in stream]


async def test_a_stream_stays_while_the_database_is_away_and_misses_nothing(stage: Stage, tmp_path: Path) -> None:
    stream = await stage.feed.stream(stage.id, 0)
    assert stream is not None
    with closing(stream), capture_logs() as logs:
        assert told(await anext(stream)) == ("1", "pending")
        async with table_away(tmp_path, "events"):
            stage.signals.wake(stage.id)
            async with asyncio.timeout(_HANGS):
                while not logs:  # noqa: ASYNC110  the log has no event to wait for
                    await asyncio.sleep(0.001)
        assert logs[0]["event"] == "events can not be read now; the streams wait"
        await stage.fail()
        assert [told(frame)[0] for frame in await _rest(stream)] == ["2", "3", "4"]
