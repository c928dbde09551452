"""Slow, large and crowded requests end with a clear answer, over real sockets and behind the real server."""

import asyncio
import http.client
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from dag_gateway.charts import pack
from tests.fakes.door import Door, ask, connected, door_config, form, job_fields, open_door, upload
from tests.fakes.world import chart_files

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHART = pack("web", chart_files())
PART = b'--b\r\nContent-Disposition: form-data; name="version"\r\n\r\n'
NO_SUSPECTS = {"suspect_after": 10_000}
SMALL = {"headers": 20, "url": 1000, "head": "4KiB", "refusals_per_address": 10, "streams_per_address": 1}
HASTY = {"answer_idle": "300ms", "head_time": "300ms", "body_idle": "300ms", "body_time": "600ms"}
NARROW = {"uploads": 3, "uploads_per_address": 2, "upload_wait": "50ms", "connections": 40}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """With small limits, behind a proxy at 127.0.0.9."""
    config = door_config(tmp_path_factory.mktemp("door"), SMALL | NO_SUSPECTS, trusted_proxies=["127.0.0.9"])
    async with open_door(config) as door:
        yield door


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """It waits for nobody."""
    async with open_door(door_config(tmp_path_factory.mktemp("hasty"), HASTY | NO_SUSPECTS)) as door:
        yield door


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncIterator[Door]:
    """It has few places."""
    async with open_door(door_config(tmp_path, NARROW)) as door:
        yield door


async def test_a_good_upload_is_accepted(door: Door) -> None:
    answer = await ask(door.url, upload(form(job_fields(), CHART)), "127.0.0.20")
    assert answer.status == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


async def test_a_head_that_does_not_come_is_given_up(hasty: Door) -> None:
    async with connected(hasty.url, first=b"GET /livez HTTP/1.1\r\nHost: dag\r\n") as client:
        answer = await client.answer()
        assert await client.rest() == b""
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert answer.json() == {
        "error": "request line and headers did not come in time (server.limits.head_time)",
        "code": "too_slow",
    }


async def test_a_connection_that_says_nothing_is_closed_without_a_word(hasty: Door) -> None:
    async with connected(hasty.url) as client:
        assert await client.rest() == b""


async def test_a_second_head_that_does_not_come_is_given_up_too(hasty: Door) -> None:
    async with connected(hasty.url, first=b"GET /livez HTTP/1.1\r\nHost: dag\r\n\r\n") as client:
        assert (await client.answer()).status == 200
        await client.send(b"GET /li")
        assert (await client.answer()).status == 408


async def test_a_body_that_stops_is_given_up(hasty: Door) -> None:
    async with connected(hasty.url, first=upload(b"--b\r\n", length=1000)) as client:
        answer = await client.answer()
        assert await client.rest() == b""
    assert (answer.status, answer.headers["connection"], answer.json()["code"]) == (408, "close", "too_slow")
    assert answer.json()["error"] == (
        "the body did not come in time: a piece every 0.3 s (server.limits.body_idle), after that at least 34952533 "
        "bytes a second, all of it within 0.6 s (server.limits.body_time)"
    )


async def test_a_body_that_trickles_is_given_up(hasty: Door) -> None:
    async def trickle() -> None:
        while True:
            await client.send(b"x")
            await asyncio.sleep(0.05)

    async with connected(hasty.url, first=upload(PART, length=1000)) as client:
        drops = asyncio.create_task(trickle())
        answer = await client.answer()
        drops.cancel()
        await asyncio.wait([drops])
    assert (answer.status, answer.json()["code"]) == (408, "too_slow")


async def test_a_body_that_trickles_holds_no_place_for_the_whole_time(tmp_path: Path) -> None:
    async def trickle() -> None:
        while True:
            await client.send(b"x")
            await asyncio.sleep(0.05)

    patient = {"body_idle": "300ms", "body_time": "1h"}
    async with (
        open_door(door_config(tmp_path, patient)) as door,
        connected(door.url, first=upload(PART, length=1000)) as client,
    ):
        drops = asyncio.create_task(trickle())
        answer = await client.answer()
        drops.cancel()
        await asyncio.wait([drops])
    assert (answer.status, answer.json()["code"]) == (408, "too_slow")


async def test_who_is_refused_while_it_sends_comes_to_read_the_answer(door: Door) -> None:
    """A large body, and a client that reads nothing before it has sent all of it."""

    def send() -> tuple[int, object]:
        connection = http.client.HTTPConnection(door.url.removeprefix("http://"), timeout=60)
        try:
            connection.putrequest("POST", "/api/deploy")
            for value in ("a", "b"):
                connection.putheader("Idempotency-Key", value)
            connection.putheader("Content-Length", str(8 * 1024**2))
            connection.endheaders()
            connection.send(bytes(8 * 1024**2))
            answer = connection.getresponse()
            return answer.status, answer.getheader("Connection")
        finally:
            connection.close()

    assert await asyncio.to_thread(send) == (400, "close")


async def test_a_json_body_that_stops_is_given_up(hasty: Door) -> None:
    head = (
        b"POST /api/get/values HTTP/1.1\r\nHost: dag\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    assert (await ask(hasty.url, head)).status == 408


async def test_a_refused_upload_is_not_read_for_ever(hasty: Door) -> None:
    async def send_on() -> None:
        while True:
            await client.send(bytes(65_536))

    async with connected(hasty.url, first=upload(b"", length=10**12)) as client:
        assert (await client.answer()).status == 413
        with pytest.raises(ConnectionError):
            await send_on()


async def test_a_client_that_takes_no_answers_is_cut_off(hasty: Door) -> None:
    async def ask_on() -> None:
        while True:
            await client.send(b"GET /" + b"x" * 8000 + b" HTTP/1.1\r\nHost: dag\r\n\r\n")

    async with connected(hasty.url, first=b"GET /livez HTTP/1.1\r\nHost: dag\r\n\r\n") as client:
        client.read_no_more()
        with pytest.raises(ConnectionError):
            await ask_on()


async def test_a_client_has_so_many_streams_open(door: Door) -> None:
    fields = job_fields(version="2.0.0")
    deployment = (await ask(door.url, upload(form(fields, CHART)), "127.0.0.61")).json()["deploymentId"]
    request = f"GET /api/deployments/{deployment}/events HTTP/1.1\r\nHost: dag\r\n\r\n".encode()
    async with connected(door.url, "127.0.0.62", first=request) as client:
        assert (await client.answer()).status == 200
        answer = await ask(door.url, request, "127.0.0.62")
        assert (answer.status, answer.json()["code"]) == (429, "too_many_streams")
        assert int(answer.headers["retry-after"]) >= 1
        async with AsyncExitStack() as stack:
            crowd = [await stack.enter_async_context(connected(door.url, "127.0.0.64")) for _ in range(20)]
            await asyncio.gather(*(one.send(request) for one in crowd))
            answers = await asyncio.gather(*(one.answer() for one in crowd))
        assert sorted(answer.status for answer in answers) == [200] + [429] * 19
        async with connected(door.url, "127.0.0.63", first=request) as other:
            assert (await other.answer()).status == 200
    async with asyncio.timeout(60):
        while (await ask(door.url, request, "127.0.0.62")).status == 429:
            pass


async def test_a_url_has_a_limit(door: Door) -> None:
    for target in ("/" + "x" * 1000, "/livez?" + "x" * 1000):
        answer = await ask(door.url, f"GET {target} HTTP/1.1\r\nHost: dag\r\n\r\n".encode())
        assert (answer.status, answer.json()["code"]) == (414, "url_too_long")
        assert answer.json()["error"] == "path and query are over the limit of 1000 bytes (server.limits.url)"
    assert (await ask(door.url, b"GET /livez?" + b"x" * 900 + b" HTTP/1.1\r\nHost: dag\r\n\r\n")).status == 200


async def test_headers_are_counted(door: Door) -> None:
    many = "".join(f"X-{number}: 1\r\n" for number in range(20))
    answer = await ask(door.url, f"GET /livez HTTP/1.1\r\nHost: dag\r\n{many}\r\n".encode())
    assert (answer.status, answer.json()["code"]) == (431, "head_too_large")
    assert answer.json()["error"] == "the request has more than 20 headers (server.limits.headers)"


async def test_a_head_that_is_too_large_is_not_read_to_its_end(door: Door) -> None:
    async with connected(door.url) as client:
        await client.send(b"GET /livez HTTP/1.1\r\nHost: dag\r\nX-Long: " + b"x" * 1_000_000)
        answer = await client.answer()
    assert (answer.status, answer.headers["connection"]) == (431, "close")
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.json() == {
        "error": "request line and headers are over the limit (server.limits.head)",
        "code": "head_too_large",
    }


@pytest.mark.asyncio(loop_scope="function")
async def test_uploads_wait_for_a_place_and_then_are_sent_away(narrow: Door) -> None:
    async with AsyncExitStack() as stack:
        for source in ("127.0.0.31", "127.0.0.32", "127.0.0.33"):
            client = await stack.enter_async_context(connected(narrow.url, source))
            await client.send(upload(b"", "Expect: 100-continue", length=1000))
            await client.asked_to_go_on()
        answer = await ask(narrow.url, upload(form(job_fields(), CHART)), "127.0.0.34")
    assert (answer.status, answer.json()["code"]) == (429, "too_many_uploads")
    assert int(answer.headers["retry-after"]) >= 1


async def test_whoever_fails_too_often_has_to_wait(door: Door) -> None:
    bad = upload(form(job_fields(jobToken="guess"), CHART))
    statuses = [(await ask(door.url, bad, "127.0.0.41")).status for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    answer = await ask(door.url, upload(form(job_fields(), CHART)), "127.0.0.41")
    assert (answer.status, answer.json()["code"]) == (429, "too_many_refusals")
    assert 1 <= int(answer.headers["retry-after"]) <= 12
    assert (await ask(door.url, upload(form(job_fields(), CHART)), "127.0.0.42")).status == 200


async def test_an_address_is_believed_from_the_proxy_only(door: Door) -> None:
    def named(client: str, token: str) -> bytes:
        return upload(form(job_fields(jobToken=token), CHART), f"X-Forwarded-For: {client}", "Forwarded: for=1.2.3.4")

    for _ in range(5):
        assert (await ask(door.url, named("203.0.113.5", "guess"), "127.0.0.9")).status == 401
    assert (await ask(door.url, named("203.0.113.5", "guess"), "127.0.0.9")).status == 429
    assert (await ask(door.url, named("203.0.113.6", "guess"), "127.0.0.9")).status == 401
    for number in range(5):
        assert (await ask(door.url, named(f"198.51.100.{number}", "guess"), "127.0.0.51")).status == 401
    assert (await ask(door.url, named("198.51.100.99", "guess"), "127.0.0.51")).status == 429


@pytest.mark.asyncio(loop_scope="function")
async def test_a_proxy_that_is_not_trusted_is_told_of_once(narrow: Door) -> None:
    request = b"GET /livez HTTP/1.1\r\nHost: dag\r\nX-Forwarded-For: 203.0.113.5\r\n\r\n"
    with capture_logs() as logs:
        for _ in range(2):
            assert (await ask(narrow.url, request, "127.0.0.61")).status == 200
    (told,) = [line for line in logs if "server.trusted_proxies" in line["event"]]
    assert told["peer"] == "127.0.0.61"


@pytest.mark.asyncio(loop_scope="function")
async def test_a_crowd_is_told_to_come_later_and_the_probes_answer(narrow: Door) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(40):
            await stack.enter_async_context(connected(narrow.url, first=b"GET /livez HTTP/1.1\r\n"))
        refused = await ask(narrow.url, b"GET /health HTTP/1.1\r\nHost: dag\r\n\r\n")
        alive = await ask(narrow.url, b"GET /livez HTTP/1.1\r\nHost: dag\r\n\r\n")
    assert (refused.status, refused.json()["code"]) == (503, "too_many_connections")
    assert refused.json()["error"] == (
        "the gateway has as many connections open as it may (server.limits.connections); try again"
    )
    assert (refused.headers["connection"], alive.status) == ("close", 200)
    assert len(refused.headers["x-request-id"]) == 32
