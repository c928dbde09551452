import base64
import gzip
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dag_gateway.helm import Helm
from dag_gateway.simulator import helm_storage
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.helm_actions import ActionFailed, rollback
from dag_gateway.simulator.kinds import CONFIG_MAP, DEPLOYMENT, SECRET
from tests.fakes.flux_iac import chart
from tests.fakes.simulated import status_of, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEPT = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, annotations: {"helm.sh/resource-policy": keep}}\n'
FOREIGN = "apiVersion: zoo.example.com/v1\nkind: Lama\nmetadata: {name: carl}\n"


@pytest_asyncio.fixture(loop_scope="module")
async def sim() -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(pace=0.001) as sim:
        yield sim


async def _upgrade(sim: SimulatedCluster, helm: Helm, version: str, **templates: str) -> helm_storage.Release:
    files = {path: text.encode() for path, text in chart(version, **templates).items()}
    return await sim.helm_upgrade(helm, files, release="web", namespace="shop")


def _revisions(sim: SimulatedCluster) -> list[tuple[int, str, str]]:
    found = helm_storage.history(sim.registry, "shop", "web")
    return [(release.version, release.chart["version"], release.status) for release in found]


async def test_without_wait_a_release_is_deployed_before_its_pods_run(sim: SimulatedCluster, helm: Helm) -> None:
    release = await _upgrade(sim, helm, "1.0.0")
    assert (release.status, release.version, release.description) == ("deployed", 1, "Install complete")
    assert status_of(sim, DEPLOYMENT) == {}
    await until(sim, lambda: status_of(sim, DEPLOYMENT).get("availableReplicas") == 1)


async def test_the_record_is_encoded_as_helm_encodes_it(sim: SimulatedCluster, helm: Helm) -> None:
    await _upgrade(sim, helm, "1.0.0")
    secret = sim.store.get(SECRET, "shop", "sh.helm.release.v1.web.v1") or {}
    record = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    assert secret["type"] == "helm.sh/release.v1"
    assert secret["metadata"]["labels"] == {"owner": "helm", "name": "web", "status": "deployed", "version": "1"}
    assert (record["name"], record["namespace"], record["version"]) == ("web", "shop", 1)
    assert record["chart"]["metadata"]["version"] == "1.0.0"
    assert record["info"]["status"] == "deployed"
    assert "kind: Deployment" in record["manifest"]


async def test_an_upgrade_supersedes_the_revision_before(sim: SimulatedCluster, helm: Helm) -> None:
    await _upgrade(sim, helm, "1.0.0")
    await _upgrade(sim, helm, "1.1.0")
    assert _revisions(sim) == [(2, "1.1.0", "deployed"), (1, "1.0.0", "superseded")]


async def test_a_pending_record_is_there_while_the_action_runs(sim: SimulatedCluster, helm: Helm) -> None:
    await _upgrade(sim, helm, "1.0.0")
    await _upgrade(sim, helm, "1.1.0")
    secrets = [change.item for change in sim.store.since(0) if change.key.kind is SECRET]
    states = [(item["metadata"]["labels"]["version"], item["metadata"]["labels"]["status"]) for item in secrets]
    assert states == [
        ("1", "pending-install"),
        ("1", "deployed"),
        ("2", "pending-upgrade"),
        ("1", "superseded"),
        ("2", "deployed"),
    ]


async def test_what_the_cluster_refuses_is_a_failed_revision(sim: SimulatedCluster, helm: Helm) -> None:
    await _upgrade(sim, helm, "1.0.0")
    with pytest.raises(ActionFailed, match=r"no kind 'Lama' in version 'zoo.example.com/v1'") as caught:
        await _upgrade(sim, helm, "1.1.0", lama=FOREIGN)
    assert caught.value.release.description.startswith("Upgrade 'web' failed: no kind 'Lama'")
    assert _revisions(sim) == [(2, "1.1.0", "failed"), (1, "1.0.0", "deployed")]


async def test_what_asks_to_be_kept_is_kept(sim: SimulatedCluster, helm: Helm) -> None:
    await _upgrade(sim, helm, "1.0.0", kept=KEPT)
    await _upgrade(sim, helm, "1.1.0")
    assert sim.store.get(CONFIG_MAP, "shop", "kept") is not None


async def test_ten_revisions_are_kept(sim: SimulatedCluster, helm: Helm) -> None:
    for number in range(12):
        await _upgrade(sim, helm, f"1.0.{number}")
    assert [version for version, _, _ in _revisions(sim)] == list(range(12, 2, -1))


async def test_a_release_that_never_was_good_can_not_be_rolled_back(sim: SimulatedCluster) -> None:
    assert rollback(sim.registry, "shop", "web") is None
