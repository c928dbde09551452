from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import yaml

from dag_gateway.helm import Helm
from dag_gateway.simulator import helm_storage
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.kinds import (
    DEPLOYMENT,
    GIT_REPOSITORY,
    HELM_CHART,
    HELM_RELEASE,
)
from tests.fakes.flux_iac import FOLDER, FluxIac
from tests.fakes.flux_state import (
    change_spec,
    flux_condition,
    installed,
    release_history,
    released,
    status_of_flux,
)
from tests.fakes.simulated import pods_of, until, workload

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOOK = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: {"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-weight": "1"}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "IMAGE"}]
"""


@pytest_asyncio.fixture(loop_scope="module")
async def sim(helm: Helm) -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(pace=0.001) as sim, sim.follow_flux(helm):
        yield sim


async def test_while_an_upgrade_runs_the_release_is_neither_ready_nor_failed(
    sim: SimulatedCluster, iac: FluxIac
) -> None:
    await installed(sim, iac)
    iac.deploy("1.1.0", "web:slow")
    await until(sim, lambda: status_of_flux(sim)["lastAttemptedRevision"] == "1.1.0")
    assert flux_condition(sim, "Ready") == ("Unknown", "Progressing")
    assert flux_condition(sim, "Reconciling") == ("True", "Progressing")
    assert release_history(sim) == [("1.0.0", "deployed")]
    await released(sim, "1.1.0")
    assert flux_condition(sim, "Ready") == ("True", "UpgradeSucceeded")
    assert release_history(sim) == [("1.1.0", "deployed"), ("1.0.0", "superseded")]
    revisions = helm_storage.history(sim.registry, "shop", "web")
    assert [(revision.version, revision.status) for revision in revisions] == [(2, "deployed"), (1, "superseded")]


async def test_a_release_that_does_not_get_ready_in_time_fails_and_stalls(sim: SimulatedCluster, iac: FluxIac) -> None:
    await installed(sim, iac)
    iac.deploy("1.1.0", "web:never-ready")
    change_spec(sim, HELM_RELEASE, timeout="2s")
    await until(sim, lambda: flux_condition(sim, "Stalled")[0] == "True")
    assert flux_condition(sim, "Stalled") == ("True", "RetriesExceeded")
    assert flux_condition(sim, "Ready") == flux_condition(sim, "Released") == ("False", "UpgradeFailed")
    assert release_history(sim)[0] == ("1.1.0", "failed")
    messages = [item["message"] for item in status_of_flux(sim)["conditions"] if item["type"] == "Ready"]
    assert "resource Deployment/shop/web not ready. status: InProgress" in messages[0]
    assert "context deadline exceeded" in messages[0]
    change_spec(sim, HELM_RELEASE, suspend=True)
    iac.deploy("1.2.0", "web:2")
    await until(sim, lambda: status_of_flux(sim, HELM_CHART)["artifact"]["revision"] == "1.2.0")
    change_spec(sim, HELM_RELEASE, suspend=False, timeout="5m")
    await released(sim, "1.2.0")
    assert flux_condition(sim, "Stalled") == ("", "")


async def test_a_failed_upgrade_is_rolled_back_where_that_is_asked_for(sim: SimulatedCluster, iac: FluxIac) -> None:
    await installed(sim, iac)
    change_spec(sim, HELM_RELEASE, timeout="2s", upgrade={"remediation": {"retries": 1}})
    iac.deploy("1.1.0", "web:never-ready")
    await until(sim, lambda: flux_condition(sim, "Stalled") == ("True", "RetriesExceeded"))
    assert flux_condition(sim, "Remediated") == ("True", "RollbackSucceeded")
    assert flux_condition(sim, "Ready") == ("False", "RollbackSucceeded")
    assert status_of_flux(sim)["upgradeFailures"] == 2
    assert release_history(sim)[0] == ("1.0.0", "deployed")
    await until(sim, lambda: {pod["spec"]["containers"][0]["image"] for pod in pods_of(sim)} == {"web:1"})


async def test_a_template_that_fails_is_a_failed_release_without_a_revision(
    sim: SimulatedCluster, iac: FluxIac
) -> None:
    iac.deploy("1.0.0", bad='{{ fail "no such luck" }}')
    await sim.apply(*iac.flux_objects())
    await until(sim, lambda: flux_condition(sim, "Stalled")[0] == "True")
    assert flux_condition(sim, "Ready") == ("False", "InstallFailed")
    assert "no such luck" in status_of_flux(sim)["conditions"][0]["message"]
    assert release_history(sim) == []


async def test_a_version_that_is_not_semver_stalls_the_chart_and_keeps_the_old_release(
    sim: SimulatedCluster, iac: FluxIac
) -> None:
    await installed(sim, iac)
    iac.deploy("deadbeef", "web:2")
    await until(sim, lambda: flux_condition(sim, "Stalled", HELM_CHART)[0] == "True")
    assert flux_condition(sim, "Ready", HELM_CHART) == ("False", "InvalidChartReference")
    assert flux_condition(sim, "BuildFailed", HELM_CHART) == ("True", "InvalidChartReference")
    await until(sim, lambda: flux_condition(sim, "Ready") == ("False", "SourceNotReady"))
    assert release_history(sim) == [("1.0.0", "deployed")]


@pytest.mark.parametrize(
    ("chart", "problem"),
    [
        ("name: [", "cannot load Chart.yaml"),
        ("version: 1.0.0", "Chart.yaml file is missing or has no name"),
    ],
)
async def test_a_chart_that_can_not_be_read_stalls(
    sim: SimulatedCluster, iac: FluxIac, chart: str, problem: str
) -> None:
    iac.commit({f"{FOLDER}/Chart.yaml": chart})
    await sim.apply(*iac.flux_objects())
    await until(sim, lambda: flux_condition(sim, "Stalled", HELM_CHART)[0] == "True")
    (condition,) = [item for item in status_of_flux(sim, HELM_CHART)["conditions"] if item["type"] == "Stalled"]
    assert problem in condition["message"]


async def test_a_branch_that_is_missing_fails_the_source(sim: SimulatedCluster, iac: FluxIac) -> None:
    repository, release = iac.flux_objects()
    repository["spec"]["ref"]["branch"] = "none"
    await sim.apply(repository, release)
    await until(sim, lambda: flux_condition(sim, "FetchFailed", GIT_REPOSITORY)[0] == "True")
    assert flux_condition(sim, "Ready", GIT_REPOSITORY) == ("False", "GitOperationFailed")
    await until(sim, lambda: flux_condition(sim, "Ready", HELM_CHART) == ("False", "NoSourceArtifact"))
    assert "unable to find branch 'none'" in str(status_of_flux(sim, GIT_REPOSITORY)["conditions"])


async def test_hooks_run_before_and_their_failure_is_the_release_s(sim: SimulatedCluster, iac: FluxIac) -> None:
    iac.deploy("1.0.0", hook=HOOK.replace("IMAGE", "migrate:1"))
    await sim.apply(*iac.flux_objects())
    await released(sim, "1.0.0")
    iac.deploy("1.1.0", hook=HOOK.replace("IMAGE", "migrate:crash"))
    await until(sim, lambda: flux_condition(sim, "Ready") == ("False", "UpgradeFailed"))
    assert "pre-upgrade hooks failed: resource Job/shop/migrate not ready" in str(status_of_flux(sim)["conditions"])


async def test_a_deleted_release_is_uninstalled(sim: SimulatedCluster, iac: FluxIac) -> None:
    await installed(sim, iac)
    sim.delete(HELM_RELEASE, "shop", "web")
    await until(sim, lambda: sim.store.get(HELM_RELEASE, "shop", "web") is None and not pods_of(sim))
    assert sim.store.get(DEPLOYMENT, "shop", "web") is None
    assert sim.store.get(HELM_CHART, "flux-system", "shop-web") is None
    assert helm_storage.history(sim.registry, "shop", "web") == []


async def test_a_rollout_past_its_progress_deadline_fails_the_release_at_once(
    sim: SimulatedCluster, iac: FluxIac
) -> None:
    late = workload(DEPLOYMENT, "web:never-ready", "late", progressDeadlineSeconds=1)
    iac.deploy("1.0.0", late=yaml.safe_dump(late))
    await sim.apply(*iac.flux_objects(timeout="24h"))
    await until(sim, lambda: flux_condition(sim, "Ready") == ("False", "InstallFailed"))
    assert "Deployment/shop/late not ready. status: Failed, message: Progress deadline exceeded" in str(
        status_of_flux(sim)
    )


async def test_a_chart_folder_that_is_missing_stalls(sim: SimulatedCluster, iac: FluxIac) -> None:
    await sim.apply(*iac.flux_objects())
    await until(sim, lambda: flux_condition(sim, "Stalled", HELM_CHART)[0] == "True")
    assert f"chart '{FOLDER}' not found in the source" in str(status_of_flux(sim, HELM_CHART))
