"""What looks like a proven deployment, and is not."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dag_gateway.simulator import kinds
from tests.fakes.git_cli import git, rival_commit
from tests.fakes.world import IAC_PATH, World, a_chart, image_files, world

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world")) as running:
        yield running


def live_image(running: World) -> str:
    item = running.around.cluster.store.get(kinds.DEPLOYMENT, "shop", "web")
    assert item is not None
    return str(item["spec"]["template"]["spec"]["containers"][0]["image"])


def by_hand(running: World, folder: Path, tag: str) -> str:
    """Somebody writes another image into the folder and leaves the version as it is."""
    values = image_files(tag)["values.yaml"].decode()
    return rival_commit(running.around.repository, folder / "rival", {f"{IAC_PATH}/values.yaml": values})


async def test_what_was_written_by_hand_under_the_live_version_is_not_taken_for_live(
    running: World, tmp_path: Path
) -> None:
    assert (await running.deploy(a_chart("1.0.0"), "1.0.0"))["status"] == "deployed"
    by_hand(running, tmp_path, "2.0.0")
    record = await running.deploy(a_chart("2.0.0"), "1.0.0")
    assert (record["status"], live_image(running)) == ("deployed", "nginx:2.0.0"), record["message"]
    assert record["chartVersion"].startswith("1.0.0+")


async def test_going_back_and_forth_between_contents_of_one_version_always_runs_the_newest(running: World) -> None:
    for tag in ("3.0.0", "3.1.0", "3.0.0", "3.2.0", "3.1.0"):
        record = await running.deploy(a_chart(tag), "3.0.0")
        assert (record["status"], live_image(running)) == ("deployed", f"nginx:{tag}"), record["message"]


async def test_a_commit_that_changes_the_folder_after_ours_takes_the_proof_away(running: World, tmp_path: Path) -> None:
    job = running.around.job()
    deployment = (await running.upload(a_chart("never-ready"), "4.0.0", job=job)).json()["deploymentId"]
    async with running.http.stream("GET", f"/api/deployments/{deployment}/events") as stream:
        async for line in stream.aiter_lines():
            if "0/2 pods ready" in line:
                break
    commit = by_hand(running, tmp_path, "4.0.1")
    await look_again(running)
    record = await running.ended(deployment)
    assert (record["status"], record["reason"]) == ("failed", "superseded")
    assert record["message"] == (
        f"prod/shop/web: superseded before it was proven: commit {commit[:12]} put something else at {IAC_PATH!r}"
    )


async def look_again(running: World) -> None:
    """What ``flux reconcile source git iac`` does."""
    source = running.around.cluster.store.get(kinds.GIT_REPOSITORY, "flux-system", "iac")
    assert source is not None
    asked = {"reconcile.fluxcd.io/requestedAt": "by hand"}
    await running.around.cluster.apply({**source, "metadata": {**source["metadata"], "annotations": asked}})


async def release_spec(running: World, **spec: Any) -> None:
    release = running.around.cluster.store.get(kinds.HELM_RELEASE, "flux-system", "web")
    assert release is not None
    await running.around.cluster.apply({**release, "spec": {**release["spec"], **spec}})


async def test_a_release_of_another_folder_is_noticed_before_the_push(running: World) -> None:
    before = git(running.around.repository, "rev-parse", "main")
    release = running.around.cluster.store.get(kinds.HELM_RELEASE, "flux-system", "web")
    assert release is not None
    template = release["spec"]["chart"]["spec"]
    await release_spec(running, chart={"spec": {**template, "chart": "./clusters/prod/api"}})
    record = await running.deploy(a_chart("5.0.0"), "5.0.0")
    await release_spec(running, chart={"spec": template})
    assert (record["status"], record["reason"]) == ("failed", "config_error")
    assert record["message"] == (
        "HelmRelease flux-system/web takes its chart from the folder './clusters/prod/api', not from"
        " 'clusters/prod/web'; make path and spec.chart agree"
    )
    assert git(running.around.repository, "rev-parse", "main") == before
