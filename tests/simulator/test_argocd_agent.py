from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dag_gateway.helm import Helm
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.kinds import APPLICATION, CONFIG_MAP, DEPLOYMENT
from dag_gateway.simulator.patches import merge_patch
from tests.fakes.argocd_state import (
    AUTOMATED,
    KEY,
    annotate,
    application,
    applied,
    argo_condition,
    argo_status,
    health_word,
    is_refreshed,
    live,
    operation_of,
    refreshed,
    sync_of,
)
from tests.fakes.flux_iac import FOLDER, FluxIac
from tests.fakes.simulated import http_client, pods_of, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"


@pytest_asyncio.fixture(loop_scope="module")
async def sim(helm: Helm) -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(pace=0.001) as sim, sim.follow_argocd(helm):
        yield sim


def live_image(sim: SimulatedCluster) -> str:
    item = sim.store.get(DEPLOYMENT, "shop", "web") or {}
    return str(item["spec"]["template"]["spec"]["containers"][0]["image"])


async def test_a_commit_is_synced_and_runs(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = await applied(sim, iac)
    status = argo_status(sim)
    assert sync_of(sim) == ("Synced", commit)
    assert (operation_of(sim)["phase"], operation_of(sim)["syncResult"]["revision"]) == ("Succeeded", commit)
    assert operation_of(sim)["message"] == "successfully synced (all tasks run)"
    assert status["resources"] == [
        {
            "group": "apps",
            "version": "v1",
            "kind": "Deployment",
            "namespace": "shop",
            "name": "web",
            "status": "Synced",
            "health": {"status": "Healthy"},
        }
    ]
    assert [(entry["id"], entry["revision"]) for entry in status["history"]] == [(0, commit)]
    assert [pod["status"]["phase"] for pod in pods_of(sim)] == ["Running"]


async def test_the_next_commit_is_noticed_at_a_refresh(sim: SimulatedCluster, iac: FluxIac) -> None:
    first = await applied(sim, iac)
    second = iac.deploy("1.1.0", "web:2")
    assert sync_of(sim) == ("Synced", first)
    await refreshed(sim)
    await live(sim, second)
    assert live_image(sim) == "web:2"
    assert [entry["revision"] for entry in argo_status(sim)["history"]] == [first, second]


async def test_without_a_refresh_the_interval_brings_the_next_commit(sim: SimulatedCluster, iac: FluxIac) -> None:
    await applied(sim, iac)
    await live(sim, iac.deploy("1.1.0", "web:2"))


async def test_a_commit_that_changes_no_manifest_needs_no_operation(sim: SimulatedCluster, iac: FluxIac) -> None:
    first = await applied(sim, iac)
    second = iac.commit({"README.md": "other words"})
    await refreshed(sim)
    assert sync_of(sim) == ("Synced", second)
    assert operation_of(sim)["syncResult"]["revision"] == first


async def test_every_refresh_moves_the_time_of_the_last_look(sim: SimulatedCluster, iac: FluxIac) -> None:
    await applied(sim, iac)
    begun = sim.registry.now()
    sim.registry.edit(KEY, lambda item: merge_patch(item, {"status": {"reconciledAt": "2026-01-31T12:00:00Z"}}))
    await refreshed(sim)
    assert begun <= argo_status(sim)["reconciledAt"] <= sim.registry.now()


async def test_without_automation_it_waits_for_somebody_to_sync(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = iac.deploy("1.0.0")
    await sim.apply(application(iac, syncPolicy={"syncOptions": ["CreateNamespace=true"]}))
    await until(sim, lambda: sync_of(sim) == ("OutOfSync", commit))
    assert (health_word(sim), operation_of(sim)) == ("Missing", {})
    async with http_client(sim) as client:
        answer = await client.patch(
            "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/web",
            json={"operation": {"sync": {"revision": commit}}},
            headers={"Content-Type": "application/merge-patch+json"},
        )
    assert answer.status_code == 200
    await live(sim, commit)
    assert "operation" not in (sim.store.get(*KEY) or {})


async def test_an_automation_that_is_switched_off_does_nothing(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = iac.deploy("1.0.0")
    await sim.apply(application(iac, syncPolicy={"automated": {"enabled": False}}))
    await until(sim, lambda: sync_of(sim) == ("OutOfSync", commit))
    await refreshed(sim)
    assert operation_of(sim) == {}


@pytest.mark.parametrize("prune", [True, False])
async def test_what_is_no_longer_wanted_goes_only_when_it_is_pruned(
    sim: SimulatedCluster, iac: FluxIac, prune: bool
) -> None:
    policy = {**AUTOMATED, "automated": {"prune": prune}}
    iac.deploy("1.0.0", settings=SETTINGS)
    await sim.apply(application(iac, syncPolicy=policy))
    await until(sim, lambda: sim.store.get(CONFIG_MAP, "shop", "settings"))
    commit = iac.deploy("1.1.0", "web:2", settings="")
    await until(sim, lambda: operation_of(sim)["syncResult"].get("revision") == commit)
    await until(sim, lambda: "finishedAt" in operation_of(sim))
    await refreshed(sim)
    assert (sim.store.get(CONFIG_MAP, "shop", "settings") is None) == prune
    assert sync_of(sim) == ("Synced" if prune else "OutOfSync", commit)


async def test_of_several_sources_every_one_has_a_revision(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = iac.deploy("1.0.0")
    iac.commit({"values/web.yaml": "replicas: 2\n"})
    newest = iac.commit({"README.md": "newest"})
    source = {"repoURL": f"file://{iac.path}", "targetRevision": "main"}
    chart = {**source, "path": FOLDER, "helm": {"valueFiles": ["$files/values/web.yaml"]}}
    fixed = {**source, "ref": "fixed", "targetRevision": commit}
    item = application(iac, sources=[chart, {**source, "ref": "files"}, fixed])
    del item["spec"]["source"]
    await sim.apply(item)
    await until(sim, lambda: health_word(sim) == "Healthy")
    sync = argo_status(sim)["sync"]
    assert (sync["revisions"], sync.get("revision")) == ([newest, newest, commit], None)
    assert operation_of(sim)["syncResult"]["revisions"] == [newest, newest, commit]
    assert len(pods_of(sim)) == 2


async def test_plain_yaml_is_a_source_too(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = iac.commit({"plain/settings.yaml": SETTINGS})
    source = {"repoURL": f"file://{iac.path}", "path": "plain", "targetRevision": "HEAD"}
    await sim.apply(application(iac, source=source))
    await live(sim, commit)
    assert sim.store.get(CONFIG_MAP, "shop", "settings") is not None


async def test_what_is_told_to_be_skipped_is_left_alone(sim: SimulatedCluster, iac: FluxIac) -> None:
    await applied(sim, iac)
    annotate(sim, skip_reconcile="true")
    before = argo_status(sim)
    iac.deploy("1.1.0", "web:2")
    annotate(sim, refresh="hard")
    probe = application(iac)
    probe["metadata"]["name"] = "probe"
    probe["spec"] |= {"source": {**probe["spec"]["source"], "path": FOLDER}, "syncPolicy": {}}
    await sim.apply(probe)
    await until(sim, lambda: "sync" in ((sim.store.get(APPLICATION, "argocd", "probe") or {}).get("status") or {}))
    assert argo_status(sim) == before
    assert not is_refreshed(sim)


async def test_a_live_change_is_taken_back_only_where_that_is_asked_for(sim: SimulatedCluster, iac: FluxIac) -> None:
    await applied(sim, iac)
    async with http_client(sim) as client:
        path = "/apis/apps/v1/namespaces/shop/deployments/web"
        patch = {"spec": {"replicas": 3}}
        await client.patch(path, json=patch, headers={"Content-Type": "application/merge-patch+json"})
    await until(sim, lambda: sync_of(sim)[0] == "OutOfSync")
    await sim.apply(application(iac, syncPolicy={"automated": {"selfHeal": True}}))
    await until(sim, lambda: sync_of(sim)[0] == "Synced")
    assert (sim.store.get(DEPLOYMENT, "shop", "web") or {})["spec"]["replicas"] == 1


async def test_a_deleted_application_takes_its_objects_along(sim: SimulatedCluster, iac: FluxIac) -> None:
    item = application(iac)
    item["metadata"]["finalizers"] = ["resources-finalizer.argocd.argoproj.io"]
    commit = iac.deploy("1.0.0")
    await sim.apply(item)
    await live(sim, commit)
    sim.delete(APPLICATION, "argocd", "web")
    await until(sim, lambda: sim.store.get(*KEY) is None)
    assert sim.store.get(DEPLOYMENT, "shop", "web") is None


async def test_a_condition_goes_with_its_cause(sim: SimulatedCluster, iac: FluxIac) -> None:
    await sim.apply(application(iac))
    await until(sim, lambda: argo_condition(sim, "ComparisonError"))
    commit = iac.deploy("1.0.0")
    await refreshed(sim)
    await live(sim, commit)
    assert argo_condition(sim, "ComparisonError") == ""
