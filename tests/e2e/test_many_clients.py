"""Many clients at once, and clients that vanish at any moment: nothing is lost, nothing is left behind."""

import asyncio
import os
import random
import socket
import struct
import threading
from collections.abc import AsyncIterator
from dataclasses import fields

import pytest
import pytest_asyncio

from dag_gateway.charts import pack
from dag_gateway.config import Config
from tests.fakes.world import Surroundings, World, a_chart, chart_files, gateway, surroundings

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEVER_READY = a_chart("never-ready", replicas=1)
_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""
_POOLS = 40
"""What pools of a fixed size (threads, connections) may still grow by; a way to leave that leaks would leave more."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes closing a socket a TCP reset."""


class Silent(Surroundings):
    """Without heartbeats, which would find out sooner or later who has left."""

    def settings(self) -> Config:
        config = super().settings()
        return config.model_copy(update={"server": config.server.model_copy(update={"heartbeat": 3600.0})})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with surroundings(tmp_path_factory.mktemp("world")) as around:
        around.config["apps"]["web"]["environments"]["production"]["targets"][0]["timeout"] = "10h"
        async with gateway(Silent(*(getattr(around, part.name) for part in fields(around)))) as running:
            yield running


def unsound(number: int) -> bytes:
    """A chart of its own content that is accepted and soon fails."""
    return pack("web", chart_files() | {"templates/broken.yaml": f"{{{{ .Values.a.b.c{number} }}}}".encode()})


async def test_a_burst_of_a_hundred_uploads_loses_none(running: World) -> None:
    answers = await asyncio.gather(*(running.upload(unsound(n), f"1.0.{n}") for n in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    accepted = [answer.json()["deploymentId"] for answer in answers]
    assert len(set(accepted)) == 100
    records = await asyncio.gather(*map(running.ended, accepted))
    assert {record["reason"] for record in records} == {"render_failed"}


async def test_the_same_upload_ten_times_at_once_is_one_deployment(running: World) -> None:
    job = running.around.job()
    answers = await asyncio.gather(*(running.upload(NEVER_READY, "2.0.0", job=job) for _ in range(10)))
    assert len({answer.json()["deploymentId"] for answer in answers}) == 1


async def test_one_key_ten_times_at_once_is_one_deployment(running: World) -> None:
    async def upload() -> str:
        job = running.around.job()
        fields = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token, "version": "2.0.1"}
        answer = await running.http.post(
            "/api/deploy", data=fields, files={"chart": unsound(101)}, headers={"Idempotency-Key": "one"}
        )
        return str(answer.json()["deploymentId"])

    assert len(set(await asyncio.gather(*(upload() for _ in range(10))))) == 1


async def vanish(running: World, deployment_id: str, dice: random.Random) -> None:
    """Open a stream, and be gone: before the answer, in the middle, by half, or with a reset."""
    url = running.http.base_url
    await asyncio.sleep(dice.uniform(0, 0.3))
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = f"GET /api/deployments/{deployment_id}/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {dice.randint(0, 9)}\r\n"
    writer.write(head.encode() + dice.choice([b"", b"\r\n"]))
    match dice.choice(["at once", "half-closed", "after a byte", "later"]):
        case "half-closed":
            writer.write_eof()
        case "after a byte":
            writer.write(b"\r\n")
            await reader.read(1)
        case "later":
            await asyncio.sleep(dice.uniform(0, 0.2))
    if dice.random() < 0.5:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.close()


def held() -> int:
    """Open files, tasks and threads of this process."""
    return len(os.listdir("/proc/self/fd")) + len(asyncio.all_tasks()) + threading.active_count()


async def test_clients_that_vanish_leave_nothing_behind(running: World) -> None:
    deployment_id = (await running.upload(NEVER_READY, "3.0.0")).json()["deploymentId"]
    async with running.http.stream("GET", f"/api/deployments/{deployment_id}/events") as stream:
        async for line in stream.aiter_lines():
            if "waiting for" in line:
                break
    dice = random.Random(20260131)
    await asyncio.gather(*(vanish(running, deployment_id, dice) for _ in range(40)))
    before = await settled()
    await asyncio.gather(*(vanish(running, deployment_id, dice) for _ in range(200)))
    async with asyncio.timeout(_PATIENCE):
        while held() > before + _POOLS:  # noqa: ASYNC110  the system tells nobody
            await asyncio.sleep(0.01)
    record = await running.record(deployment_id)
    # A busy machine outlasts what a rollout without a ready pod is given, which runs twenty times as fast.
    assert record["status"] == "monitoring" or record["reason"] in {"stalled", "timeout"}


async def settled() -> int:
    """The least that is held within a while."""
    least = held()
    for _ in range(50):
        await asyncio.sleep(0.01)
        least = min(least, held())
    return least


async def test_two_hundred_listeners_hear_the_same_end(running: World) -> None:
    deployment_id = (await running.upload(NEVER_READY, "4.0.0")).json()["deploymentId"]
    url = running.http.base_url
    everybody = asyncio.Barrier(201)

    async def listen() -> bytes:
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(
            f"GET /api/deployments/{deployment_id}/events HTTP/1.0\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        await everybody.wait()
        told = await reader.read()
        writer.close()
        return told

    listeners = [asyncio.create_task(listen()) for _ in range(200)]
    await everybody.wait()
    await running.upload(pack("web", chart_files()), "4.0.1")
    heard = set(await asyncio.gather(*listeners))
    assert len(heard) == 1
    assert b'"reason":"superseded"' in heard.pop()
