"""One GET to a forge that misbehaves in every way a server can."""

import asyncio
import gzip
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from yarl import URL

from dag_gateway.forges.answer import LARGEST_ANSWER, Answer, ForgeUnavailable
from dag_gateway.forges.breaker import FAILURES
from dag_gateway.forges.fetch import ForgeClient
from dag_gateway.forges.proxies import proxy_for
from tests.fakes.manual_clock import ManualClock

Reply = Callable[[int], bytes | None]
"""The raw answer to the n-th connection, counted from 0; None leaves it open without an answer."""


class RawServer:
    """Answers each connection with raw bytes, and keeps what it was sent."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._done = asyncio.Event()
        self.requests: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            reply = self._reply(len(self.requests) - 1)
            if reply is None:
                await self._done.wait()
            else:
                writer.write(reply)
                await writer.drain()
        finally:
            # Also when the client or the loop goes first: a writer must not outlive its loop.
            writer.close()

    def release(self) -> None:
        self._done.set()


@asynccontextmanager
async def forge(
    reply: Reply, timeout: float = 60, clock: ManualClock | None = None
) -> AsyncIterator[tuple[ForgeClient, RawServer]]:
    raw = RawServer(reply)
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.port = server.sockets[0].getsockname()[1]
    client = ForgeClient("forge", f"http://127.0.0.1:{raw.port}/root", timeout, clock)
    try:
        yield client, raw
    finally:
        await client.aclose()
        raw.release()
        server.close()
        await server.wait_closed()


def http(status: str = "200 OK", *headers: str, body: bytes = b"[]") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def test_a_request_carries_path_query_and_headers() -> None:
    async with forge(lambda n: http("200 OK", "Retry-After: 7")) as (client, raw):
        answer = await client.get("/api/v4/job", {"JOB-TOKEN": "secret"}, {"search": "feature/a&b"})
    head, *headers = raw.requests[0].decode().split("\r\n")
    assert answer == Answer(200, b"[]", "7")
    assert head == "GET /root/api/v4/job?search=feature/a%26b HTTP/1.1"
    assert {"JOB-TOKEN: secret", "Accept-Encoding: identity"} <= set(headers)


async def test_a_redirect_is_not_followed() -> None:
    async with forge(lambda n: http("302 Found", "Location: http://127.0.0.1:1/elsewhere")) as (client, raw):
        answer = await client.get("/", {"JOB-TOKEN": "secret"})
    assert (answer.status, len(raw.requests)) == (302, 1)


async def test_a_connection_that_breaks_once_is_tried_again() -> None:
    async with forge(lambda n: http() if n else b"") as (client, raw):
        answer = await client.get("/", {})
    assert (answer.status, len(raw.requests)) == (200, 2)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"", "ServerDisconnectedError"),
        (b"SSH-2.0-OpenSSH_9\r\n", "ClientResponseError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "ClientPayloadError"),
    ],
)
async def test_a_connection_that_breaks_twice_is_given_up(reply: bytes, why: str) -> None:
    async with forge(lambda n: reply) as (client, raw):
        with pytest.raises(ForgeUnavailable, match=rf"^forge 'forge' can not be reached \({why}\)$"):
            await client.get("/", {"JOB-TOKEN": "secret"})
    assert len(raw.requests) == 2


async def test_nobody_listening_is_reported() -> None:
    client = ForgeClient("forge", "http://127.0.0.1:1", 60)
    with pytest.raises(
        ForgeUnavailable, match=r"^forge 'forge' can not be reached \(ClientConnectorError\)$"
    ) as failure:
        await client.get("/", {})
    await client.aclose()
    assert (failure.value.code, failure.value.retry_after) == ("forge_unavailable", 5.0)


async def test_a_forge_that_says_nothing_is_given_up_in_time() -> None:
    async with forge(lambda n: None, timeout=0.05) as (client, _):
        with pytest.raises(ForgeUnavailable, match=r"^forge 'forge' did not answer within 0.05 s$"):
            await client.get("/", {})


async def test_an_answer_may_be_as_large_as_the_limit() -> None:
    async with forge(lambda n: http(body=b"x" * LARGEST_ANSWER)) as (client, _):
        assert len((await client.get("/", {})).body) == LARGEST_ANSWER


async def test_an_answer_over_the_limit_is_not_read() -> None:
    async with forge(lambda n: http(body=b"x" * (LARGEST_ANSWER + 1))) as (client, _):
        with pytest.raises(ForgeUnavailable, match=r"^forge 'forge' sent more than 1048576 bytes$"):
            await client.get("/", {})


async def test_who_asks_may_want_less() -> None:
    async with forge(lambda n: http(body=b"[" + b"x" * 1000)) as (client, _):
        with pytest.raises(ForgeUnavailable, match=r"^forge 'forge' sent more than 1000 bytes$"):
            await client.get("/", {}, largest=1000)


async def test_a_whole_url_is_asked_as_it_is() -> None:
    async with forge(lambda n: http("200 OK", "Cache-Control: max-age=60")) as (_, raw):
        client = ForgeClient("forge", "http://127.0.0.1:1/root", 60)
        answer = await client.get(f"http://127.0.0.1:{raw.port}/elsewhere?p=b2c_1", {})
        await client.get(f"http://127.0.0.1:{raw.port}/elsewhere?p=b2c_1", {}, {"page": "2"})
        await client.aclose()
    assert (answer.status, answer.cache_control) == (200, "max-age=60")
    assert raw.requests[0].startswith(b"GET /elsewhere?p=b2c_1 HTTP/1.1\r\n")
    assert raw.requests[1].startswith(b"GET /elsewhere?p=b2c_1&page=2 HTTP/1.1\r\n")


async def test_a_compressed_answer_that_nobody_asked_for_is_not_inflated() -> None:
    bomb = gzip.compress(b"x" * LARGEST_ANSWER)
    async with forge(lambda n: http("200 OK", "Content-Encoding: gzip", body=bomb)) as (client, _):
        assert (await client.get("/", {})).body == bomb


async def test_the_token_is_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    token = "-".join(["glcbt", "64_secret"])  # a traceback quotes the lines of this file
    async with forge(lambda n: b"nonsense\r\n") as (client, _):
        with pytest.raises(ForgeUnavailable, match=r"can not be reached") as failure:
            await client.get("/", {"JOB-TOKEN": token})
    told = [caplog.text, repr(failure.value), *traceback.format_exception(failure.value)]
    assert failure.value.__cause__ is None
    assert not any(token in text for text in told)


async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with forge(lambda n: http()) as (client, _):
        assert (await client.get("/", {})).status == 200


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_is_asked_for_another_machine(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    async with forge(lambda n: http()) as (_, raw):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{raw.port}")
        client = ForgeClient("forge", "http://forge.example.com", 60)
        answer = await client.get("/api/v4/job", {})
        await client.aclose()
    assert answer.status == 200
    assert raw.requests[0].startswith(b"GET http://forge.example.com/api/v4/job HTTP/1.1\r\n")


def test_no_proxy_is_asked_for_what_no_proxy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "intern.example.com")
    assert proxy_for(URL("https://intern.example.com")) is None
    assert proxy_for(URL("https://forge.example.com")) == "http://proxy.example.com:3128"


async def test_a_policy_as_long_as_forges_send_them_is_read_past() -> None:
    policy = "Content-Security-Policy: " + "x" * 20_000
    async with forge(lambda n: http("200 OK", policy)) as (client, _):
        assert (await client.get("/", {})).status == 200


@pytest.mark.parametrize("reply", [http("500 Oops"), http("503 Oops"), http(body=b"<html>"), http(body=b""), b""])
async def test_a_forge_that_keeps_failing_is_left_alone(reply: bytes) -> None:
    clock = ManualClock()
    async with forge(lambda n: reply, clock=clock) as (client, raw):
        for _ in range(FAILURES):
            with suppress(ForgeUnavailable):
                await client.get("/", {})
        asked = len(raw.requests)
        with pytest.raises(ForgeUnavailable, match=r"^forge 'forge' has failed 5 times in a row; ") as refusal:
            await client.get("/", {})
        assert (len(raw.requests), refusal.value.retry_after) == (asked, 1.0)
        clock.advance(1)
        with suppress(ForgeUnavailable):
            await client.get("/", {})
        assert len(raw.requests) > asked


async def test_a_forge_that_says_nothing_is_left_alone() -> None:
    async with forge(lambda n: None, timeout=0.02, clock=ManualClock()) as (client, _):
        for _ in range(FAILURES):
            with pytest.raises(ForgeUnavailable, match=r"did not answer within 0.02 s$"):
                await client.get("/", {})
        with pytest.raises(ForgeUnavailable, match=r"^forge 'forge' has failed 5 times in a row; "):
            await client.get("/", {})


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "404 Not Found", "429 Slow", "302 Found"])
async def test_a_forge_that_refuses_is_not_down(status: str) -> None:
    async with forge(lambda n: http(status), clock=ManualClock()) as (client, raw):
        for _ in range(3 * FAILURES):
            assert (await client.get("/", {})).status == int(status[:3])
    assert len(raw.requests) == 3 * FAILURES


async def test_a_forge_that_is_back_is_asked_again() -> None:
    clock = ManualClock()
    async with forge(lambda n: http("500 Oops") if n < FAILURES else http(), clock=clock) as (client, _):
        for _ in range(FAILURES):
            assert (await client.get("/", {})).status == 500
        clock.advance(1)
        for _ in range(FAILURES):
            assert (await client.get("/", {})).status == 200


async def test_many_who_ask_a_forge_that_hangs_up_are_one_reason_to_pause() -> None:
    clock = ManualClock()
    async with forge(lambda n: b"", clock=clock) as (client, _):
        answers = await asyncio.gather(*(client.get("/", {}) for _ in range(40)), return_exceptions=True)
        assert all(isinstance(answer, ForgeUnavailable) for answer in answers)
        with pytest.raises(ForgeUnavailable, match=r"asked again in 1.0 s$"):
            await client.get("/", {})
