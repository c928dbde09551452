"""What a gateway writes to its log: one JSON object a line, and no secret, whatever goes wrong."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dag_gateway.charts import pack
from dag_gateway.simulator.gitlab import Fault
from tests.fakes.gateway_process import gateway_process
from tests.fakes.git_http import GitServer, serving_git
from tests.fakes.world import Surroundings, chart_files, surroundings

CHART = pack("web", chart_files())
PASSWORD, WRONG_TOKEN = "git-hunter2", "job-hunter2"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with serving_git(tmp_path, "dag", PASSWORD) as server:
        yield server


@pytest.fixture
async def around(tmp_path: Path, server: GitServer) -> AsyncIterator[Surroundings]:
    async with surroundings(tmp_path) as around:
        url = server.url("iac.git")
        around.config["repositories"] = {"iac": {"url": url, "username": "dag", "password": PASSWORD}}
        yield around


async def test_no_secret_is_in_the_log_of_a_life_with_troubles(around: Surroundings) -> None:
    job = around.job()
    async with gateway_process(around) as (process, world):
        assert (await world.deploy(CHART, job=job))["status"] == "deployed"
        assert (await world.upload(CHART, job=job, jobToken=WRONG_TOKEN)).status_code == 401
        around.gitlab.fault = Fault.ERROR
        assert (await world.upload(CHART, job=job)).status_code == 503
        around.gitlab.fault = None
        with_secret = f"https://dag:{PASSWORD}@example.com/shop/web"
        assert (await world.upload(CHART, job=job, repoUrl=with_secret)).status_code == 404
        in_query = await world.http.get("/livez", params={"jobToken": job.token})
        assert in_query.status_code == 200
        around.repository.rename(around.folder / "moved.git")
        record = await world.deploy(CHART, "2.0.0", job=job)
        assert record["status"] == "failed"
        process.terminate()
        assert await process.gone() == 0
    log = "".join(process.lines)
    lines = [json.loads(line) for line in process.lines]
    assert {"level", "timestamp", "message"} <= set.intersection(*map(set, lines))
    for secret in (job.token, around.cluster.token, PASSWORD, WRONG_TOKEN):
        assert secret not in log
        assert secret not in json.dumps(record)


async def test_a_token_that_the_git_server_refuses_is_told_without_it(around: Surroundings) -> None:
    around.config["repositories"]["iac"]["password"] = "wrong-hunter2"
    async with gateway_process(around) as (process, world):
        record = await world.deploy(CHART)
    assert (record["status"], record["reason"]) == ("failed", "push_rejected"), record["message"]
    assert "wrong-hunter2" not in "".join([*process.lines, json.dumps(record)])
