"""POST /api/get/chart and /api/get/values: refusals, and what is live."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from dag_gateway.charts import Limits, pack, read_chart
from tests.fakes.world import World, chart_files, world

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world")) as running:
        await running.deploy(pack("web", chart_files()), "1.0.0")
        yield running


def error(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    text: str = answer.json()["error"]
    return text


@pytest.mark.parametrize("what", ["chart", "values"])
@pytest.mark.parametrize("field", ["repoUrl", "jobId", "jobToken"])
async def test_a_missing_field_is_named(running: World, what: str, field: str) -> None:
    job = running.around.job()
    body = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token}
    del body[field]
    answer = await running.http.post(f"/api/get/{what}", json=body)
    assert error(answer, 400) == f"{field}: this field is required"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "the body is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"\xff", "the body is not JSON: it is not UTF-8"),
        (b"[" * 60_000, "the body is not acceptable JSON: it is nested too deeply"),
        (b"[]", "body: the body must be a JSON object"),
        (b"null", "body: the body must be a JSON object"),
        (b'{"repoUrl": 7, "jobId": {}}', "jobId: Input should be a valid string"),
    ],
)
async def test_a_body_that_is_no_object_is_refused(running: World, body: bytes, text: str) -> None:
    answer = await running.http.post("/api/get/chart", content=body, headers={"Content-Type": "application/json"})
    assert error(answer, 400) == text


async def test_another_content_type_is_refused(running: World) -> None:
    answer = await running.http.post("/api/get/values", content=b"{}", headers={"Content-Type": "text/plain"})
    assert error(answer, 415) == "Content-Type: application/json is expected, not text/plain"
    assert error(await running.http.post("/api/get/values"), 415).endswith("not nothing")


async def test_a_job_id_may_be_a_number_and_the_token_may_be_a_bearer(running: World) -> None:
    job = running.around.job()
    headers = {"Authorization": f"Bearer {job.token}"}
    answer = await running.http.post(
        "/api/get/values", json={"repoUrl": job.project_url, "jobId": job.id}, headers=headers
    )
    assert answer.json()["replicas"] == 2


async def test_an_unverified_job_gets_nothing(running: World) -> None:
    assert (await running.current("chart", jobToken="wrong")).status_code == 401
    assert (await running.current("values", running.around.job(ref="develop"))).status_code == 404


async def test_the_chart_is_what_helm_would_load(running: World) -> None:
    answer = await running.current("chart")
    chart = read_chart(answer.content, Limits(unpacked=10**6, file=10**6, entries=100))
    assert (chart.metadata.name, chart.metadata.version) == ("web", "1.0.0")
    assert chart.files["templates/deployment.yaml"] == chart_files()["templates/deployment.yaml"]


@pytest.mark.parametrize("what", ["chart", "values"])
async def test_what_did_not_change_is_not_sent_again(running: World, what: str) -> None:
    job = running.around.job()
    body: dict[str, Any] = {"repoUrl": job.project_url, "jobId": job.id, "jobToken": job.token}
    etag = (await running.current(what)).headers["etag"]
    answer = await running.http.post(f"/api/get/{what}", json=body, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)


async def test_the_events_of_an_unknown_deployment_are_not_found(running: World) -> None:
    for path in ("/api/deployments/nowhere/events", "/api/deployments/nowhere"):
        answer = await running.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "deployment_not_found")


async def test_the_stream_has_the_headers_that_proxies_need(running: World) -> None:
    deployment_id = (await running.deploy(pack("web", chart_files()), "1.0.0"))["id"]
    answer = await running.http.get(f"/api/deployments/{deployment_id}/events")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in answer.headers
    last = answer.text.split("id: ")[-1].split("\n")[0]
    again = await running.http.get(f"/api/deployments/{deployment_id}/events", headers={"Last-Event-ID": last})
    assert (again.status_code, again.content) == (204, b"")
    whole = await running.http.get(f"/api/deployments/{deployment_id}/events", headers={"Last-Event-ID": "0"})
    ids = [line.removeprefix("id: ") for line in whole.text.splitlines() if line.startswith("id: ")]
    assert ids == [str(number) for number in range(1, int(last) + 1)]
    garbage = await running.http.get(f"/api/deployments/{deployment_id}/events", headers={"Last-Event-ID": "x"})
    assert garbage.text == answer.text
