"""A simulated cluster at a thousand times the speed, a client for it, real Helm and an empty IaC repository."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from dag_gateway.helm import Helm
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes.flux_iac import FluxIac, flux_iac
from tests.fakes.simulated import http_client


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(pace=0.001) as sim:
        yield sim


@pytest.fixture
async def http(sim: SimulatedCluster) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(sim) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def helm() -> AsyncIterator[Helm]:
    """For modules whose tests share one event loop."""
    async with Helm() as helm:
        yield helm


@pytest.fixture
def iac(tmp_path: Path) -> FluxIac:
    return flux_iac(tmp_path)
