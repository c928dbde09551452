"""The gateway's API through the client: what is retried, what is refused, what is never sent twice."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dag_gateway.charts import pack
from dag_gateway.cli.api_client import Gateway, Order, open_gateway, server_url
from dag_gateway.cli.exits import OutcomeUnknown, Refused, WrongUsage
from dag_gateway.cli.retry import retry_after, wait_before
from dag_gateway.errors import GatewayError
from dag_gateway.model.identity import UnverifiedJob
from tests.fakes.gateway import DEPLOYMENT, JOB, FakeGateway, Trouble
from tests.fakes.skipping_clock import SkippingClock

IDENTITY = UnverifiedJob(JOB["repoUrl"], JOB["jobId"], JOB["jobToken"])
CHART = pack("chart", {"Chart.yaml": b"name: web\n"})
Notes = list[str]
Sent = list[tuple[int, int]]


def order(**changes: Any) -> Order:
    said = {"job": IDENTITY, "version": "1.0.0", "environment": None, "chart": CHART, "idempotency_key": "key-1"}
    return Order(**{**said, **changes})


@asynccontextmanager
async def client(url: str, clock: SkippingClock | None = None) -> AsyncIterator[tuple[Gateway, Notes]]:
    notes: Notes = []
    async with open_gateway(url, clock or SkippingClock(), notes.append) as opened:
        yield opened, notes


async def upload(url: str, clock: SkippingClock | None = None, **changes: Any) -> str:
    async with client(url, clock) as (opened, _):
        return await opened.deploy(order(**changes), lambda done, total: None)


async def test_an_upload_carries_every_field_and_the_chart(gateway: FakeGateway) -> None:
    assert await upload(gateway.url, environment="production") == DEPLOYMENT
    (sent,) = gateway.uploads
    assert sent.fields == {**JOB, "version": "1.0.0", "environment": "production"}
    assert sent.files == {"chart/Chart.yaml": b"name: web\n"}
    assert sent.key == "key-1"


async def test_the_upload_tells_how_far_it_is(gateway: FakeGateway) -> None:
    seen: Sent = []
    chart = pack("chart", {"Chart.yaml": b"", "big": bytes(range(256)) * 1000})
    async with client(gateway.url) as (opened, _):
        await opened.deploy(order(chart=chart), lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(chart), len(chart))
    assert sorted(seen) == seen


async def test_an_upload_that_got_lost_is_repeated_but_deploys_once(gateway: FakeGateway) -> None:
    gateway.troubles = [Trouble(500, b"oops"), Trouble(502), Trouble(503, headers={"retry-after": "7"})]
    clock = SkippingClock()
    async with client(gateway.url, clock) as (opened, notes):
        assert await opened.deploy(order(), lambda done, total: None) == DEPLOYMENT
    assert len(gateway.uploads) == 4
    assert {sent.key for sent in gateway.uploads} == {"key-1"}
    assert list(gateway.deployments) == ["key-1"]
    assert [int(wait) for wait in clock.slept[:2]] == [1, 2]
    assert 7 <= clock.slept[2] <= 7 * 1.25
    assert notes[0].startswith(f"{gateway.url}: an answer that is not the gateway's (HTTP 500); trying again in 1 s")


async def test_a_gateway_that_stays_broken_leaves_the_outcome_unknown(gateway: FakeGateway) -> None:
    body = json.dumps({"error": "the database is locked", "code": "unavailable"}).encode()
    gateway.troubles = [Trouble(503, body, {"x-request-id": "r-1"})] * 4
    with pytest.raises(OutcomeUnknown, match=r"the database is locked \(HTTP 503, unavailable, request r-1\)"):
        await upload(gateway.url)
    assert len(gateway.uploads) == 4


async def test_a_gateway_that_is_not_there_leaves_the_outcome_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    clock = SkippingClock()
    with pytest.raises(OutcomeUnknown, match=rf"{url} does not answer \(4 tries\): .*(refused|failed)"):
        await upload(url, clock)
    assert len(clock.slept) == 3


async def test_a_rate_limit_is_waited_for_and_then_refused(gateway: FakeGateway) -> None:
    gateway.troubles = [Trouble(429, b'{"error": "too many uploads", "code": "too_many"}')] * 4
    with pytest.raises(Refused, match=r"too many uploads \(HTTP 429, too_many\)"):
        await upload(gateway.url)


async def test_a_refusal_is_final_and_in_the_gateways_words(gateway: FakeGateway) -> None:
    clock = SkippingClock()
    with pytest.raises(Refused, match=r"^the job is not running \(HTTP 401, unverified\)$"):
        await upload(gateway.url, clock, job=UnverifiedJob(JOB["repoUrl"], "42", "wrong"))
    assert (len(gateway.uploads), clock.slept) == (1, [])


REFUSED = Trouble(401, b'{"error": "the ID token expired", "code": "token_expired"}')


def unavailable(code: str) -> Trouble:
    return Trouble(503, json.dumps({"error": "try again", "code": code}).encode(), {"retry-after": "1"})


@pytest.mark.parametrize(
    "doubtful", [Trouble(500, b"oops"), Trouble(502), Trouble(503), unavailable("database_unavailable")]
)
@pytest.mark.parametrize("last", [REFUSED, Trouble(429), Trouble(302)])
async def test_a_refusal_after_a_try_that_may_have_been_accepted_leaves_the_outcome_unknown(
    doubtful: Trouble, last: Trouble, gateway: FakeGateway
) -> None:
    gateway.troubles = [doubtful, last, last, last]
    with pytest.raises(OutcomeUnknown, match=r"; but an earlier try may have been accepted: .* \(HTTP 50."):
        await upload(gateway.url)


@pytest.mark.parametrize("code", ["draining", "forge_unavailable", "request_timeout", "too_many_connections"])
async def test_a_refusal_after_tries_that_were_certainly_not_accepted_is_one(code: str, gateway: FakeGateway) -> None:
    gateway.troubles = [unavailable(code), Trouble(429), REFUSED]
    with pytest.raises(Refused, match=r"^the ID token expired \(HTTP 401, token_expired\)$"):
        await upload(gateway.url)


def answering(*answers: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Takes uploads, and gives ``answers`` in turn, the last one for ever; an empty one hangs up."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"--\r\n"))
        writer.write(answers[min(len(asked), len(answers)) - 1])
        writer.close()
        await writer.wait_closed()

    return serve


RAW_REFUSAL = b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def test_a_refusal_after_an_answer_that_was_lost_leaves_the_outcome_unknown() -> None:
    async with await asyncio.start_server(answering(b"", RAW_REFUSAL), "127.0.0.1", 0) as server:
        text = r"\(HTTP 401\); but an earlier try may have been accepted: Server disconnected"
        with pytest.raises(OutcomeUnknown, match=text):
            await upload(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def test_a_refusal_after_a_connection_that_never_was_is_one() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        starting: list[asyncio.Task[None]] = []
        async with await asyncio.start_server(answering(RAW_REFUSAL), sock=reserved, start_serving=False) as server:
            clock = SkippingClock(on_sleep=lambda: starting.append(asyncio.create_task(server.start_serving())))
            with pytest.raises(Refused, match=r"^an answer that is not the gateway's \(HTTP 401\)$"):
                await upload(url, clock)
    assert starting


async def test_what_is_only_read_is_refused_as_often_as_it_is(gateway: FakeGateway) -> None:
    gateway.troubles = [Trouble(500), REFUSED]
    async with client(gateway.url) as (opened, _):
        with pytest.raises(Refused, match=r"^the ID token expired"):
            await opened.values(IDENTITY, None)


@pytest.mark.parametrize("trouble", [Trouble(404), Trouble(403, b"<html>"), Trouble(302)])
async def test_a_record_that_is_refused_leaves_the_outcome_unknown(trouble: Trouble, gateway: FakeGateway) -> None:
    gateway.troubles = [trouble]
    async with client(gateway.url) as (opened, _):
        with pytest.raises(OutcomeUnknown, match=r"^the record of the deployment can not be read: "):
            await opened.record(DEPLOYMENT)


async def test_a_refusal_by_a_proxy_is_named_as_such(gateway: FakeGateway) -> None:
    gateway.troubles = [Trouble(413, b"<html>")]
    with pytest.raises(Refused, match=r"an answer that is not the gateway's \(HTTP 413\)"):
        await upload(gateway.url)


async def test_a_redirect_is_not_followed(gateway: FakeGateway) -> None:
    gateway.troubles = [Trouble(302, headers={"location": "https://elsewhere.example.com/"})]
    text = "--server answers with a redirect to https://elsewhere.example.com/; give the gateway's own address"
    with pytest.raises(WrongUsage, match=text):
        await upload(gateway.url)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<html>", "the answer is not a JSON object: is --server the address of a DAG Gateway"),
        (b"[]", "the answer is not a JSON object"),
        (b"[" * 100_000, "the answer is not a JSON object"),
        (b"{}", "the answer names no deploymentId"),
        (b'{"deploymentId": 7}', "the answer names no deploymentId"),
        (b'{"deploymentId": "../../x"}', "the answer names no deploymentId"),
        (b" " * (16 * 1024 * 1024 + 1), "the answer of 127.0.0.1 is larger than 16777216 bytes"),
    ],
)
async def test_an_answer_that_makes_no_sense_leaves_the_outcome_unknown(
    body: bytes, text: str, gateway: FakeGateway
) -> None:
    gateway.troubles = [Trouble(200, body)]
    with pytest.raises(OutcomeUnknown, match=text):
        await upload(gateway.url)


async def test_the_record_the_chart_and_the_values_are_read(gateway: FakeGateway) -> None:
    async with client(gateway.url) as (opened, _):
        assert await opened.record(DEPLOYMENT) == gateway.record
        assert await opened.chart(IDENTITY, None) == gateway.chart
        assert await opened.values(IDENTITY, "production") == gateway.values
    assert gateway.questions == [JOB, {**JOB, "environment": "production"}]


async def test_reading_is_retried_too(gateway: FakeGateway) -> None:
    gateway.troubles = [Trouble(500)]
    async with client(gateway.url) as (opened, notes):
        assert await opened.values(IDENTITY, None) == gateway.values
    assert len(notes) == 1


@pytest.mark.parametrize("error", [Refused, OutcomeUnknown, WrongUsage])
async def test_no_error_shows_the_token(error: type[GatewayError], gateway: FakeGateway) -> None:
    trouble = {Refused: Trouble(400), OutcomeUnknown: Trouble(200), WrongUsage: Trouble(301)}
    gateway.troubles = [trouble[error]]
    with pytest.raises(error) as caught:
        await upload(gateway.url)
    assert JOB["jobToken"] not in f"{caught.value} {caught.value.details!r}"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://dag.example.com", "https://dag.example.com"),
        (" https://dag.example.com/ ", "https://dag.example.com"),
        ("http://127.0.0.1:8080/dag/", "http://127.0.0.1:8080/dag"),
    ],
)
def test_a_server_url_is_taken_with_its_path(text: str, url: str) -> None:
    assert server_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "dag.example.com",
        "ftp://dag.example.com",
        "https://",
        "https://u:p@dag.example.com",
        "https://a/?x=1",
        "https://a/#x",
    ],
)
def test_a_server_url_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match=r"--server must be an http\(s\) URL such as https://dag.example.com"):
        server_url(text)


def test_a_malformed_server_url_is_refused() -> None:
    with pytest.raises(WrongUsage, match="--server: not a URL: Invalid port"):
        server_url("https://dag.example.com:port")


def test_waits_double_up_to_a_bound_and_spread_by_a_quarter() -> None:
    assert [wait_before(failures, None, 0) for failures in (1, 2, 3, 4, 5, 50)] == [1, 2, 4, 8, 15, 15]
    assert wait_before(1, None, 1) == 1.25


@pytest.mark.parametrize(("asked", "seconds"), [(0, 0.1), (3.5, 3.5), (9999, 60), (-1, 0.1)])
def test_what_the_server_asks_for_wins_within_bounds(asked: float, seconds: float) -> None:
    assert wait_before(3, asked, 0) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("", None), ("5", 5), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None), ("²", None)],
)
def test_retry_after_is_read_in_seconds(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_an_order_does_not_print_its_token() -> None:
    assert JOB["jobToken"] not in repr(order())
