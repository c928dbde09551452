"""A bug of ours is told under the id of the request, in the answer and in the log, and tells nothing else."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from dag_gateway.cli.logs import configure_logs
from dag_gateway.simulator.server import serving
from dag_gateway.web.request_id import RequestIdMiddleware


async def broken(request: Request) -> Response:
    secret = request.headers["authorization"]
    raise KeyError(len(secret))


async def broken_later(request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"so far"
        raise KeyError("later")

    return StreamingResponse(body())


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a gateway logs; the logging of the test run is put back."""
    root, out = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    configure_logs(logging.StreamHandler(out))
    yield out
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    application = Starlette(routes=[Route("/broken", broken), Route("/later", broken_later)])
    application.add_middleware(RequestIdMiddleware)
    async with serving(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        yield http


async def test_answer_and_log_share_the_id_and_tell_no_secret(http: httpx.AsyncClient, log: io.StringIO) -> None:
    headers = {"X-Request-ID": "abc-123", "Authorization": "Bearer hunter2"}
    answer = await http.get("/broken", headers=headers)
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "abc-123")
    assert answer.json() == {
        "error": "internal error; the gateway's log has it under abc-123",
        "code": "internal",
    }
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    trace = next(line for line in lines if line["message"] == "a request failed unexpectedly")
    assert trace["request_id"] == "abc-123"
    assert "KeyError: 14" in trace["exception"]
    assert next(line for line in lines if line["message"] == "request")["status"] == 500
    assert "hunter2" not in log.getvalue()


async def test_an_answer_that_was_begun_is_cut_off_and_not_ended(http: httpx.AsyncClient, log: io.StringIO) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        await http.get("/later", headers={"X-Request-ID": "abc-124"})
    assert "abc-124" in log.getvalue()
