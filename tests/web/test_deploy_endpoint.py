"""POST /api/deploy refuses what it can not accept, naming the field and the rule."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from dag_gateway.charts import pack
from dag_gateway.simulator.gitlab import Fault
from tests.fakes.everything_kept import database_text
from tests.fakes.world import World, chart_files, world

CHART = pack("web", chart_files())
UNREADABLE = "the multipart body can not be read"
HALF = b'--b\r\nContent-Disposition: form-data; name="chart"; filename="web.tgz"\r\n\r\nhalf a cha'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world")) as running:
        yield running


pytestmark = pytest.mark.asyncio(loop_scope="module")


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """The error text of an answer in the one shape of errors."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) <= {"error", "code", "details"}
    assert body["code"] == code
    text: str = body["error"]
    return text


@pytest.mark.parametrize("field", ["repoUrl", "jobId", "jobToken", "version"])
async def test_a_missing_field_is_named(running: World, field: str) -> None:
    changes: dict[str, Any] = {field: None}
    answer = await running.upload(CHART, **changes)
    assert refused(answer, 400, "invalid_request") == f"{field}: this field is required"


@pytest.mark.parametrize("field", ["repoUrl", "jobId", "jobToken", "version"])
async def test_an_empty_field_is_named(running: World, field: str) -> None:
    changes: dict[str, Any] = {field: ""}
    answer = await running.upload(CHART, **changes)
    assert refused(answer, 400, "invalid_request").startswith(f"{field}: ")


@pytest.mark.parametrize("version", ["1.0.0\nname: evil", "a\tb", "\x00", "1.0\u2028"])
async def test_a_version_has_no_control_characters(running: World, version: str) -> None:
    answer = await running.upload(CHART, version=version)
    assert refused(answer, 400, "invalid_request") == (
        "version: it has control characters; only printable ones are allowed"
    )


async def test_a_version_is_at_most_255_characters(running: World) -> None:
    answer = await running.upload(CHART, version="x" * 256)
    assert "version: " in refused(answer, 400, "invalid_request")


async def test_all_wrong_fields_are_in_the_details(running: World) -> None:
    answer = await running.upload(CHART, version=None, jobId=None)
    refused(answer, 400, "invalid_request")
    assert answer.json()["details"]["problems"] == ["jobId: this field is required", "version: this field is required"]


async def test_the_chart_must_be_there_and_be_a_file(running: World) -> None:
    job = running.around.job()
    fields = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token, "version": "1"}
    without = await running.http.post("/api/deploy", files={name: (None, value) for name, value in fields.items()})
    assert refused(without, 400, "invalid_request").startswith("chart: this field is required and must be a file")
    as_text = await running.http.post(
        "/api/deploy", files={name: (None, value) for name, value in (fields | {"chart": "text"}).items()}
    )
    assert refused(as_text, 400, "invalid_request").startswith("chart: a file is expected, not a text field")


async def test_a_field_stands_once_and_is_text(running: World) -> None:
    twice = await running.http.post("/api/deploy", files=[("version", (None, "1")), ("version", (None, "2"))])
    assert refused(twice, 400, "invalid_request") == "version: the field stands twice"
    as_file = await running.http.post("/api/deploy", files=[("version", ("v.txt", b"1"))])
    assert refused(as_file, 400, "invalid_request") == "version: a text field is expected, not a file"


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code", "text"),
    [
        ("application/json", b"{}", 415, "wrong_media_type", "Content-Type: multipart/form-data is expected"),
        ("multipart/form-data", b"x", 400, "invalid_request", "the multipart body can not be read: Missing boundary"),
        ("multipart/form-data; boundary=b", b"--x\r\n", 400, "invalid_request", "the multipart body can not be read"),
        ("multipart/form-data; boundary=b", b"--b--", 400, "invalid_request", "repoUrl: this field is required"),
        ("multipart/form-data; boundary=b", b"", 400, "invalid_request", f"{UNREADABLE}: it ends before its closing"),
        ("multipart/form-data; boundary=b", HALF, 400, "invalid_request", f"{UNREADABLE}: it ends before its closing"),
    ],
)
async def test_a_body_that_is_no_form_is_refused(
    running: World, content_type: str, body: bytes, status: int, code: str, text: str
) -> None:
    answer = await running.http.post("/api/deploy", content=body, headers={"Content-Type": content_type})
    assert refused(answer, status, code).startswith(text)


@pytest.mark.parametrize(
    ("chart", "text"),
    [
        (b"not gzip", "gzip"),
        (pack("web", {"values.yaml": b""}), "there is no Chart.yaml"),
        (pack("web", chart_files(Chart_yaml="apiVersion: v2\nname: web\n")), "version"),
        (pack("web", chart_files(Chart_yaml="a: [")), "Chart.yaml"),
    ],
)
async def test_a_chart_that_can_not_be_accepted_is_refused_at_the_door(running: World, chart: bytes, text: str) -> None:
    assert text in refused(await running.upload(chart), 400, "invalid_chart")


async def test_an_unknown_repository_has_no_app(running: World) -> None:
    answer = await running.upload(CHART, repoUrl="https://elsewhere.example.com/x/y")
    assert "https://elsewhere.example.com/x/y" in refused(answer, 404, "app_not_found")
    assert "repoUrl" in refused(await running.upload(CHART, repoUrl="::"), 400, "invalid_request")


async def test_a_job_that_is_not_verified_is_refused_without_its_token(running: World) -> None:
    job = running.around.job()
    answer = await running.upload(CHART, job=job, jobToken="not-the-token-hunter2")
    assert "hunter2" not in answer.text
    refused(answer, 401, "unverified")
    finished = running.around.job(status="success")
    refused(await running.upload(CHART, job=finished), 401, "unverified")


async def test_a_branch_without_an_environment_is_refused(running: World) -> None:
    answer = await running.upload(CHART, job=running.around.job(ref="develop"))
    assert "develop" in refused(answer, 404, "environment_not_found")
    answer = await running.upload(CHART, environment="moon")
    assert "moon" in refused(answer, 404, "environment_not_found")


async def test_a_forge_that_is_down_is_said_to_be_with_a_time_to_come_back(running: World) -> None:
    job = running.around.job()
    running.around.gitlab.fault = Fault.ERROR
    try:
        answer = await running.upload(CHART, job=job)
    finally:
        running.around.gitlab.fault = None
    refused(answer, 503, "forge_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_the_token_may_come_as_bearer(running: World) -> None:
    job = running.around.job()
    fields = {"repoUrl": job.project_url, "jobId": str(job.id), "version": "1"}
    headers = {"Authorization": f"Bearer {job.token}"}
    answer = await running.http.post("/api/deploy", data=fields, files={"chart": b"no chart"}, headers=headers)
    refused(answer, 400, "invalid_chart")


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_an_idempotency_key_has_bounds(running: World, key: str) -> None:
    job = running.around.job()
    fields = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token, "version": "1"}
    answer = await running.http.post(
        "/api/deploy", data=fields, files={"chart": CHART}, headers={"Idempotency-Key": key}
    )
    assert refused(answer, 400, "invalid_request") == "Idempotency-Key: 1 to 255 printable characters are expected"


async def test_a_token_that_was_taken_for_an_idempotency_key_is_not_kept(running: World) -> None:
    job = running.around.job()
    fields = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token, "version": "1"}
    upload: dict[str, Any] = {"data": fields, "files": {"chart": CHART}, "headers": {"Idempotency-Key": job.token}}
    answers = [await running.http.post("/api/deploy", **upload) for _ in range(2)]
    assert answers[0].json()["deploymentId"] == answers[1].json()["deploymentId"]
    assert job.token not in database_text(running.around.folder / "gateway.db")


async def test_nothing_is_there_at_an_unknown_path(running: World) -> None:
    assert refused(await running.http.get("/nowhere"), 404, "no_such_route") == "there is nothing at /nowhere"
    answer = await running.http.get("/api/deploy")
    assert refused(answer, 405, "method_not_allowed") == "/api/deploy does not take GET"
    assert answer.headers["allow"] == "POST"


async def test_every_answer_has_a_request_id(running: World) -> None:
    given = await running.http.get("/livez", headers={"X-Request-ID": "abc-123"})
    assert given.headers["x-request-id"] == "abc-123"
    for bad in (b"a b", b"x" * 129, "ünïcode".encode()):
        answer = await running.http.get("/nowhere", headers={b"X-Request-ID": bad})
        assert len(answer.headers["x-request-id"]) == 32


async def test_probes(running: World) -> None:
    for path in ("/livez", "/readyz", "/health", "/api/v1/health"):
        answer = await running.http.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_client_that_leaves_in_the_middle_of_its_upload_harms_nobody(running: World) -> None:
    async def half_a_body() -> AsyncIterator[bytes]:
        yield b"--b\r\n"
        raise ConnectionAbortedError

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with pytest.raises(ConnectionAbortedError):
        await running.http.post("/api/deploy", content=half_a_body(), headers=headers)
    assert (await running.http.get("/readyz")).status_code == 200
