"""Disks that are full or read-only: a clear error, nothing half-written, and recovery without a human."""

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dag_gateway.charts import pack
from tests.fakes.gateway_process import gateway_process
from tests.fakes.git_cli import git
from tests.fakes.small_disk import full, needs_mounts, read_only, small_disk
from tests.fakes.world import Surroundings, World, a_chart, chart_files, gateway

pytestmark = [
    needs_mounts,
    # dulwich leaves a file whose write failed to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""
_COPY = "the local copy of the IaC repository 'iac' can not be written"


@pytest.fixture(autouse=True)
def garbage() -> Iterator[None]:
    """Collected here, where its warnings are expected, and not in the middle of another test."""
    yield
    gc.collect()


@asynccontextmanager
async def on_disks(
    around: Surroundings, database: Path | None = None, data: Path | None = None
) -> AsyncIterator[World]:
    """A gateway whose database or data lies on another disk."""
    if database:
        around.config["database"]["url"] = f"sqlite:///{database}/gateway.db"
    if data:
        around.config["data_dir"] = str(data / "data")
    async with gateway(around) as running:
        await ready(running)
        yield running


async def ready(running: World, status: int = 200) -> dict[str, Any]:
    """Ask until the gateway is ready (or not, with another ``status``); the answer."""
    async with asyncio.timeout(_PATIENCE):
        while (answer := await running.http.get("/readyz")).status_code != status:  # noqa: ASYNC110  the door tells nobody
            await asyncio.sleep(0.01)
    body: dict[str, Any] = answer.json()
    return body


async def logged(logs: Sequence[MutableMapping[str, Any]], words: str) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not any(words in str(line.get("why")) for line in logs):  # noqa: ASYNC110  the log has no event to wait for
            await asyncio.sleep(0.01)


async def told(caplog: pytest.LogCaptureFixture, words: str) -> None:
    async with asyncio.timeout(_PATIENCE):
        while words not in caplog.text:  # noqa: ASYNC110  the log has no event to wait for
            await asyncio.sleep(0.01)


def pushed(around: Surroundings) -> list[str]:
    shown = git(around.repository, "log", "--reverse", "--format=%(trailers:key=Deployment-Id,valueonly)", "main")
    return shown.split()


async def test_a_full_disk_under_the_database_closes_the_door_until_there_is_room(
    around: Surroundings, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with on_disks(around, database=disk) as running:
            job = around.job()
            with full(disk):
                answer = await running.upload(a_chart(), job=job)
                assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
                assert "database or disk is full" in answer.json()["error"]
                assert "disk is full" in (await ready(running, 503))["error"]
                assert (await running.http.get("/livez")).status_code == 200
            await ready(running)
            assert (await running.deploy(a_chart(), job=job))["status"] == "deployed"
    assert len(pushed(around)) == 1


async def test_a_deployment_under_way_outlives_a_full_disk_under_the_database(
    around: Surroundings, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with on_disks(around, database=disk) as running:
            with capture_logs() as logs:
                accepted = (await running.upload(a_chart())).json()["deploymentId"]
                with full(disk):
                    await logged(logs, "disk is full")
            record = await running.ended(accepted)
    assert record["status"] == "deployed"
    assert [event["id"] for event in record["events"]] == list(range(1, len(record["events"]) + 1))
    assert pushed(around) == [accepted]


async def test_a_full_disk_under_the_git_cache_is_named_and_waited_for(
    around: Surroundings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        async with on_disks(around, data=disk) as running:
            with full(disk):
                accepted = (await running.upload(a_chart())).json()["deploymentId"]
                await told(caplog, f"{_COPY}: No space left on device")
                assert "data_dir can not be written (No space" in (await ready(running, 503))["error"]
            await ready(running)
            record = await running.ended(accepted)
    assert (record["status"], pushed(around)) == ("deployed", [accepted])


async def test_a_read_only_data_dir_is_named_and_waited_for(
    around: Surroundings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with on_disks(around, data=disk) as running:
            with read_only(disk):
                accepted = (await running.upload(a_chart())).json()["deploymentId"]
                await told(caplog, f"{_COPY}: Read-only file system")
                assert "data_dir can not be written (Read-only" in (await ready(running, 503))["error"]
            await ready(running)
            record = await running.ended(accepted)
    assert (record["status"], pushed(around)) == ("deployed", [accepted])


async def test_large_charts_need_room_below_data_dir_on_their_way_in_and_out(
    around: Surroundings, tmp_path: Path
) -> None:
    noise = random.Random(1).randbytes(1024**2).hex().encode()
    chart = pack("web", chart_files() | {"files/noise.txt": noise, "files/more.txt": noise[::-1]})
    with small_disk(tmp_path / "disk", "32m") as disk:
        around.config["data_dir"] = str(disk / "data")
        async with gateway_process(around) as (_, running):
            await ready(running)
            with full(disk):
                answer = await running.upload(chart)
                assert (answer.status_code, answer.json()["code"]) == (503, "data_dir_unwritable")
                assert int(answer.headers["retry-after"]) >= 1
            assert (await running.deploy(chart))["status"] == "deployed"
            current = await running.current("chart")
            assert int(current.headers["content-length"]) == len(current.content) > 1024**2
            with full(disk):
                answer = await running.current("chart")
                assert (answer.status_code, answer.json()["code"]) == (503, "data_dir_unwritable")
