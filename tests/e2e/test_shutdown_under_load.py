"""A gateway that is told to end in the middle of something: that ends well, or is left to the next start."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator

import httpx
import pytest

from dag_gateway.charts import pack
from tests.fakes.gateway_process import GatewayProcess, gateway_process
from tests.fakes.world import Surroundings, World, a_chart, chart_files

CHART = pack("web", chart_files())
NEVER_READY = a_chart("never-ready", replicas=1)


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a git server that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/iac.git"


async def until_status(world: World, deployment_id: str, status: str) -> None:
    async with world.http.stream("GET", f"/api/deployments/{deployment_id}/events") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: ") and json.loads(line[6:]).get("status") == status:
                return


async def until_not_ready(http: httpx.AsyncClient) -> None:
    while (await http.get("/readyz")).status_code == 200:
        pass


async def test_a_signal_during_the_start_ends_it(around: Surroundings) -> None:
    async with gateway_process(around) as (process, _):
        process.kill()
        await process.gone()
        await process.start(until="Waiting for application startup")
        process.terminate()
        assert await process.gone() == 0


async def test_a_remote_that_never_answers_does_not_hold_up_the_end(around: Surroundings, silent: str) -> None:
    around.config["repositories"]["iac"] = {"url": silent, "timeout": "10m"}
    process = GatewayProcess(around)
    process.drain = "1s"
    await process.start()
    async with httpx.AsyncClient(base_url=process.url, trust_env=False) as http:
        world = World(around, http)
        deployment_id = (await world.upload(CHART)).json()["deploymentId"]
        await until_status(world, deployment_id, "pushing")
    process.terminate()
    assert await process.gone() == 0
    assert "left what was under way to the next start" in process.lines[-1]


async def test_an_upload_under_way_is_taken_in_and_carried_on_after_the_next_start(around: Surroundings) -> None:
    async with gateway_process(around) as (process, world):
        job = around.job()
        fields = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token, "version": "1.0.0"}
        request = world.http.build_request("POST", "/api/deploy", data=fields, files={"chart": CHART})
        body = await request.aread()
        request.headers["Expect"] = "100-continue"
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        reader, writer = await asyncio.open_connection(request.url.host, request.url.port)
        writer.write(f"POST /api/deploy HTTP/1.1\r\n{head}\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 100 ")
        process.terminate()
        await until_not_ready(world.http)
        writer.write(body)
        answer = (await reader.read()).partition(b"\r\n")[2]
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert await process.gone() == 0
        await process.start()
        deployment_id = json.loads(answer.partition(b"\r\n\r\n")[2])["deploymentId"]
        assert (await world.ended(deployment_id))["status"] == "deployed"


async def test_fifty_listeners_are_all_sent_elsewhere(around: Surroundings) -> None:
    async with gateway_process(around) as (process, world):
        deployment_id = (await world.upload(NEVER_READY)).json()["deploymentId"]
        await until_status(world, deployment_id, "monitoring")
        listening = asyncio.Barrier(51)

        async def listen() -> str:
            async with world.http.stream("GET", f"/api/deployments/{deployment_id}/events") as stream:
                chunks = stream.aiter_text()
                text = await anext(chunks)
                await listening.wait()
                return text + "".join([chunk async for chunk in chunks])

        listeners = [asyncio.create_task(listen()) for _ in range(50)]
        await listening.wait()
        process.terminate()
        heard = await asyncio.gather(*listeners)
        pauses = [re.findall(r"^retry: (\d+)$", text, re.MULTILINE) for text in heard]
        assert all(len(told) == 1 for told in pauses)
        assert len({told for (told,) in pauses}) > 1, "all of them come back at the same time"
        assert await process.gone() == 0
        errors = [line for line in map(json.loads, process.lines) if line.get("level") == "error"]
        assert errors == []
