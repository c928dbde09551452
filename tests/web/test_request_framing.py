"""What is odd about HTTP itself gets one clear answer in the one shape of errors, over raw sockets."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dag_gateway.charts import pack
from tests.fakes.door import Door, RawAnswer, ask, connected, door_config, form, job_fields, open_door, upload
from tests.fakes.world import chart_files

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHART = pack("web", chart_files())
JSON = "Content-Type: application/json\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    limits = {"refusals_per_address": 10_000, "refusals_per_repository": 10_000, "suspect_after": 10_000}
    async with open_door(door_config(tmp_path_factory.mktemp("door"), limits)) as door:
        yield door
        assert (await ask(door.url, b"GET /readyz HTTP/1.1\r\nHost: dag\r\n\r\n")).status == 200


def refused(answer: RawAnswer, status: int, code: str) -> str:
    """The error text of an answer in the one shape of errors."""
    assert answer.status == status, answer.body
    body = answer.json()
    assert (set(body) <= {"error", "code", "details"}, body["code"]) == (True, code)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers
    text: str = body["error"]
    return text


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /livez",
        "GET  /livez HTTP/1.1",
        "G@T /livez HTTP/1.1",
        "GET /li\x00vez HTTP/1.1",
        "GET /livez\xff HTTP/1.1",
        "\x16\x03\x01\x02",
    ],
)
async def test_what_is_no_http_is_refused_and_closed(door: Door, request_line: str) -> None:
    async with connected(door.url, first=f"{request_line}\r\nHost: dag\r\n\r\n".encode("latin-1")) as client:
        answer = await client.answer()
        assert await client.rest() == b""
    assert refused(answer, 400, "malformed_request") == "the request is not well-formed HTTP/1.1"
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "header",
    ["Host : dag", "Host: dag\r\nHost: evil", "X: a\x00b", "X: a\r\n\x00: b", "No colon", "Content-Length: -1"],
)
async def test_malformed_headers_are_refused(door: Door, header: str) -> None:
    request = f"POST /api/deploy HTTP/1.1\r\n{header}\r\n\r\n".encode("latin-1")
    refused(await ask(door.url, request), 400, "malformed_request")


async def test_a_request_needs_a_host(door: Door) -> None:
    refused(await ask(door.url, b"GET /livez HTTP/1.1\r\n\r\n"), 400, "malformed_request")
    assert (await ask(door.url, b"GET /livez HTTP/1.0\r\n\r\n")).status == 200


@pytest.mark.parametrize("host", ["[", "evil:99999", "a b", "]:[", "%00", "\xe9"])
async def test_an_odd_host_harms_nothing(door: Door, host: str) -> None:
    for path in ("/livez", "/nowhere"):
        answer = await ask(door.url, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))
        assert answer.status in (200, 400, 404)


async def test_two_lengths_are_refused(door: Door) -> None:
    differing = upload(b"", "Content-Length: 7")
    refused(await ask(door.url, differing), 400, "malformed_request")
    both = upload(b"0\r\n\r\n", "Transfer-Encoding: chunked")
    async with connected(door.url, first=both + b"GET /livez HTTP/1.1\r\nHost: dag\r\n\r\n") as client:
        answer = await client.answer()
        assert await client.rest() == b"", "what was smuggled in is not answered"
    assert refused(answer, 400, "ambiguous_head") == "give either Content-Length or Transfer-Encoding, not both"


async def test_an_unknown_transfer_encoding_is_refused(door: Door) -> None:
    request = b"POST /api/deploy HTTP/1.1\r\nHost: dag\r\nTransfer-Encoding: gzip\r\n\r\n"
    text = refused(await ask(door.url, request), 501, "malformed_request")
    assert text == "of the transfer encodings only chunked is understood"


async def test_a_broken_chunk_in_the_middle_of_a_body_is_refused(door: Door) -> None:
    head = b"POST /api/get/values HTTP/1.1\r\nHost: dag\r\nContent-Type: application/json\r\n"
    request = head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n"
    refused(await ask(door.url, request), 400, "malformed_request")


@pytest.mark.parametrize("name", ["Authorization", "Content-Type", "Idempotency-Key", "X-API-KEY", "Last-Event-ID"])
async def test_a_header_that_decides_something_stands_once(door: Door, name: str) -> None:
    request = f"GET /livez HTTP/1.1\r\nHost: dag\r\n{name}: a\r\n{name.lower()}: b\r\n\r\n"
    text = refused(await ask(door.url, request.encode()), 400, "ambiguous_head")
    assert text == f"{name.lower()}: the header stands twice"


async def test_other_methods_are_refused_with_those_that_are_taken(door: Door) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"):
        answer = await ask(door.url, f"{method} /api/deploy HTTP/1.1\r\nHost: dag\r\n\r\n".encode())
        assert refused(answer, 405, "method_not_allowed") == f"/api/deploy does not take {method}"
        assert answer.headers["allow"] == "POST"


async def test_a_head_request_has_no_body(door: Door) -> None:
    async with connected(door.url, first=b"HEAD /livez HTTP/1.1\r\nHost: dag\r\n\r\n") as client:
        answer = await client.answer(head_only=True)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        await client.send(b"HEAD /nowhere HTTP/1.1\r\nHost: dag\r\nConnection: close\r\n\r\n")
        assert (await client.answer(head_only=True)).status == 404
        assert await client.rest() == b""


@pytest.mark.parametrize(
    "target",
    ["http://dag/livez", "http://[", "//livez", "*", "dag:443", "/%2e%2e/livez", "/livez/..", "/livez#x", "/\\"],
)
async def test_odd_targets_are_not_found(door: Door, target: str) -> None:
    refused(await ask(door.url, f"GET {target} HTTP/1.1\r\nHost: dag\r\n\r\n".encode()), 404, "no_such_route")


async def test_who_expects_100_continue_is_told_to_go_on(door: Door) -> None:
    body = form(job_fields(), CHART)
    async with connected(door.url, first=upload(b"", "Expect: 100-continue", length=len(body))) as client:
        await client.asked_to_go_on()
        await client.send(body)
        assert (await client.answer()).status == 200


async def test_who_expects_100_continue_for_too_much_is_not(door: Door) -> None:
    async with connected(door.url, first=upload(b"", "Expect: 100-continue", length=10**9)) as client:
        refused(await client.answer(), 413, "too_large")


async def test_requests_one_behind_the_other_are_answered_in_order(door: Door) -> None:
    body = b"{}"
    post = f"POST /api/get/values HTTP/1.1\r\nHost: dag\r\n{JSON}Content-Length: 2\r\n\r\n".encode() + body
    get = b"GET /livez HTTP/1.1\r\nHost: dag\r\n\r\n"
    async with connected(door.url, first=get + post + get) as client:
        assert [(await client.answer()).status for _ in range(3)] == [200, 400, 200]
