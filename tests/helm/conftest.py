"""Real Helm for a whole module, with more time than any machine needs."""

from collections.abc import AsyncIterator

import pytest_asyncio

from dag_gateway.helm.pool import Helm


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def helm() -> AsyncIterator[Helm]:
    async with Helm(timeout=120) as pool:
        yield pool
