"""Surroundings per test, for a gateway that the test starts itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.world import Surroundings, surroundings


@pytest.fixture
async def around(tmp_path: Path) -> AsyncIterator[Surroundings]:
    async with surroundings(tmp_path) as around:
        yield around
