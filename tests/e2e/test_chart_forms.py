"""Charts in every form that the door takes come through to the end, with the files that were uploaded."""

from pathlib import Path

import pytest

from dag_gateway.charts import Limits, read_chart
from tests.fakes.archives import chart_tgz
from tests.fakes.world import chart_files, image_files, world

LIMITS = Limits(unpacked=10**6, file=10**6, entries=100)
HIDDEN = {
    ".helmignore": b"templates/draft.yaml\n",
    "templates/draft.yaml": b"apiVersion: v1\nkind: Pod\nmetadata: {name: draft}\nspec: {containers: [{image: x:1}]}\n",
    "templates/.backup.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: backup}\n",
}


async def test_a_chart_may_have_a_top_folder_a_dot_or_neither(tmp_path: Path) -> None:
    async with world(tmp_path) as running:
        for number, top in enumerate(("", "./", "./web/")):
            files = image_files(f"1.{number}.0")
            ended = await running.deploy(chart_tgz(files, top=top), f"1.{number}.0")
            assert ended["status"] == "deployed", ended["message"]
            pushed = read_chart((await running.current("chart")).content, LIMITS).files
            assert pushed["values.yaml"] == files["values.yaml"]


@pytest.mark.parametrize("tracker", ["flux", "workloads"])
async def test_what_helmignore_leaves_out_is_pushed_and_not_waited_for(tmp_path: Path, tracker: str) -> None:
    async with world(tmp_path, tracker=tracker) as running:
        ended = await running.deploy(chart_tgz({**chart_files(), **HIDDEN}, top="web/"))
        assert (ended["status"], ended["changes"]) == ("deployed", "web -> nginx:1.27.0"), ended["message"]
        pushed = read_chart((await running.current("chart")).content, LIMITS).files
        assert {path: pushed[path] for path in HIDDEN} == HIDDEN


async def test_a_version_that_could_not_be_stamped_is_refused_at_the_door(tmp_path: Path) -> None:
    merged = chart_files(Chart_yaml="apiVersion: v2\nname: web\n<<: {version: 1.0.0}\n")
    async with world(tmp_path) as running:
        answer = await running.upload(chart_tgz(merged, top="web/"))
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_chart"
    assert "there is no version line of its own; write it on one line" in answer.json()["error"]
