"""One GET to a forge that misbehaves in every way a server can."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from dag_gateway.forges.answer import LARGEST_ANSWER, Answer, ForgeUnavailable
from dag_gateway.forges.fetch import ForgeClient

Reply = Callable[[int], bytes | None]
"""The raw answer to the n-th connection, counted from 0; None leaves it open without an answer."""


class RawServer:
    """Answers each connection with raw bytes, and keeps what it was sent."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._done = asyncio.Event()
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        reply = self._reply(len(self.requests) - 1)
        if reply is None:
            await self._done.wait()
        else:
            writer.write(reply)
            await writer.drain()
        writer.close()

    def release(self) -> None:
        self._done.set()


@asynccontextmanager
async def forge(reply: Reply, timeout: float = 60) -> AsyncIterator[tuple[ForgeClient, RawServer]]:
    raw = RawServer(reply)
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = ForgeClient("forge", f"http://127.0.0.1:{port}/root", timeout)
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
    assert head == "GET /root/api/v4/job?search=feature%2Fa%26b HTTP/1.1"
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
    "reply", [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"]
)
async def test_a_connection_that_breaks_twice_is_given_up(reply: bytes) -> None:
    async with forge(lambda n: reply) as (client, raw):
        with pytest.raises(ForgeUnavailable, match=r"^forge 'forge' can not be reached \(RemoteProtocolError\)$"):
            await client.get("/", {"JOB-TOKEN": "secret"})
    assert len(raw.requests) == 2


async def test_nobody_listening_is_reported() -> None:
    client = ForgeClient("forge", "http://127.0.0.1:1", 60)
    with pytest.raises(ForgeUnavailable, match=r"^forge 'forge' can not be reached \(ConnectError\)$") as failure:
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


async def test_a_compressed_answer_that_nobody_asked_for_is_not_inflated() -> None:
    bomb = gzip.compress(b"x" * LARGEST_ANSWER)
    async with forge(lambda n: http("200 OK", "Content-Encoding: gzip", body=bomb)) as (client, _):
        assert (await client.get("/", {})).body == bomb


async def test_the_token_is_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with forge(lambda n: b"nonsense\r\n") as (client, _):
        with pytest.raises(ForgeUnavailable, match=r"can not be reached") as failure:
            await client.get("/", {"JOB-TOKEN": "glcbt-64_secret"})
    chain = [failure.value, failure.value.__cause__]
    assert isinstance(chain[1], httpx.HTTPError)
    assert not any("glcbt" in text for text in [caplog.text, *map(repr, chain), *map(str, chain)])


async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with forge(lambda n: http()) as (client, _):
        assert (await client.get("/", {})).status == 200
