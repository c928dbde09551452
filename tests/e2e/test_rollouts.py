"""One chart all the way: uploaded, verified, checked, pushed, followed, proven."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dag_gateway.charts import pack
from tests.fakes.git_cli import git
from tests.fakes.world import IAC_PATH, World, a_chart, chart_files, world

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world")) as running:
        yield running


async def test_a_sound_chart_is_deployed(running: World) -> None:
    record = await running.deploy(a_chart(), "1.0.0")
    assert (record["status"], record["reason"]) == ("deployed", None), record["message"]
    assert record["chartVersion"] == "1.0.0"
    assert record["changes"] == "web -> nginx:1.27.0"
    assert record["targets"][0]["status"] == "deployed"
    assert (record["targets"][0]["ready"], record["targets"][0]["desired"]) == (2, 2)
    statuses = [event["status"] for event in record["events"] if event["event"] == "status"]
    assert statuses == ["pending", "validating", "pushing", "pushed", "monitoring", "deployed"]
    assert [event["id"] for event in record["events"]] == list(range(1, len(record["events"]) + 1))
    assert set(record["times"]) == set(statuses)
    repository = running.around.repository
    assert git(repository, "log", "-1", "--format=%s", "main") == "[web] deploy 1.0.0"
    assert git(repository, "rev-parse", "main") == record["commit"]
    assert "version: 1.0.0  # stamped by the gateway" in git(repository, "show", f"main:{IAC_PATH}/Chart.yaml")


async def test_the_same_again_needs_no_commit_and_is_deployed(running: World) -> None:
    first = await running.deploy(a_chart("1.27.1"), "1.0.1")
    again = await running.deploy(a_chart("1.27.1"), "1.0.1")
    assert (again["status"], again["commit"]) == ("deployed", first["commit"])
    assert again["id"] != first["id"]


async def test_the_same_version_with_other_content_is_deployed_at_once(running: World) -> None:
    await running.deploy(a_chart("1.27.2"), "1.0.2")
    record = await running.deploy(a_chart("1.27.3"), "1.0.2")
    assert record["status"] == "deployed"
    assert record["chartVersion"].startswith("1.0.2+")


async def test_a_commit_id_is_a_version(running: World) -> None:
    record = await running.deploy(a_chart("1.27.4"), "3f2c1d0b9a8e7f6d5c4b3a291807f6e5d4c3b2a1")
    assert record["status"] == "deployed"
    assert record["chartVersion"] == "0.1.0+3f2c1d0b9a8e7f6d5c4b3a291807f6e5d4c3b2a1"


@pytest.mark.parametrize(
    ("tag", "reason", "words"),
    [
        ("crash", "crash_loop", "CrashLoopBackOff"),
        ("missing", "image_pull", "nginx:missing"),
        ("bad-config", "config_error", "CreateContainerConfigError"),
    ],
)
async def test_what_can_not_work_fails_with_the_reason_long_before_the_timeout(
    running: World, tag: str, reason: str, words: str
) -> None:
    record = await running.deploy(a_chart(tag), f"2.0.0-{tag}")
    assert (record["status"], record["reason"]) == ("failed", reason), record["message"]
    assert words in record["message"]
    assert record["targets"][0]["status"] == "failed"


async def test_a_chart_that_does_not_render_is_not_pushed(running: World) -> None:
    before = git(running.around.repository, "rev-parse", "main")
    broken = pack("web", chart_files() | {"templates/broken.yaml": b"{{ .Values.a.b.c }}"})
    record = await running.deploy(broken, "3.0.0")
    assert (record["status"], record["reason"]) == ("failed", "render_failed")
    assert "broken.yaml" in record["message"]
    assert git(running.around.repository, "rev-parse", "main") == before


async def test_the_same_upload_under_way_is_the_same_deployment(running: World) -> None:
    job = running.around.job()
    slow = a_chart("slow")
    first, second = (
        (await running.upload(slow, "4.0.0", job=job)).json(),
        (await running.upload(slow, "4.0.0", job=job)).json(),
    )
    assert first == second
    await running.ended(first["deploymentId"])


async def test_a_newer_deployment_supersedes_one_that_is_not_proven(running: World) -> None:
    old = (await running.upload(a_chart("never-ready"), "5.0.0")).json()["deploymentId"]
    new = await running.deploy(a_chart("1.27.5"), "5.0.1")
    assert new["status"] == "deployed", new["message"]
    ended = await running.ended(old)
    assert (ended["status"], ended["reason"]) == ("failed", "superseded")
    assert new["id"] in ended["message"]


async def test_what_is_live_can_be_fetched(running: World) -> None:
    await running.deploy(a_chart("1.27.6", replicas=3), "6.0.0")
    values = await running.current("values")
    assert values.json() == {"image": {"repository": "nginx", "tag": "1.27.6"}, "replicas": 3}
    fetched = await running.current("chart")
    assert fetched.headers["content-type"] == "application/gzip"
    assert fetched.headers["content-disposition"] == 'attachment; filename="web-6.0.0.tgz"'
    again = await running.current("chart")
    assert (again.content, again.headers["etag"]) == (fetched.content, fetched.headers["etag"])
    unchanged = await running.http.post(
        "/api/get/chart",
        json={"repoUrl": running.around.job().project_url, "jobId": "1", "jobToken": "x"},
        headers={"If-None-Match": fetched.headers["etag"]},
    )
    assert unchanged.status_code == 401, "a known ETag opens nothing"
    tree = git(running.around.repository, "rev-parse", f"main:{IAC_PATH}")
    assert fetched.headers["etag"] == f'"{tree}"'
