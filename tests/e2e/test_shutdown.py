"""SIGTERM: not ready at once, listeners sent elsewhere, out within seconds, and the work goes on after a start."""

import asyncio
import signal
import sqlite3
from contextlib import closing

import httpx

from tests.fakes.gateway_process import GatewayProcess, gateway_process
from tests.fakes.world import Surroundings, a_chart

_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""
NEVER_READY = a_chart("never-ready", replicas=1)


async def until_not_ready(http: httpx.AsyncClient) -> httpx.Response:
    while (answer := await http.get("/readyz")).status_code == 200:
        pass
    return answer


async def test_a_drained_gateway_says_goodbye_and_its_work_goes_on(around: Surroundings) -> None:
    async with gateway_process(around) as (process, world):
        deployment_id = (await world.upload(NEVER_READY)).json()["deploymentId"]
        async with world.http.stream("GET", f"/api/deployments/{deployment_id}/events") as stream:
            lines = stream.aiter_lines()
            while "monitoring" not in await anext(lines):
                pass
            assert process.process
            process.process.send_signal(signal.SIGTERM)
            not_ready = await until_not_ready(world.http)
            assert (not_ready.status_code, not_ready.json()["code"]) == (503, "draining")
            assert int(not_ready.headers["retry-after"]) >= 1
            refused = await world.upload(NEVER_READY, "2.0.0")
            assert (refused.status_code, refused.json()["code"]) == (503, "draining")
            rest = [line async for line in lines]
        assert [line for line in rest if line.startswith("retry: ")]
        assert await process.gone() == 0
        assert holders(around) == [(deployment_id, None)]
        await process.start()
        record = await world.record(deployment_id)
        assert record["status"] == "monitoring"


async def test_a_second_signal_hurries_it(around: Surroundings) -> None:
    async with gateway_process(around) as (process, _):
        assert process.process
        process.process.send_signal(signal.SIGTERM)
        process.process.send_signal(signal.SIGINT)
        assert await process.gone() == 0


async def test_in_a_hurry_open_requests_are_cut_off_and_work_is_still_handed_back(around: Surroundings) -> None:
    async with gateway_process(around, drain="10m") as (process, world):
        deployment_id = (await world.upload(NEVER_READY)).json()["deploymentId"]
        while (await world.record(deployment_id))["status"] != "monitoring":
            pass
        reader, writer = await half_an_upload(process)
        process.terminate()
        await until_not_ready(world.http)
        process.terminate()
        async with asyncio.timeout(_PATIENCE):
            assert await process.gone() == 0
        await reader.read()
        writer.close()
    assert holders(around) == [(deployment_id, None)]


async def half_an_upload(process: GatewayProcess) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request whose body never comes, once the gateway waits for it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(process.url.rpartition(":")[2]))
    head = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100\r\nExpect: 100-continue"
    writer.write(f"POST /api/deploy HTTP/1.1\r\nHost: gateway\r\n{head}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 100 ")
    return reader, writer


def holders(around: Surroundings) -> list[tuple[str, str | None]]:
    """Which replica has which deployment, once nobody is at work; no replica says that it lives."""
    with closing(sqlite3.connect(around.folder / "gateway.db")) as connection:
        assert connection.execute("SELECT * FROM replicas").fetchall() == []
        return connection.execute("SELECT id, replica FROM deployments ORDER BY number").fetchall()
