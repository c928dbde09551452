"""Event streams over real sockets: what the client gets, that may be slow, go away, or only ask for the head."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.types import Message

from dag_gateway.clock import SystemClock
from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.signals import Signals
from dag_gateway.deployments.subscription import BACKLOG, FAREWELLS
from dag_gateway.model.event import status_news
from dag_gateway.model.health import progressing
from dag_gateway.model.reason import Reason
from dag_gateway.web.event_stream import EventStream
from tests.fakes.deployments import NOON, TARGET, a_deployment
from tests.fakes.door import Door, door_config, open_door

_HANGS = 120.0


class Scene:
    """A gateway with one deployment that the test moves."""

    def __init__(self, door: Door, journal: Journal) -> None:
        self.door = door
        self.journal = journal
        self.path = f"/api/deployments/{journal.deployment.id}/events"
        self.http = httpx.AsyncClient(base_url=door.url, timeout=_HANGS, trust_env=False)

    async def fail(self) -> None:
        await self.journal.move(self.journal.deployment.failed(Reason.TIMEOUT, "too late"))

    async def ids(self, after: int) -> list[int]:
        """Of all events behind ``after``, until the stream ends."""
        answer = await self.http.get(self.path, headers={"Last-Event-ID": str(after)})
        return _ids(answer.content)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_door(door_config(tmp_path, {"streams_per_address": 2})) as door:
        doors = door.doors
        doors.runner.drain()
        fresh = a_deployment()
        stored = await doors.store.accept(fresh, b"", status_news(fresh, NOON))
        scene = Scene(door, Journal(stored, doors.store, Signals(), doors.feed, SystemClock()))
        async with scene.http:
            yield scene


def _ids(content: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"^id: (\d+)$", content, re.MULTILINE)]


async def test_a_stream_is_never_stored_held_back_or_compressed(scene: Scene) -> None:
    await scene.fail()
    answer = await scene.http.get(scene.path, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-request-id"]
    assert "content-encoding" not in answer.headers
    assert _ids(answer.content) == [3]


async def test_the_head_of_a_stream_comes_without_the_stream(scene: Scene) -> None:
    answer = await scene.http.head(scene.path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"


async def test_who_has_seen_the_end_gets_204(scene: Scene) -> None:
    await scene.fail()
    answer = await scene.http.get(scene.path, headers={"Last-Event-ID": "3"})
    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_client_that_went_away_is_noticed_without_an_event(scene: Scene) -> None:
    for _ in range(2):
        async with scene.http.stream("GET", scene.path) as answer:
            assert answer.status_code == 200
    async with asyncio.timeout(_HANGS):
        while await _status(scene) == 429:
            pass


async def _status(scene: Scene) -> int:
    async with scene.http.stream("GET", scene.path) as answer:
        return answer.status_code


async def test_a_slow_client_is_sent_away_and_comes_back_for_the_rest_and_others_wait_for_nobody(scene: Scene) -> None:
    quick = asyncio.create_task(scene.ids(after=0))
    client = SlowClient()
    served = asyncio.create_task(client.serve(scene))
    await client.has_asked.wait()
    total = BACKLOG + 4
    for number in range(2, total - 1):
        await scene.journal.observe(TARGET.id, progressing(f"event {number}"))
    await scene.fail()
    async with asyncio.timeout(_HANGS):
        assert await quick == list(range(1, total + 1))
        client.goes_on.set()
        await served
    assert _ids(client.had) == [1]
    assert client.had.endswith(FAREWELLS)
    assert await scene.ids(after=1) == list(range(2, total + 1))


class SlowClient:
    """Takes one event, and nothing more before it ``goes_on``: an ASGI server whose buffers are full."""

    def __init__(self) -> None:
        self.had = b""
        self.has_asked = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def serve(self, scene: Scene) -> None:
        stream = await scene.door.doors.feed.stream(scene.journal.deployment.id, 0)
        assert stream is not None
        await EventStream(stream)({"type": "http", "method": "GET"}, self._receive, self._send)

    async def _receive(self) -> Message:
        await asyncio.Event().wait()
        raise AssertionError("the client never leaves")

    async def _send(self, message: Message) -> None:
        self.had += message.get("body", b"")
        if self.had:
            self.has_asked.set()
            await self.goes_on.wait()
