from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from dag_gateway.helm import Helm
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.conditions import condition
from dag_gateway.simulator.kinds import CONFIG_MAP, GIT_REPOSITORY, HELM_RELEASE, KUSTOMIZATION, Key, Object
from dag_gateway.simulator.patches import merge_patch
from tests.fakes.flux_iac import FOLDER, FluxIac
from tests.fakes.flux_state import released, request
from tests.fakes.simulated import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\n"


@pytest_asyncio.fixture(loop_scope="module")
async def sim(helm: Helm) -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(pace=0.001) as sim, sim.follow_flux(helm), sim.follow_kustomize():
        yield sim


def settings(name: str = "settings") -> str:
    return SETTINGS.replace("NAME", name)


def objects(iac: FluxIac, **spec: Any) -> list[Object]:
    """The GitRepository, and the Kustomization ``flux-system/apps`` of the folder ``apps``."""
    return [
        iac.flux_objects()[0],
        {
            "apiVersion": KUSTOMIZATION.api_version,
            "kind": "Kustomization",
            "metadata": {"name": "apps", "namespace": "flux-system"},
            "spec": {
                "interval": "1m",
                "path": "./apps",
                "prune": True,
                "targetNamespace": "shop",
                "sourceRef": {"kind": "GitRepository", "name": "iac"},
                **spec,
            },
        },
    ]


async def started(sim: SimulatedCluster, iac: FluxIac, **spec: Any) -> None:
    sim.ensure_namespace("shop")
    await sim.apply(*objects(iac, **spec))


def status_of_apps(sim: SimulatedCluster) -> Object:
    status: Object = (sim.store.get(KUSTOMIZATION, "flux-system", "apps") or {}).get("status") or {}
    return status


def ready(sim: SimulatedCluster) -> tuple[str, str]:
    """Reason and message of Ready."""
    found = condition(status_of_apps(sim), "Ready") or {}
    return found.get("reason", ""), found.get("message", "")


async def reached(sim: SimulatedCluster, commit: str) -> None:
    await until(sim, lambda: status_of_apps(sim).get("lastAppliedRevision") == f"main@sha1:{commit}")


async def test_a_folder_is_applied_and_told_with_its_revision(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = iac.commit({"apps/settings.yaml": settings()})
    await started(sim, iac)
    await reached(sim, commit)
    status = status_of_apps(sim)
    assert ready(sim) == ("ReconciliationSucceeded", f"Applied revision: main@sha1:{commit}")
    assert (status["lastAttemptedRevision"], status["observedGeneration"]) == (f"main@sha1:{commit}", 1)
    assert status["inventory"] == {"entries": [{"id": "shop_settings__ConfigMap", "v": "v1"}]}
    applied = sim.store.get(CONFIG_MAP, "shop", "settings")
    assert applied is not None
    assert applied["metadata"]["labels"] == {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }


@pytest.mark.parametrize("prune", [True, False])
async def test_what_left_the_folder_is_deleted_where_that_is_asked_for(
    sim: SimulatedCluster, iac: FluxIac, prune: bool
) -> None:
    await started(sim, iac, prune=prune)
    await reached(sim, iac.commit({"apps/a.yaml": settings("first"), "apps/b.yaml": settings("second")}))
    await reached(sim, iac.commit({"apps/b.yaml": settings("third")}))
    assert (sim.store.get(CONFIG_MAP, "shop", "second") is None) == prune
    assert sim.store.get(CONFIG_MAP, "shop", "third") is not None


async def test_a_kustomization_file_chooses_the_files(sim: SimulatedCluster, iac: FluxIac) -> None:
    files = {"apps/kustomization.yaml": "resources: [./a.yaml]\n", "apps/a.yaml": settings("first")}
    await started(sim, iac)
    await reached(sim, iac.commit({**files, "apps/b.yaml": settings("second")}))
    assert sim.store.get(CONFIG_MAP, "shop", "first") is not None
    assert sim.store.get(CONFIG_MAP, "shop", "second") is None


@pytest.mark.parametrize(
    ("files", "reason", "words"),
    [
        (
            {"apps/a.yaml": "kind: ["},
            "BuildFailed",
            "kustomize build failed: failed to decode Kubernetes YAML from a.yaml",
        ),
        ({"apps/a.yaml": "- one\n"}, "BuildFailed", "it holds something else than objects"),
        ({"apps/a.yaml": "kind: ConfigMap\n"}, "BuildFailed", "missing kind or metadata.name"),
        ({"apps/kustomization.yaml": "resources: [b.yaml]\n"}, "BuildFailed", "accumulating resources from 'b.yaml'"),
        ({"other/a.yaml": settings()}, "ArtifactFailed", "kustomization path not found: apps"),
        ({"apps/a.yaml": settings("UPPER")}, "ReconciliationFailed", "dry-run failed"),
    ],
)
async def test_what_can_not_be_applied_is_told_with_the_reason(
    sim: SimulatedCluster, iac: FluxIac, files: dict[str, str], reason: str, words: str
) -> None:
    commit = iac.commit(files)
    await started(sim, iac)
    await until(sim, lambda: words in ready(sim)[1])
    assert ready(sim)[0] == reason
    status = status_of_apps(sim)
    assert "lastAppliedRevision" not in status
    assert (condition(status, "Reconciling") or {})["reason"] == "ProgressingWithRetry"
    repaired = iac.commit({"apps/a.yaml": settings("right"), "apps/kustomization.yaml": "resources: [a.yaml]\n"})
    assert repaired != commit
    await reached(sim, repaired)
    assert condition(status_of_apps(sim), "Reconciling") is None


async def test_a_missing_source_is_waited_for(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = iac.commit({"apps/settings.yaml": settings()})
    await started(sim, iac, sourceRef={"kind": "GitRepository", "name": "later"})
    await until(sim, lambda: ready(sim)[0] == "ArtifactFailed")
    source = iac.flux_objects()[0]
    await sim.apply({**source, "metadata": {**source["metadata"], "name": "later"}})
    await reached(sim, commit)


async def test_a_health_check_that_fails_is_told(sim: SimulatedCluster, iac: FluxIac) -> None:
    iac.commit({"apps/task.yaml": _JOB})
    await started(sim, iac, wait=True)
    await until(sim, lambda: ready(sim)[0] == "HealthCheckFailed")
    assert "resource Job/shop/task not ready. status: Failed" in ready(sim)[1]


async def test_a_suspended_one_is_left_alone_until_it_is_resumed(sim: SimulatedCluster, iac: FluxIac) -> None:
    first = iac.commit({"apps/settings.yaml": settings()})
    await started(sim, iac)
    await reached(sim, first)
    await started(sim, iac, suspend=True)
    second = iac.commit({"apps/more.yaml": settings("more")})
    request(sim, GIT_REPOSITORY, "now")
    source = Key(GIT_REPOSITORY, "flux-system", "iac")
    await until(sim, lambda: sim.registry.read(source)["status"]["artifact"]["revision"] == f"main@sha1:{second}")
    assert status_of_apps(sim)["lastAppliedRevision"] == f"main@sha1:{first}"
    await started(sim, iac, suspend=False)
    await reached(sim, second)


async def test_a_request_to_reconcile_is_acknowledged(sim: SimulatedCluster, iac: FluxIac) -> None:
    await started(sim, iac)
    await reached(sim, iac.commit({"apps/settings.yaml": settings()}))
    asked = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}
    sim.registry.edit(Key(KUSTOMIZATION, "flux-system", "apps"), lambda item: merge_patch(item, asked))
    await until(sim, lambda: status_of_apps(sim).get("lastHandledReconcileAt") == "now")


async def test_a_release_can_be_delivered_by_a_kustomization(sim: SimulatedCluster, iac: FluxIac) -> None:
    release = iac.flux_objects()[1]
    text = f"apiVersion: {release['apiVersion']}\nkind: HelmRelease\nmetadata: {{name: web}}\nspec: {release['spec']}\n"
    iac.deploy("1.0.0")
    iac.commit({"apps/web.yaml": text.replace("'", '"')})
    await started(sim, iac)
    await released(sim, "1.0.0")
    found = sim.store.get(HELM_RELEASE, "shop", "web") or {}
    assert found["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "apps"
    assert found["spec"]["chart"]["spec"]["chart"] == FOLDER


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: task}
spec:
  backoffLimit: 0
  template: {spec: {restartPolicy: Never, containers: [{name: main, image: "task:crash"}]}}
"""
