"""The inventory of a HelmRelease: what belongs to it, wherever it is, also when it is not there any more."""

from typing import Any

import pytest
from pydantic import SecretStr

from dag_gateway.clusters import Clusters, flux_inventory
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Verdict
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster as flux
from tests.fakes.cluster_api import api_of
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import GOAL, PATH, TARGET, is_ours
from tests.fakes.followed import following


def listed(*entries: dict[str, str]) -> list[Any] | None:
    found = flux_inventory.objects({"status": {"inventory": {"entries": list(entries)}}})
    return None if found is None else list(found)


@pytest.mark.parametrize(
    ("entry", "kind", "name", "namespace", "version"),
    [
        ({"id": "shop_web_apps_Deployment", "v": "v1"}, "Deployment", "web", "shop", "apps/v1"),
        ({"id": "shop_web__Service", "v": "v1"}, "Service", "web", "shop", "v1"),
        ({"id": "_a__b_rbac.authorization.k8s.io_ClusterRole", "v": "v1"}, "ClusterRole", "a:b", "", ""),
        ({"id": "shop_web_argoproj.io_Rollout", "v": "v1alpha1"}, "Rollout", "web", "shop", "argoproj.io/v1alpha1"),
    ],
)
def test_an_entry_names_an_object(entry: dict[str, str], kind: str, name: str, namespace: str, version: str) -> None:
    expected = {
        "apiVersion": version or "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
    }

    assert listed(entry) == [expected]


def test_what_is_no_entry_is_left_out_and_without_an_inventory_nothing_is_known() -> None:
    assert listed({"id": "web"}, {}) == []
    assert flux_inventory.objects({"status": {}}) is None


async def database(sim: SimulatedCluster, ready: int) -> None:
    """A StatefulSet of the release in another namespace."""
    template = {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "a", "image": "db:2"}]}}
    spec = {"replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template}
    metadata = {"name": "db", "namespace": "data", "labels": flux.LABELS}
    obj = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}
    counts = {"replicas": 1, "updatedReplicas": 1, "currentReplicas": 1, "readyReplicas": ready}
    revisions = {"availableReplicas": ready, "currentRevision": "db-1", "updateRevision": "db-1"}
    await flux.put(sim, obj, {**counts, **revisions})


async def test_an_object_that_was_deleted_is_missed() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        await flux.our_release(sim)
        await flux.inventory(sim, "shop_web_apps_Deployment", "shop_settings__ConfigMap")
        async with following(api, TARGET, GOAL, is_ours) as rollout:
            await rollout.message("Deployment shop/web is missing")
            await flux.deployment(sim, "web:2")
            end = await rollout.end()

    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready")


async def test_what_runs_in_another_namespace_is_judged_too() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        await flux.our_release(sim)
        await flux.deployment(sim, "web:2")
        await database(sim, ready=0)
        await flux.inventory(sim, "shop_web_apps_Deployment", "data_db_apps_StatefulSet")
        async with following(api, TARGET, GOAL, is_ours) as rollout:
            await rollout.message("db: 0/1 pods ready")
            await database(sim, ready=1)
            end = await rollout.end()

    assert end.message == "web: 2/2 pods ready; db: 1/1 pods ready"


async def test_a_kind_that_nobody_can_judge_is_named() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        await flux.our_release(sim)
        await flux.inventory(sim, "shop_lamp_example.com_Gadget")
        async with following(api, TARGET, GOAL, is_ours) as rollout:
            end = await rollout.end()

    assert end.message.endswith("not judged: Gadget shop/lamp (no rule for its kind)")


async def test_without_an_inventory_and_labels_it_is_told_that_nothing_was_judged() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        await flux.our_release(sim)
        async with following(api, TARGET, GOAL, is_ours) as rollout:
            end = await rollout.end()

    assert end.message == "not judged: which objects belong to the release is not known"


async def test_argo_rollouts_that_may_not_be_seen_fail_the_rollout_instead_of_hiding() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        sim.faults.forbidden.add(("list", "rollouts"))
        await flux.our_release(sim)
        async with following(api, TARGET, GOAL, is_ours) as rollout:
            end = await rollout.end()

    assert end.reason is Reason.CONFIG_ERROR
    assert 'apiGroups: ["argoproj.io"], resources: ["rollouts"]' in end.message


async def test_argo_rollouts_that_may_not_be_seen_stop_the_push() -> None:
    async with simulated_cluster(controllers=False) as sim:
        sim.faults.forbidden.add(("list", "rollouts"))
        await flux.old_release(sim)
        settings = ClusterSettings(server=sim.url, token=SecretStr(sim.token))
        async with Clusters({"production": settings}, FastClock(50)) as clusters:
            with pytest.raises(StepFailed, match=r"does not let the gateway list rollouts in namespace shop"):
                await clusters.baseline(TARGET, PATH)


async def test_an_inventory_without_argo_rollouts_needs_no_permission_for_them() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        sim.faults.forbidden.add(("list", "rollouts"))
        await flux.our_release(sim)
        await flux.deployment(sim, "web:2")
        await flux.inventory(sim, "shop_web_apps_Deployment")
        async with following(api, TARGET, GOAL, is_ours) as rollout:
            assert (await rollout.end()).verdict is Verdict.HEALTHY
