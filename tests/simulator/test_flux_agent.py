from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

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
    Key,
    Kind,
    Object,
)
from dag_gateway.simulator.patches import merge_patch
from tests.fakes.flux_iac import FOLDER, FluxIac, chart, flux_iac
from tests.fakes.simulated import job, pod, pods_of, until, workload

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLACES = {
    GIT_REPOSITORY: ("flux-system", "iac"),
    HELM_CHART: ("flux-system", "shop-web"),
    HELM_RELEASE: ("shop", "web"),
}
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
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def helm() -> AsyncIterator[Helm]:
    async with Helm() as helm:
        yield helm


@pytest.fixture
def iac(tmp_path: Path) -> FluxIac:
    return flux_iac(tmp_path)


@pytest_asyncio.fixture(loop_scope="module")
async def sim(helm: Helm) -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(pace=0.001) as sim, sim.follow_flux(helm):
        yield sim


def _status(sim: SimulatedCluster, kind: Kind = HELM_RELEASE) -> Object:
    item = sim.store.get(kind, *PLACES[kind]) or {}
    status: Object = item.get("status") or {}
    return status


def _condition(sim: SimulatedCluster, name: str, kind: Kind = HELM_RELEASE) -> tuple[str, str]:
    """Value and reason."""
    conditions = _status(sim, kind).get("conditions", [])
    return next(((item["status"], item["reason"]) for item in conditions if item["type"] == name), ("", ""))


def _history(sim: SimulatedCluster) -> list[tuple[str, str]]:
    return [(entry["chartVersion"], entry["status"]) for entry in _status(sim).get("history", [])]


def _spec(sim: SimulatedCluster, kind: Kind, **changes: Any) -> None:
    sim.registry.edit(Key(kind, *PLACES[kind]), lambda item: {**item, "spec": {**item["spec"], **changes}})


def _request(sim: SimulatedCluster, kind: Kind, token: str) -> None:
    patch = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}}
    sim.registry.edit(Key(kind, *PLACES[kind]), lambda item: merge_patch(item, patch))


async def _passed(sim: SimulatedCluster) -> None:
    """Another GitRepository, made now, was fetched: what was asked for before it had its turn too."""
    source = (sim.store.get(GIT_REPOSITORY, "flux-system", "iac") or {})["spec"]
    metadata = {"name": "probe", "namespace": "flux-system"}
    await sim.apply(
        {
            "apiVersion": GIT_REPOSITORY.api_version,
            "kind": "GitRepository",
            "metadata": metadata,
            "spec": {**source, "suspend": False},
        }
    )
    await until(
        sim, lambda: (sim.store.get(GIT_REPOSITORY, "flux-system", "probe") or {}).get("status", {}).get("artifact")
    )


async def _released(sim: SimulatedCluster, version: str) -> None:
    def done() -> bool:
        return _history(sim)[:1] == [(version, "deployed")] and _condition(sim, "Ready")[0] == "True"

    await until(sim, done)


async def _installed(sim: SimulatedCluster, iac: FluxIac, **release: Any) -> str:
    commit = iac.deploy("1.0.0")
    await sim.apply(*iac.flux_objects(**release))
    await _released(sim, "1.0.0")
    return commit


async def test_a_commit_becomes_a_release_that_runs(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = await _installed(sim, iac)
    repository, chart, release = (_status(sim, kind) for kind in (GIT_REPOSITORY, HELM_CHART, HELM_RELEASE))
    assert repository["artifact"]["revision"] == chart["observedSourceArtifactRevision"] == f"main@sha1:{commit}"
    assert (chart["artifact"]["revision"], release["helmChart"]) == ("1.0.0", "flux-system/shop-web")
    assert (release["lastAttemptedRevision"], release["observedGeneration"]) == ("1.0.0", 1)
    assert _condition(sim, "Ready") == _condition(sim, "Released") == ("True", "InstallSucceeded")
    assert _condition(sim, "Reconciling") == ("", "")
    assert release["conditions"][0]["message"] == "Helm install succeeded for release shop/web.v1 with chart web@1.0.0"
    assert [pod["status"]["phase"] for pod in pods_of(sim)] == ["Running"]


async def test_what_was_applied_says_where_it_comes_from(sim: SimulatedCluster, iac: FluxIac) -> None:
    await _installed(sim, iac)
    metadata = (sim.store.get(DEPLOYMENT, "shop", "web") or {})["metadata"]
    assert metadata["labels"] == {
        "app.kubernetes.io/managed-by": "Helm",
        "helm.toolkit.fluxcd.io/name": "web",
        "helm.toolkit.fluxcd.io/namespace": "shop",
    }
    assert metadata["annotations"]["meta.helm.sh/release-name"] == "web"


async def test_while_an_upgrade_runs_the_release_is_neither_ready_nor_failed(
    sim: SimulatedCluster, iac: FluxIac
) -> None:
    await _installed(sim, iac)
    iac.deploy("1.1.0", "web:slow")
    await until(sim, lambda: _status(sim)["lastAttemptedRevision"] == "1.1.0")
    assert _condition(sim, "Ready") == ("Unknown", "Progressing")
    assert _condition(sim, "Reconciling") == ("True", "Progressing")
    assert _history(sim) == [("1.0.0", "deployed")]
    await _released(sim, "1.1.0")
    assert _condition(sim, "Ready") == ("True", "UpgradeSucceeded")
    assert _history(sim) == [("1.1.0", "deployed"), ("1.0.0", "superseded")]
    revisions = helm_storage.history(sim.registry, "shop", "web")
    assert [(revision.version, revision.status) for revision in revisions] == [(2, "deployed"), (1, "superseded")]


async def test_a_release_that_does_not_get_ready_in_time_fails_and_stalls(sim: SimulatedCluster, iac: FluxIac) -> None:
    await _installed(sim, iac)
    iac.deploy("1.1.0", "web:never-ready")
    _spec(sim, HELM_RELEASE, timeout="2s")
    await until(sim, lambda: _condition(sim, "Stalled")[0] == "True")
    assert _condition(sim, "Stalled") == ("True", "RetriesExceeded")
    assert _condition(sim, "Ready") == _condition(sim, "Released") == ("False", "UpgradeFailed")
    assert _history(sim)[0] == ("1.1.0", "failed")
    messages = [item["message"] for item in _status(sim)["conditions"] if item["type"] == "Ready"]
    assert "resource Deployment/shop/web not ready. status: InProgress" in messages[0]
    assert "context deadline exceeded" in messages[0]
    _spec(sim, HELM_RELEASE, suspend=True)
    iac.deploy("1.2.0", "web:2")
    await until(sim, lambda: _status(sim, HELM_CHART)["artifact"]["revision"] == "1.2.0")
    _spec(sim, HELM_RELEASE, suspend=False, timeout="5m")
    await _released(sim, "1.2.0")
    assert _condition(sim, "Stalled") == ("", "")


async def test_a_failed_upgrade_is_rolled_back_where_that_is_asked_for(sim: SimulatedCluster, iac: FluxIac) -> None:
    await _installed(sim, iac)
    _spec(sim, HELM_RELEASE, timeout="2s", upgrade={"remediation": {"retries": 1}})
    iac.deploy("1.1.0", "web:never-ready")
    await until(sim, lambda: _condition(sim, "Stalled") == ("True", "RetriesExceeded"))
    assert _condition(sim, "Remediated") == ("True", "RollbackSucceeded")
    assert _condition(sim, "Ready") == ("False", "RollbackSucceeded")
    assert _status(sim)["upgradeFailures"] == 2
    assert _history(sim)[0] == ("1.0.0", "deployed")
    await until(sim, lambda: {pod["spec"]["containers"][0]["image"] for pod in pods_of(sim)} == {"web:1"})


async def test_without_waiting_a_release_is_deployed_at_once(sim: SimulatedCluster, iac: FluxIac) -> None:
    iac.deploy("1.0.0", "web:never-ready")
    await sim.apply(*iac.flux_objects(install={"disableWait": True}))
    await _released(sim, "1.0.0")


async def test_a_template_that_fails_is_a_failed_release_without_a_revision(
    sim: SimulatedCluster, iac: FluxIac
) -> None:
    iac.deploy("1.0.0", bad='{{ fail "no such luck" }}')
    await sim.apply(*iac.flux_objects())
    await until(sim, lambda: _condition(sim, "Stalled")[0] == "True")
    assert _condition(sim, "Ready") == ("False", "InstallFailed")
    assert "no such luck" in _status(sim)["conditions"][0]["message"]
    assert _history(sim) == []


async def test_a_version_that_is_not_semver_stalls_the_chart_and_keeps_the_old_release(
    sim: SimulatedCluster, iac: FluxIac
) -> None:
    await _installed(sim, iac)
    iac.deploy("deadbeef", "web:2")
    await until(sim, lambda: _condition(sim, "Stalled", HELM_CHART)[0] == "True")
    assert _condition(sim, "Ready", HELM_CHART) == ("False", "InvalidChartReference")
    assert _condition(sim, "BuildFailed", HELM_CHART) == ("True", "InvalidChartReference")
    await until(sim, lambda: _condition(sim, "Ready") == ("False", "SourceNotReady"))
    assert _history(sim) == [("1.0.0", "deployed")]


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
    await until(sim, lambda: _condition(sim, "Stalled", HELM_CHART)[0] == "True")
    (condition,) = [item for item in _status(sim, HELM_CHART)["conditions"] if item["type"] == "Stalled"]
    assert problem in condition["message"]


async def test_other_content_under_the_same_version_changes_nothing(sim: SimulatedCluster, iac: FluxIac) -> None:
    await _installed(sim, iac)
    commit = iac.deploy("1.0.0", "web:2")
    await until(sim, lambda: _status(sim, HELM_CHART)["observedSourceArtifactRevision"] == f"main@sha1:{commit}")
    await until(sim, lambda: _condition(sim, "Ready", HELM_CHART)[0] == "True")
    assert _history(sim) == [("1.0.0", "deployed")]
    assert [pod["spec"]["containers"][0]["image"] for pod in pods_of(sim)] == ["web:1"]


async def test_with_the_strategy_revision_the_commit_is_part_of_the_version(
    sim: SimulatedCluster, iac: FluxIac
) -> None:
    commit = iac.deploy("1.0.0+build")
    await sim.apply(*iac.flux_objects(chart={"reconcileStrategy": "Revision"}))
    await _released(sim, f"1.0.0+{commit[:12]}")


async def test_values_are_rendered_and_a_change_of_them_is_an_upgrade(sim: SimulatedCluster, iac: FluxIac) -> None:
    await _installed(sim, iac)
    _spec(sim, HELM_RELEASE, values={"replicas": 2})
    await until(sim, lambda: _history(sim) == [("1.0.0", "deployed"), ("1.0.0", "superseded")])
    assert _status(sim)["observedGeneration"] == 2
    assert len(pods_of(sim)) == 2


async def test_a_change_that_renders_the_same_is_acknowledged_without_an_upgrade(
    sim: SimulatedCluster, iac: FluxIac
) -> None:
    await _installed(sim, iac)
    _spec(sim, HELM_RELEASE, timeout="10m")
    await until(sim, lambda: _status(sim)["observedGeneration"] == 2)
    assert _history(sim) == [("1.0.0", "deployed")]


@pytest.mark.parametrize("kind", [GIT_REPOSITORY, HELM_CHART, HELM_RELEASE])
async def test_suspended_objects_are_left_alone(sim: SimulatedCluster, iac: FluxIac, kind: Kind) -> None:
    await _installed(sim, iac)
    if kind is not HELM_CHART:
        _spec(sim, kind, suspend=True)
    else:
        _spec(sim, HELM_RELEASE, suspend=True)
        _spec(sim, HELM_CHART, suspend=True)
    before = _status(sim, kind)
    iac.deploy("1.1.0")
    _request(sim, kind, "now")
    _request(sim, GIT_REPOSITORY, "now")
    await _passed(sim)
    assert _status(sim, kind) == before
    assert _history(sim) == [("1.0.0", "deployed")]


async def test_a_request_to_reconcile_is_acknowledged(sim: SimulatedCluster, iac: FluxIac) -> None:
    await _installed(sim, iac)
    token = "2026-01-31T12:00:00Z"

    def handled() -> set[str]:
        return {_status(sim, kind).get("lastHandledReconcileAt", "") for kind in PLACES}

    for kind in PLACES:
        _request(sim, kind, token)
    await until(sim, lambda: handled() == {token})


async def test_a_request_is_quicker_than_the_interval(sim: SimulatedCluster, iac: FluxIac) -> None:
    await _installed(sim, iac)
    _spec(sim, GIT_REPOSITORY, interval="24h")
    await until(sim, lambda: _status(sim, GIT_REPOSITORY)["observedGeneration"] == 2)
    iac.deploy("1.1.0")
    _request(sim, GIT_REPOSITORY, "now")
    await _released(sim, "1.1.0")


async def test_a_branch_that_is_missing_fails_the_source(sim: SimulatedCluster, iac: FluxIac) -> None:
    repository, release = iac.flux_objects()
    repository["spec"]["ref"]["branch"] = "none"
    await sim.apply(repository, release)
    await until(sim, lambda: _condition(sim, "FetchFailed", GIT_REPOSITORY)[0] == "True")
    assert _condition(sim, "Ready", GIT_REPOSITORY) == ("False", "GitOperationFailed")
    await until(sim, lambda: _condition(sim, "Ready", HELM_CHART) == ("False", "NoSourceArtifact"))
    assert "unable to find branch 'none'" in str(_status(sim, GIT_REPOSITORY)["conditions"])


async def test_what_is_no_longer_in_the_chart_is_deleted(sim: SimulatedCluster, iac: FluxIac) -> None:
    iac.deploy("1.0.0", settings=SETTINGS)
    await sim.apply(*iac.flux_objects())
    await _released(sim, "1.0.0")
    assert sim.store.get(CONFIG_MAP, "shop", "settings") is not None
    iac.deploy("1.1.0", settings="")
    await _released(sim, "1.1.0")
    assert sim.store.get(CONFIG_MAP, "shop", "settings") is None


async def test_hooks_run_before_and_their_failure_is_the_release_s(sim: SimulatedCluster, iac: FluxIac) -> None:
    iac.deploy("1.0.0", hook=HOOK.replace("IMAGE", "migrate:1"))
    await sim.apply(*iac.flux_objects())
    await _released(sim, "1.0.0")
    iac.deploy("1.1.0", hook=HOOK.replace("IMAGE", "migrate:crash"))
    await until(sim, lambda: _condition(sim, "Ready") == ("False", "UpgradeFailed"))
    assert "pre-upgrade hooks failed: resource Job/shop/migrate not ready" in str(_status(sim)["conditions"])


async def test_release_and_target_names_follow_the_spec(sim: SimulatedCluster, iac: FluxIac) -> None:
    iac.deploy("1.0.0")
    sim.ensure_namespace("elsewhere")
    await sim.apply(*iac.flux_objects(targetNamespace="elsewhere"))
    await _released(sim, "1.0.0")
    assert sim.store.get(DEPLOYMENT, "elsewhere", "web") is not None
    assert helm_storage.history(sim.registry, "shop", "elsewhere-web")[0].namespace == "elsewhere"


async def test_a_deleted_release_is_uninstalled(sim: SimulatedCluster, iac: FluxIac) -> None:
    await _installed(sim, iac)
    sim.delete(HELM_RELEASE, "shop", "web")
    await until(sim, lambda: sim.store.get(HELM_RELEASE, "shop", "web") is None and not pods_of(sim))
    assert sim.store.get(DEPLOYMENT, "shop", "web") is None
    assert sim.store.get(HELM_CHART, "flux-system", "shop-web") is None
    assert helm_storage.history(sim.registry, "shop", "web") == []


async def test_a_release_waits_for_every_kind_of_workload(sim: SimulatedCluster, iac: FluxIac) -> None:
    kinds_of_workload = {"stateful": STATEFUL_SET, "daemon": DAEMON_SET}
    more = {name: yaml.safe_dump(workload(kind, "web:slow", name)) for name, kind in kinds_of_workload.items()}
    iac.deploy("1.0.0", job=yaml.safe_dump(job()), alone=yaml.safe_dump(pod("web:slow")), **more)
    await sim.apply(*iac.flux_objects())
    await _released(sim, "1.0.0")
    assert (sim.store.get(STATEFUL_SET, "shop", "stateful") or {})["status"]["readyReplicas"] == 1
    assert (sim.store.get(DAEMON_SET, "shop", "daemon") or {})["status"]["numberReady"] == 1
    assert (sim.store.get(JOB, "shop", "task") or {})["status"]["succeeded"] == 1


async def test_a_rollout_past_its_progress_deadline_fails_the_release_at_once(
    sim: SimulatedCluster, iac: FluxIac
) -> None:
    late = workload(DEPLOYMENT, "web:never-ready", "late", progressDeadlineSeconds=1)
    iac.deploy("1.0.0", late=yaml.safe_dump(late))
    await sim.apply(*iac.flux_objects(timeout="24h"))
    await until(sim, lambda: _condition(sim, "Ready") == ("False", "InstallFailed"))
    assert "Deployment/shop/late not ready. status: Failed, message: Progress deadline exceeded" in str(_status(sim))


async def test_a_chart_folder_that_is_missing_stalls(sim: SimulatedCluster, iac: FluxIac) -> None:
    await sim.apply(*iac.flux_objects())
    await until(sim, lambda: _condition(sim, "Stalled", HELM_CHART)[0] == "True")
    assert f"chart '{FOLDER}' not found in the source" in str(_status(sim, HELM_CHART))


async def test_a_new_folder_in_the_release_is_taken_over_by_its_chart(sim: SimulatedCluster, iac: FluxIac) -> None:
    await _installed(sim, iac)
    iac.commit({f"elsewhere/{path}": text for path, text in chart("2.0.0").items()})
    template = iac.flux_objects(chart={"chart": "elsewhere"})[1]["spec"]["chart"]
    _spec(sim, HELM_RELEASE, chart=template)
    await _released(sim, "2.0.0")
