"""SIGTERM: not ready at once, listeners sent elsewhere, out within seconds, and the work goes on after a start."""

import signal

import httpx

from tests.fakes.gateway_process import gateway_process
from tests.fakes.world import Surroundings, a_chart

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
        assert "retry: 1000" in rest
        assert await process.gone() == 0
        await process.start()
        record = await world.record(deployment_id)
        assert record["status"] == "monitoring"


async def test_a_second_signal_hurries_it(around: Surroundings) -> None:
    async with gateway_process(around) as (process, _):
        assert process.process
        process.process.send_signal(signal.SIGTERM)
        process.process.send_signal(signal.SIGINT)
        assert await process.gone() == 0
