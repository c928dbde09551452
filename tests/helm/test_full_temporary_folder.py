"""A full disk below TMPDIR is not the fault of the chart: it is checked when there is room again."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dag_gateway.helm.pool import Helm
from dag_gateway.helm.process import HelmUnavailable
from dag_gateway.model.reason import StepFailed
from tests.fakes.helm_charts import CONFIG_MAP, chart
from tests.fakes.small_disk import full, needs_mounts, small_disk

pytestmark = needs_mounts


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two megabytes of room for temporary files."""
    with small_disk(tmp_path / "disk", "2m") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        yield disk


async def test_a_chart_waits_for_room_for_its_archive(disk: Path) -> None:
    async with Helm(timeout=120) as helm:
        await helm.check(chart(a=CONFIG_MAP), release="web", namespace="shop")
        with full(disk), pytest.raises(HelmUnavailable, match=r"Helm has no room .* below TMPDIR: .* No space left on"):
            await helm.check(chart(a=CONFIG_MAP), release="web", namespace="shop")
        assert (await helm.check(chart(a=CONFIG_MAP), release="web", namespace="shop")).objects


async def test_a_chart_waits_for_room_for_its_files_and_leaves_none_of_them(disk: Path) -> None:
    large = chart({"files/large.txt": "x" * 4_000_000}, a=CONFIG_MAP)
    async with Helm(timeout=120) as helm:
        for call in (helm.check, helm.render):
            with pytest.raises(HelmUnavailable, match=r"Helm has no room .* below TMPDIR: no space left on device"):
                await call(large, release="web", namespace="shop")
        (folder,) = os.listdir(disk)
        assert os.listdir(disk / folder) == []
        assert (await helm.check(chart(a=CONFIG_MAP), release="web", namespace="shop")).objects


async def test_a_template_can_not_pretend_that_the_disk_is_full() -> None:
    async with Helm(timeout=120) as helm:
        with pytest.raises(StepFailed, match=r": no space left on device$"):
            await helm.check(chart(a="{{ fail `x: no space left on device` }}"), release="web", namespace="shop")
