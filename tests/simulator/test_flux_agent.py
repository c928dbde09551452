from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import yaml

from dag_gateway.helm import Helm
from dag_gateway.simulator import helm_storage
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.kinds import (
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    GIT_REPOSITORY,
    HELM_CHART,
    HELM_RELEASE,
    JOB,
    STATEFUL_SET,
    Kind,
)
from tests.fakes.flux_iac import FluxIac, chart
from tests.fakes.flux_state import (
    PLACES,
    another_fetch,
    change_spec,
    flux_condition,
    installed,
    release_history,
    released,
    request,
    status_of_flux,
)
from tests.fakes.simulated import job, pod, pods_of, until, workload

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"


@pytest_asyncio.fixture(loop_scope="module")
async def sim(helm: Helm) -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(pace=0.001) as sim, sim.follow_flux(helm):
        yield sim


async def test_a_commit_becomes_a_release_that_runs(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = await installed(sim, iac)
    repository, chart, release = (status_of_flux(sim, kind) for kind in (GIT_REPOSITORY, HELM_CHART, HELM_RELEASE))
    assert repository["artifact"]["revision"] == chart["observedSourceArtifactRevision"] == f"main@sha1:{commit}"
    assert (chart["artifact"]["revision"], release["helmChart"]) == ("1.0.0", "flux-system/shop-web")
    assert (release["lastAttemptedRevision"], release["observedGeneration"]) == ("1.0.0", 1)
    assert flux_condition(sim, "Ready") == flux_condition(sim, "Released") == ("True", "InstallSucceeded")
    assert flux_condition(sim, "Reconciling") == ("", "")
    assert release["conditions"][0]["message"] == "Helm install succeeded for release shop/web.v1 with chart web@1.0.0"
    assert [pod["status"]["phase"] for pod in pods_of(sim)] == ["Running"]


async def test_what_was_applied_says_where_it_comes_from(sim: SimulatedCluster, iac: FluxIac) -> None:
    await installed(sim, iac)
    metadata = (sim.store.get(DEPLOYMENT, "shop", "web") or {})["metadata"]
    assert metadata["labels"] == {
        "app.kubernetes.io/managed-by": "Helm",
        "helm.toolkit.fluxcd.io/name": "web",
        "helm.toolkit.fluxcd.io/namespace": "shop",
    }
    assert metadata["annotations"]["meta.helm.sh/release-name"] == "web"


async def test_without_waiting_a_release_is_deployed_at_once(sim: SimulatedCluster, iac: FluxIac) -> None:
    iac.deploy("1.0.0", "web:never-ready")
    await sim.apply(*iac.flux_objects(install={"disableWait": True}))
    await released(sim, "1.0.0")


async def test_other_content_under_the_same_version_changes_nothing(sim: SimulatedCluster, iac: FluxIac) -> None:
    await installed(sim, iac)
    commit = iac.deploy("1.0.0", "web:2")
    await until(sim, lambda: status_of_flux(sim, HELM_CHART)["observedSourceArtifactRevision"] == f"main@sha1:{commit}")
    await until(sim, lambda: flux_condition(sim, "Ready", HELM_CHART)[0] == "True")
    assert release_history(sim) == [("1.0.0", "deployed")]
    assert [pod["spec"]["containers"][0]["image"] for pod in pods_of(sim)] == ["web:1"]


async def test_with_the_strategy_revision_the_commit_is_part_of_the_version(
    sim: SimulatedCluster, iac: FluxIac
) -> None:
    commit = iac.deploy("1.0.0+build")
    await sim.apply(*iac.flux_objects(chart={"reconcileStrategy": "Revision"}))
    await released(sim, f"1.0.0+{commit[:12]}")


async def test_values_are_rendered_and_a_change_of_them_is_an_upgrade(sim: SimulatedCluster, iac: FluxIac) -> None:
    await installed(sim, iac)
    change_spec(sim, HELM_RELEASE, values={"replicas": 2})
    await until(sim, lambda: release_history(sim) == [("1.0.0", "deployed"), ("1.0.0", "superseded")])
    assert status_of_flux(sim)["observedGeneration"] == 2
    assert len(pods_of(sim)) == 2


async def test_a_change_that_renders_the_same_is_acknowledged_without_an_upgrade(
    sim: SimulatedCluster, iac: FluxIac
) -> None:
    await installed(sim, iac)
    change_spec(sim, HELM_RELEASE, timeout="10m")
    await until(sim, lambda: status_of_flux(sim)["observedGeneration"] == 2)
    assert release_history(sim) == [("1.0.0", "deployed")]


@pytest.mark.parametrize("kind", [GIT_REPOSITORY, HELM_CHART, HELM_RELEASE])
async def test_suspended_objects_are_left_alone(sim: SimulatedCluster, iac: FluxIac, kind: Kind) -> None:
    await installed(sim, iac)
    if kind is not HELM_CHART:
        change_spec(sim, kind, suspend=True)
    else:
        change_spec(sim, HELM_RELEASE, suspend=True)
        change_spec(sim, HELM_CHART, suspend=True)
    before = status_of_flux(sim, kind)
    iac.deploy("1.1.0")
    request(sim, kind, "now")
    request(sim, GIT_REPOSITORY, "now")
    await another_fetch(sim)
    assert status_of_flux(sim, kind) == before
    assert release_history(sim) == [("1.0.0", "deployed")]


async def test_a_request_to_reconcile_is_acknowledged(sim: SimulatedCluster, iac: FluxIac) -> None:
    await installed(sim, iac)
    token = "2026-01-31T12:00:00Z"

    def handled() -> set[str]:
        return {status_of_flux(sim, kind).get("lastHandledReconcileAt", "") for kind in PLACES}

    for kind in PLACES:
        request(sim, kind, token)
    await until(sim, lambda: handled() == {token})


async def test_a_request_is_quicker_than_the_interval(sim: SimulatedCluster, iac: FluxIac) -> None:
    await installed(sim, iac)
    change_spec(sim, GIT_REPOSITORY, interval="24h")
    await until(sim, lambda: status_of_flux(sim, GIT_REPOSITORY)["observedGeneration"] == 2)
    iac.deploy("1.1.0")
    request(sim, GIT_REPOSITORY, "now")
    await released(sim, "1.1.0")


async def test_what_is_no_longer_in_the_chart_is_deleted(sim: SimulatedCluster, iac: FluxIac) -> None:
    iac.deploy("1.0.0", settings=SETTINGS)
    await sim.apply(*iac.flux_objects())
    await released(sim, "1.0.0")
    assert sim.store.get(CONFIG_MAP, "shop", "settings") is not None
    iac.deploy("1.1.0", settings="")
    await released(sim, "1.1.0")
    assert sim.store.get(CONFIG_MAP, "shop", "settings") is None


async def test_release_and_target_names_follow_the_spec(sim: SimulatedCluster, iac: FluxIac) -> None:
    iac.deploy("1.0.0")
    sim.ensure_namespace("elsewhere")
    await sim.apply(*iac.flux_objects(targetNamespace="elsewhere"))
    await released(sim, "1.0.0")
    assert sim.store.get(DEPLOYMENT, "elsewhere", "web") is not None
    assert helm_storage.history(sim.registry, "shop", "elsewhere-web")[0].namespace == "elsewhere"


async def test_a_release_waits_for_every_kind_of_workload(sim: SimulatedCluster, iac: FluxIac) -> None:
    kinds_of_workload = {"stateful": STATEFUL_SET, "daemon": DAEMON_SET}
    more = {name: yaml.safe_dump(workload(kind, "web:slow", name)) for name, kind in kinds_of_workload.items()}
    iac.deploy("1.0.0", job=yaml.safe_dump(job()), alone=yaml.safe_dump(pod("web:slow")), **more)
    await sim.apply(*iac.flux_objects())
    await released(sim, "1.0.0")
    assert (sim.store.get(STATEFUL_SET, "shop", "stateful") or {})["status"]["readyReplicas"] == 1
    assert (sim.store.get(DAEMON_SET, "shop", "daemon") or {})["status"]["numberReady"] == 1
    assert (sim.store.get(JOB, "shop", "task") or {})["status"]["succeeded"] == 1


async def test_a_new_folder_in_the_release_is_taken_over_by_its_chart(sim: SimulatedCluster, iac: FluxIac) -> None:
    await installed(sim, iac)
    iac.commit({f"elsewhere/{path}": text for path, text in chart("2.0.0").items()})
    template = iac.flux_objects(chart={"chart": "elsewhere"})[1]["spec"]["chart"]
    change_spec(sim, HELM_RELEASE, chart=template)
    await released(sim, "2.0.0")
