"""What Helm makes of a chart's folder counts: what it leaves out, where else it looks, what it misses."""

import asyncio
from pathlib import Path

import helm_python
import pytest

from dag_gateway.helm.pool import Helm
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.helm_charts import CHART_YAML, CONFIG_MAP, chart

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHART = CHART_YAML.decode()
REDIS = "dependencies: [{name: redis, version: 1.0.0, repository: 'https://charts.example.com'}]\n"
VENDORED = {"charts/redis/Chart.yaml": CHART.replace("demo", "redis")}


def named(name: str) -> str:
    return CONFIG_MAP.replace("one", name)


async def refused(helm: Helm, files: dict[str, str], message: str) -> None:
    with pytest.raises(StepFailed, match=message) as caught:
        await helm.check(chart(files, a=CONFIG_MAP), release="web", namespace="shop")
    assert caught.value.reason is Reason.INVALID_CHART


async def test_what_helmignore_leaves_out_is_not_rendered_as_from_a_folder(helm: Helm, tmp_path: Path) -> None:
    files = {
        ".helmignore": "templates/b.yaml\ntemplates/old/\n",
        "templates/b.yaml": named("b"),
        "templates/.c.yaml": named("c"),
        "templates/old/d.yaml": named("d"),
    }
    archive = chart(files, a=CONFIG_MAP)
    (tmp_path / "demo.tgz").write_bytes(archive)
    await asyncio.to_thread(helm_python.expand, tmp_path, tmp_path / "demo.tgz")
    with helm_python.Chart.load(tmp_path / "demo") as loaded:
        assert list(loaded.render({}, name="web", namespace="shop")) == ["demo/templates/a.yaml"]
    for rendered in (
        await helm.check(archive, release="web", namespace="shop"),
        await helm.render(archive, release="web", namespace="shop"),
    ):
        assert [found["metadata"]["name"] for found in rendered.objects] == ["one"]


async def test_what_helmignore_leaves_out_need_not_even_render(helm: Helm) -> None:
    files = {".helmignore": "b.yaml", "templates/b.yaml": "{{ fail `no` }}"}
    assert (await helm.check(chart(files, a=CONFIG_MAP), release="web", namespace="shop")).objects


async def test_a_rule_of_helmignore_that_helm_refuses_refuses_the_chart(helm: Helm) -> None:
    await refused(helm, {".helmignore": "**/x"}, r"double-star \(\*\*\) syntax is not supported")


@pytest.mark.parametrize(
    "files",
    [
        {"Chart.yaml": CHART + REDIS},
        {"Chart.yaml": CHART + REDIS.replace("dep", "Dep")},
        {"requirements.yaml": REDIS},
        {"Chart.yaml": CHART.replace("v2", "v1"), "requirements.yaml": REDIS},
        {"Chart.yaml": CHART + REDIS, ".helmignore": "charts/", **VENDORED},
    ],
)
async def test_a_dependency_that_helm_does_not_find_refuses_the_chart(helm: Helm, files: dict[str, str]) -> None:
    await refused(helm, files, r"the dependency 'redis' is not in charts/; run `helm dependency build` before the")


@pytest.mark.parametrize(
    "files",
    [
        {"Chart.yaml": CHART + REDIS},
        {"Chart.yaml": CHART + REDIS.replace("name: redis", "name: redis, alias: cache")},
        {"Chart.yaml": CHART.replace("v2", "v1"), "requirements.yaml": REDIS},
    ],
)
async def test_a_dependency_that_helm_finds_is_taken(helm: Helm, files: dict[str, str]) -> None:
    archive = chart({**files, **VENDORED}, a=CONFIG_MAP)
    assert len((await helm.check(archive, release="web", namespace="shop")).objects) == 1


@pytest.mark.parametrize(
    ("files", "read"),
    [
        ({"requirements.yaml": "version: 9.9.9\n"}, "version '9.9.9'"),
        ({"requirements.yaml": "name: other\n"}, "name 'other'"),
        ({"Chart.yaml": f"{CHART}ver\u017fion: 9.9.9\n"}, "version '9.9.9'"),
        ({"Chart.yaml": f"{CHART}Type: library\n"}, "type 'library'"),
    ],
)
async def test_what_helm_reads_otherwise_than_it_stands_in_chart_yaml_refuses_the_chart(
    helm: Helm, files: dict[str, str], read: str
) -> None:
    await refused(helm, files, rf"Helm reads the {read}, which is not what Chart\.yaml has under `\w+`; write it there")


async def test_a_chart_yaml_with_a_byte_order_mark_is_taken(helm: Helm) -> None:
    archive = chart({"Chart.yaml": "\ufeff" + CHART}, a=CONFIG_MAP)
    assert len((await helm.check(archive, release="web", namespace="shop")).objects) == 1
