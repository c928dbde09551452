"""Limits hold while the body is read, and say which setting they are."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from dag_gateway.charts import pack
from tests.fakes.door import ask, door_config, form, job_fields, open_door, upload
from tests.fakes.world import World, chart_files, gateway, surroundings


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[World]:
    async with surroundings(tmp_path) as around:
        limits = {"upload": "64KiB", "unpacked": "1MiB", "file": "512KiB", "entries": 20}
        around.config["server"] = {"limits": limits, "public_url": "https://dag.example.com/"}
        async with gateway(around) as running:
            yield running


async def test_what_is_too_large_is_told_with_its_limit(small: World) -> None:
    upload = await small.upload(b"\x1f\x8b" + bytes(70_000))
    assert (upload.status_code, upload.json()["code"]) == (413, "too_large")
    assert upload.json()["error"] == "chart: the upload is over the limit of 65536 bytes (server.limits.upload)"
    bomb = pack("web", chart_files() | {"bomb.txt": bytes(600_000)})
    assert len(bomb) < 10_000
    file = await small.upload(bomb)
    assert (file.status_code, "bomb.txt" in file.json()["error"]) == (413, True)
    many = pack("web", chart_files() | {f"f{n}": b"" for n in range(30)})
    assert (await small.upload(many)).status_code in (400, 413)


async def test_an_announced_length_is_refused_before_the_body_is_read(small: World) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await small.http.post("/api/deploy", content=b"x" * 400_000, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (413, "the request body is over the limit of 327680 bytes")


async def test_a_body_without_a_length_is_cut_off(small: World) -> None:
    async def long_file() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="chart"; filename="c"\r\n\r\n'
        for _ in range(100):
            yield bytes(65_536)

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await small.http.post("/api/deploy", content=long_file(), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (413, "the request body is over the limit of 327680 bytes")


async def test_json_bodies_have_a_limit(small: World) -> None:
    answer = await small.http.post(
        "/api/get/values", content=b" " * 70_000, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error"]) == (413, "the request body is over the limit of 65536 bytes")


async def test_what_is_within_the_limits_is_accepted_with_a_link(small: World) -> None:
    answer = (await small.upload(pack("web", chart_files()))).json()
    assert answer["url"] == f"https://dag.example.com/api/deployments/{answer['deploymentId']}"


async def test_small_uploads_do_not_wait_for_the_large_ones_that_are_stored(tmp_path: Path) -> None:
    async with open_door(door_config(tmp_path)) as door, AsyncExitStack() as large_ones:
        while not door.doors.storing.locked():
            await large_ones.enter_async_context(door.doors.storing)
        answer = await ask(door.url, upload(form(job_fields(), pack("web", chart_files()))))
    assert (answer.status, "deploymentId" in answer.json()) == (200, True)
