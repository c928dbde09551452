"""A bare repository of its own for every test, and a gateway that writes to it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dag_gateway.config import RepositorySettings
from dag_gateway.iac import Iac, create_bare
from tests.fakes.git_http import GitServer, serving_git
from tests.fakes.skipping_clock import SkippingClock


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A bare repository with two files that belong to nobody's deployment."""
    path = tmp_path / "served" / "iac.git"
    create_bare(path, files={"README.md": b"iac\n", "clusters/test/other/Chart.yaml": b"name: other\n"})
    return path


@pytest.fixture
def clock() -> SkippingClock:
    return SkippingClock()


@pytest.fixture
def server(bare: Path) -> Iterator[GitServer]:
    with serving_git(bare.parent, "dag", "s3cret-Pass") as server:
        yield server


@pytest.fixture
async def local(bare: Path, tmp_path: Path, clock: SkippingClock) -> AsyncIterator[Iac]:
    """Writes to the repository as a path."""
    async with Iac({"iac": RepositorySettings(url=str(bare))}, tmp_path / "data", clock) as iac:
        yield iac


@pytest.fixture
async def remote(server: GitServer, tmp_path: Path, clock: SkippingClock) -> AsyncIterator[Iac]:
    """Writes to the repository over HTTP."""
    async with Iac({"iac": server.settings("iac.git")}, tmp_path / "data", clock) as iac:
        yield iac
