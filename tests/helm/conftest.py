"""Real Helm for every test: one worker, with more time than any machine needs."""

from collections.abc import AsyncIterator

import pytest_asyncio

from dag_gateway.helm.pool import Helm


@pytest_asyncio.fixture
async def helm() -> AsyncIterator[Helm]:
    async with Helm(timeout=120) as pool:
        yield pool
