from collections.abc import AsyncIterator

import httpx
import pytest

from dag_gateway.helm import Helm
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.kinds import APPLICATION, CRD, ROLLOUT, WIDGET, Key, Kind, Object
from tests.fakes.simulated import http_client
from tests.fakes.world import chart_files

MERGE = {"Content-Type": "application/merge-patch+json"}
_CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec: {group: example.com, scope: Namespaced, names: {kind: Widget, plural: widgets}}
"""


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(controllers=False) as sim:
        sim.ensure_namespace("shop")
        yield sim


@pytest.fixture
async def http(sim: SimulatedCluster) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(sim) as client:
        yield client


def custom(kind: Kind) -> Object:
    metadata = {"name": "web", "namespace": "shop"}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": {"size": 1}}


def path(kind: Kind) -> str:
    return f"/apis/{kind.api_version}/namespaces/shop/{kind.plural}"


@pytest.mark.parametrize("kind", [ROLLOUT, WIDGET])
async def test_a_status_is_written_apart_and_leaves_the_generation(
    sim: SimulatedCluster, http: httpx.AsyncClient, kind: Kind
) -> None:
    assert (await http.post(path(kind), json=custom(kind))).status_code == 201
    answer = await http.patch(f"{path(kind)}/web/status", json={"status": {"phase": "Paused"}}, headers=MERGE)
    assert (answer.json()["status"], answer.json()["metadata"]["generation"]) == ({"phase": "Paused"}, 1)
    answer = await http.patch(f"{path(kind)}/web", json={"spec": {"size": 2}, "status": {}}, headers=MERGE)
    assert (answer.json()["status"], answer.json()["metadata"]["generation"]) == ({"phase": "Paused"}, 2)


async def test_an_application_carries_its_status_itself(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    await http.post(path(APPLICATION), json=custom(APPLICATION))
    apart = await http.patch(f"{path(APPLICATION)}/web/status", json={"status": {"a": 1}}, headers=MERGE)
    assert apart.status_code == 404
    answer = await http.patch(f"{path(APPLICATION)}/web", json={"status": {"a": 1}}, headers=MERGE)
    assert (answer.json()["status"], answer.json()["metadata"]["generation"]) == ({"a": 1}, 2)


async def test_what_belongs_to_the_whole_cluster_may_be_part_of_a_chart(sim: SimulatedCluster) -> None:
    files = {**chart_files(), "templates/crd.yaml": _CRD.encode()}
    async with Helm() as helm:
        await sim.helm_upgrade(helm, files, release="web", namespace="shop")
    assert sim.registry.read(Key(CRD, "", "widgets.example.com"))["spec"]["scope"] == "Namespaced"
