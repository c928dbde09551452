"""An answer that takes too long is given up with what was waited for; what is being stored is not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.responses import Response

from dag_gateway.simulator.gitlab import Fault
from dag_gateway.web.patience import Patience, RequestTimeout
from tests.fakes.world import World, a_chart, gateway, surroundings


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway that gives up before its forge does."""
    async with surroundings(tmp_path) as around:
        around.config["server"] = {"limits": {"request_time": "200ms"}}
        around.config["forges"]["gitlab"]["timeout"] = "1h"
        async with gateway(around) as running:
            yield running


async def test_a_forge_that_hangs_is_told_as_what_was_waited_for(impatient: World) -> None:
    impatient.around.gitlab.fault = Fault.HANG
    text = "gave up waiting for the forge after 0.2 s (server.limits.request_time); try again"
    for answer in (await impatient.upload(a_chart()), await impatient.current("values")):
        assert (answer.status_code, answer.json()) == (503, {"error": text, "code": "request_timeout"})
        assert int(answer.headers["retry-after"]) >= 1


async def test_what_was_begun_to_be_stored_is_waited_for() -> None:
    patience = Patience(0.01)

    async def store() -> Response:
        patience.end()
        await asyncio.sleep(0.05)
        return Response("stored")

    assert (await patience.spend(store())).body == b"stored"


async def test_the_time_in_which_a_client_sends_does_not_count() -> None:
    patience = Patience(0.01)

    async def read() -> Response:
        with patience.paused():
            await asyncio.sleep(0.05)
        patience.waits_for("something else")
        await asyncio.sleep(60)
        return Response()

    with pytest.raises(RequestTimeout, match=r"^gave up waiting for something else after 0\.01 s"):
        await patience.spend(read())


async def test_a_timeout_of_somebody_else_stays_what_it_is() -> None:
    async def fail() -> Response:
        raise TimeoutError("of the disk")

    with pytest.raises(TimeoutError, match=r"^of the disk$"):
        await Patience(60).spend(fail())
