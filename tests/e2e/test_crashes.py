"""kill -9 at any moment, then a start: every accepted deployment reaches its end, with one commit."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.gateway_process import GatewayProcess, gateway_process
from tests.fakes.git_cli import git
from tests.fakes.git_http import REFS, Fault, GitServer, serving_git
from tests.fakes.world import Surroundings, World, a_chart, surroundings


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with serving_git(tmp_path, "dag", "secret") as server:
        yield server


@pytest.fixture
async def around(tmp_path: Path, server: GitServer) -> AsyncIterator[Surroundings]:
    async with surroundings(tmp_path) as around:
        around.config["repositories"] = {"iac": {"url": server.url("iac.git"), "username": "dag", "password": "secret"}}
        yield around


def commits(around: Surroundings) -> list[str]:
    """The deployment ids in the history, oldest first."""
    git(around.repository, "fsck", "--strict")
    return git(around.repository, "log", "--reverse", "--format=%(trailers:key=Deployment-Id,valueonly)").split()


async def kill_when(world: World, process: GatewayProcess, deployment_id: str, status: str) -> None:
    """Listen, and kill when the status is told."""
    try:
        async with world.http.stream("GET", f"/api/deployments/{deployment_id}/events") as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data: ") and json.loads(line[6:]).get("status") == status:
                    process.kill()
    except httpx.RemoteProtocolError:
        pass
    await process.gone()


async def ended_well(world: World, around: Surroundings, deployment_id: str) -> dict[str, Any]:
    record = await world.ended(deployment_id)
    assert record["status"] == "deployed", record["message"]
    assert [event["id"] for event in record["events"]] == list(range(1, len(record["events"]) + 1))
    assert commits(around) == [deployment_id]
    return record


async def test_killed_while_validating(around: Surroundings) -> None:
    around.cluster.unavailable = True
    async with gateway_process(around) as (process, world):
        deployment_id = (await world.upload(a_chart())).json()["deploymentId"]
        await kill_when(world, process, deployment_id, "validating")
        assert commits(around) == []
        around.cluster.unavailable = False
        await process.start()
        await ended_well(world, around, deployment_id)


@pytest.mark.parametrize("moment", ["before the push", "while the server works", "pushed but not told"])
async def test_killed_around_the_push(around: Surroundings, server: GitServer, moment: str) -> None:
    async with gateway_process(around) as (process, world):
        faults = {
            "before the push": Fault(REFS, before=process.kill),
            "while the server works": Fault(before=process.kill),
            "pushed but not told": Fault(after=process.kill),
        }
        server.faults.append(faults[moment])
        deployment_id = (await world.upload(a_chart())).json()["deploymentId"]
        await process.gone()
        await process.start()
        await ended_well(world, around, deployment_id)


async def test_killed_while_monitoring_and_rolled_out_meanwhile(around: Surroundings) -> None:
    async with gateway_process(around) as (process, world):
        deployment_id = (await world.upload(a_chart("slow"))).json()["deploymentId"]
        await kill_when(world, process, deployment_id, "monitoring")
        await process.start()
        record = await ended_well(world, around, deployment_id)
        assert (record["targets"][0]["ready"], record["targets"][0]["desired"]) == (2, 2)


async def test_killed_again_and_again_at_random_moments(around: Surroundings) -> None:
    moments = random.Random(20260131)
    async with gateway_process(around) as (process, world):
        accepted = []
        for number in range(3):
            answer = await world.upload(a_chart(f"1.27.{number}"), f"1.0.{number}")
            accepted.append(answer.json()["deploymentId"])
            await asyncio.sleep(moments.uniform(0.0, 0.4))
            process.kill()
            await process.gone()
            await process.start()
        records = [await world.ended(deployment_id) for deployment_id in accepted]
        assert commits(around) == accepted
        assert records[-1]["status"] == "deployed", records[-1]["message"]
        ends = {(record["status"], record["reason"]) for record in records}
        assert ends <= {("deployed", None), ("failed", "superseded")}


async def test_the_idempotency_key_survives_the_crash(around: Surroundings) -> None:
    async with gateway_process(around) as (process, world):
        job = around.job()
        fields = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token, "version": "1.0.0"}
        key = {"Idempotency-Key": "one"}
        first = await world.http.post("/api/deploy", data=fields, files={"chart": a_chart()}, headers=key)
        process.kill()
        await process.gone()
        await process.start()
        again = await world.http.post("/api/deploy", data=fields, files={"chart": a_chart()}, headers=key)
        assert again.json() == first.json()
        other = await world.http.post("/api/deploy", data=fields, files={"chart": a_chart("1.27.1")}, headers=key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        await ended_well(world, around, first.json()["deploymentId"])
