"""What waits for a remote that is away, in hundreds perhaps, must not fill the memory."""

import asyncio
import gc

import pytest

from dag_gateway.charts import pack
from dag_gateway.model.chart import Chart
from tests.fakes.git_http import Fault, serving_git
from tests.fakes.world import Surroundings, chart_files, gateway

_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""


def charts_in_memory() -> int:
    gc.collect()
    return sum(isinstance(one, Chart) for one in gc.get_objects())


@pytest.mark.parametrize(("size", "kept"), [(1000, 1), (1_000_000, 0)])
async def test_a_large_chart_waits_as_its_archive_and_is_pushed_whole(
    around: Surroundings, size: int, kept: int
) -> None:
    before = charts_in_memory()
    files = {**chart_files(), "files/large": bytes(size)}
    with serving_git(around.folder) as server:
        around.config["repositories"]["iac"]["url"] = server.url("iac.git")
        server.always = lambda service: Fault(service, status=503)
        async with asyncio.timeout(_PATIENCE), gateway(around) as running:
            deployment_id = (await running.upload(pack("web", files))).json()["deploymentId"]
            while not server.requests:
                await running.record(deployment_id)
            assert charts_in_memory() - before == kept
            server.always = Fault
            record = await running.ended(deployment_id)
            answer = await running.current("chart")
    assert record["status"] == "deployed", record["message"]
    stamped = files["Chart.yaml"].replace(b"0.1.0", b"1.0.0")
    assert answer.content == pack("web", {**files, "Chart.yaml": stamped})
