"""Who was refused several times waits for a turn; nobody else does, and nobody is locked out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from dag_gateway.charts import pack
from dag_gateway.config import LimitSettings
from dag_gateway.web.refusals import TooManyRefusals
from dag_gateway.web.suspects import Suspects
from tests.fakes.door import (
    Door,
    RawAnswer,
    RawClient,
    ask,
    connected,
    door_config,
    form,
    job_fields,
    open_door,
    upload,
)
from tests.fakes.world import chart_files

on_one_loop = pytest.mark.asyncio(loop_scope="module")

BAD, NEIGHBOUR, GOOD = "2001:db8::1", "2001:db8::2", "192.0.2.2"
CHART = pack("web", chart_files())
GUESS = upload(form(job_fields(jobToken="guess"), CHART))
HALF = upload(b"--b\r\n", length=1000)
LIVE = b"GET /livez HTTP/1.1\r\nHost: dag\r\n\r\n"
UNKNOWN = b"GET /nothing/here HTTP/1.1\r\nHost: dag\r\n\r\n"
WRONG_KEY = b"GET /api/audit HTTP/1.1\r\nHost: dag\r\nX-API-Key: guess\r\n\r\n"
NO_HTTP = b"\x16\x03\x01\x02\r\n\r\n"
TWO_TOKENS = b"GET /livez HTTP/1.1\r\nHost: dag\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n"
CROWD = 20


@dataclass
class Time:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """It takes one suspect at a time and lets one request of each wait."""
    limits = {"suspect_after": 2, "suspects": 1, "suspects_waiting": 1}
    async with open_door(door_config(tmp_path_factory.mktemp("door"), limits)) as door:
        yield door


async def first_answer(crowd: Sequence[RawClient]) -> RawAnswer:
    """Whoever has or gets a place is not answered before its body is late, a long time from now."""
    answers = {asyncio.create_task(client.answer()) for client in crowd}
    done, others = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.wait(answers)
    return done.pop().result()


def suspects(time: Time) -> Suspects:
    limits = {"suspect_after": 3, "suspects": 1, "suspects_waiting": 1, "upload_wait": "10ms"}
    return Suspects(LimitSettings.model_validate(limits), time)


def test_a_client_is_a_suspect_after_so_many_refusals_a_minute() -> None:
    time = Time()
    known = suspects(time)
    for _ in range(3):
        assert not known.has(BAD)
        known.count(BAD)
    assert known.has(BAD)
    assert known.has(NEIGHBOUR)
    assert not known.has(GOOD)
    time.now += 20.0
    assert not known.has(BAD)
    known.count(BAD)
    assert known.has(BAD)


async def test_a_suspect_without_a_turn_is_sent_away_and_others_need_none() -> None:
    known = suspects(Time())
    for _ in range(3):
        known.count(BAD)
    text = (
        r"^requests from 2001:db8::2 were refused 3 times within a minute \(server\.limits\.suspect_after\), so they "
        r"wait for a turn: none came within 0\.01 s \(upload_wait\), or 1 wait already \(suspects_waiting\); try again$"
    )
    async with known.turn(BAD):
        with pytest.raises(TooManyRefusals, match=text) as caught:
            async with known.turn(NEIGHBOUR):
                raise AssertionError("a place that somebody else has")
        async with known.turn(GOOD), known.turn(GOOD):
            pass
    assert caught.value.retry_after == pytest.approx(0.01)


@on_one_loop
@pytest.mark.parametrize(
    ("number", "request_", "status"),
    [(1, GUESS, 401), (2, WRONG_KEY, 401), (3, UNKNOWN, 404), (4, NO_HTTP, 400), (5, TWO_TOKENS, 400)],
    ids=["a wrong token", "a wrong key", "an unknown path", "no HTTP", "an ambiguous head"],
)
async def test_a_crowd_of_suspects_is_sent_away_from_the_head_alone(
    door: Door, number: int, request_: bytes, status: int
) -> None:
    source = f"127.0.1.{number}"
    for _ in range(2):
        assert (await ask(door.url, request_, source)).status == status
    async with AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(connected(door.url, source, HALF)) for _ in range(CROWD)]
        answer = await first_answer(crowd)
        assert (await ask(door.url, LIVE, source)).status == 200
        assert (await ask(door.url, upload(form(job_fields(), CHART)), "127.0.0.20")).status == 200
    assert (answer.status, answer.json()["code"]) == (429, "too_many_refusals")
    assert (answer.headers["connection"], answer.headers["retry-after"]) == ("close", "15")


@on_one_loop
async def test_a_good_job_at_the_address_of_a_suspect_is_accepted_in_its_turn(door: Door) -> None:
    for _ in range(2):
        assert (await ask(door.url, GUESS, "127.0.2.1")).status == 401
    for version in ("2.0.0", "2.0.1"):
        answer = await ask(door.url, upload(form(job_fields(version=version), CHART)), "127.0.2.1")
        assert answer.status == 200, answer.body


@on_one_loop
async def test_event_streams_of_a_suspect_keep_nobody_waiting(door: Door) -> None:
    answer = await ask(door.url, upload(form(job_fields(version="3.0.0"), CHART)), "127.0.2.3")
    follow = f"GET /api/deployments/{answer.json()['deploymentId']}/events HTTP/1.1\r\nHost: dag\r\n\r\n".encode()
    for _ in range(2):
        assert (await ask(door.url, GUESS, "127.0.2.3")).status == 401
    async with AsyncExitStack() as stack:
        for _ in range(3):
            client = await stack.enter_async_context(connected(door.url, "127.0.2.3", follow))
            assert (await client.answer()).status == 200


@on_one_loop
async def test_the_refusal_of_what_is_no_http_is_kept_back_for_a_suspect(door: Door) -> None:
    for _ in range(2):
        assert (await ask(door.url, NO_HTTP, "127.0.2.2")).status == 400
    async with connected(door.url, "127.0.2.2", NO_HTTP) as client:
        answer = await client.answer()
        await client.send(NO_HTTP)
        assert await client.rest() == b""
    assert (answer.status, answer.json()["code"]) == (400, "malformed_request")
