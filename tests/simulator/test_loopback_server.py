import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from dag_gateway.simulator.server import serving


async def _hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route("/", _hello)])


async def test_an_app_answers_as_soon_as_the_block_begins() -> None:
    async with serving(APP) as url, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).text == "hello"


async def test_nothing_listens_after_the_block() -> None:
    async with serving(APP) as url:
        port = int(url.rsplit(":", 1)[1])
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with serving(APP) as url:
        with pytest.raises(OSError, match="Address already in use"):
            async with serving(APP, int(url.rsplit(":", 1)[1])):
                raise AssertionError("two servers on one port")
