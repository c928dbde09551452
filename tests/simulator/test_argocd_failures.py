from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dag_gateway.helm import Helm
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.kinds import APPLICATION, DEPLOYMENT, JOB, Object
from tests.fakes.argocd_state import (
    application,
    applied,
    argo_condition,
    argo_status,
    health_word,
    live,
    operation_of,
    refreshed,
    sync_of,
)
from tests.fakes.flux_iac import FOLDER, FluxIac
from tests.fakes.simulated import pods_of, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_ONCE = {"automated": {}, "retry": {"limit": 0}, "syncOptions": ["CreateNamespace=true"]}
BROKEN = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: broken}\nspec: {}\n"
HOOK = """\
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {"helm.sh/hook": "EVENT"}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "IMAGE"}]
"""


@pytest_asyncio.fixture(loop_scope="module")
async def sim(helm: Helm) -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(pace=0.001) as sim, sim.follow_argocd(helm):
        yield sim


def hook(event: str, image: str) -> str:
    return HOOK.replace("EVENT", event).replace("IMAGE", image)


async def ended(sim: SimulatedCluster, commit: str) -> None:
    """The operation for a commit has ended."""
    await until(
        sim,
        lambda: (
            (operation_of(sim).get("syncResult") or {}).get("revision") == commit and "finishedAt" in operation_of(sim)
        ),
    )


async def test_a_sync_that_fails_is_retried_while_its_phase_stays_running(sim: SimulatedCluster, iac: FluxIac) -> None:
    await applied(sim, iac)
    commit = iac.deploy("1.1.0", "web:2", broken=BROKEN)
    await until(sim, lambda: operation_of(sim).get("retryCount") == 1)
    assert operation_of(sim)["phase"] == "Running"
    assert "Retrying attempt #1" in operation_of(sim)["message"]
    await ended(sim, commit)
    state = operation_of(sim)
    assert (state["phase"], state["retryCount"]) == ("Failed", 5)
    assert 'Deployment.apps "broken" is invalid' in state["message"]
    assert state["message"].endswith("(retried 5 times).")
    results = {entry["name"]: entry["status"] for entry in state["syncResult"]["resources"]}
    assert results == {"web": "Synced", "broken": "SyncFailed"}


async def test_a_revision_that_failed_is_never_synced_again(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = iac.deploy("1.0.0", broken=BROKEN)
    await sim.apply(application(iac, syncPolicy={"automated": {}, "retry": {"limit": 0}}))
    sim.ensure_namespace("shop")
    await ended(sim, commit)
    finished = operation_of(sim)["finishedAt"]
    assert "retryCount" not in operation_of(sim)
    await refreshed(sim)
    await until(sim, lambda: argo_condition(sim, "SyncError"))
    assert commit in argo_condition(sim, "SyncError")
    assert (sync_of(sim), operation_of(sim)["finishedAt"]) == (("OutOfSync", commit), finished)
    repaired = iac.deploy("1.0.1", broken="")
    await refreshed(sim)
    await live(sim, repaired)
    assert argo_condition(sim, "SyncError") == ""


async def test_a_chart_that_does_not_render_is_a_comparison_error(sim: SimulatedCluster, iac: FluxIac) -> None:
    await applied(sim, iac)
    iac.deploy("1.1.0", bad='{{ fail "no such luck" }}')
    await refreshed(sim)
    assert "no such luck" in argo_condition(sim, "ComparisonError")
    assert argo_condition(sim, "ComparisonError").startswith("Failed to load target state: failed to generate manifest")
    assert (sync_of(sim), health_word(sim)) == (("Unknown", ""), "Healthy")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"targetRevision": "none"}, "unable to resolve 'none' to a commit SHA"),
        ({"path": "nowhere"}, "nowhere: app path does not exist"),
        ({"chart": "web"}, "chart repositories are not simulated"),
        ({"helm": {"valueFiles": ["more.yaml"]}}, "more.yaml: no such file or directory"),
        ({"helm": {"valueFiles": ["$other/values/web.yaml"]}}, r"$other/values/web.yaml: no such file or directory"),
    ],
)
async def test_a_source_that_can_not_be_read_is_a_comparison_error(
    sim: SimulatedCluster, iac: FluxIac, change: dict[str, object], problem: str
) -> None:
    iac.deploy("1.0.0")
    item = application(iac)
    item["spec"]["source"] |= change
    await sim.apply(item)
    await until(sim, lambda: problem in argo_condition(sim, "ComparisonError"))
    assert sync_of(sim) == ("Unknown", "")


async def test_a_spec_without_a_path_is_invalid(sim: SimulatedCluster, iac: FluxIac) -> None:
    await sim.apply(application(iac, source={"repoURL": f"file://{iac.path}"}))
    await until(sim, lambda: argo_condition(sim, "InvalidSpecError"))
    assert (sync_of(sim)[0], health_word(sim)) == ("Unknown", "Unknown")
    assert "spec.source.path" in argo_condition(sim, "InvalidSpecError")


async def test_a_hook_before_the_sync_that_fails_stops_it(sim: SimulatedCluster, iac: FluxIac) -> None:
    await applied(sim, iac, syncPolicy=_ONCE)
    commit = iac.deploy("1.1.0", "web:2", migrate=hook("pre-upgrade", "task:crash"))
    await ended(sim, commit)
    (result,) = operation_of(sim)["syncResult"]["resources"]
    assert (operation_of(sim)["phase"], result["hookType"], result["hookPhase"]) == ("Failed", "PreSync", "Failed")
    assert pods_of(sim, "web:2") == []


async def test_a_hook_that_is_refused_fails_the_sync(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = iac.deploy("1.0.0", migrate=hook("pre-install", "task:1").replace("name: migrate", "name: UPPER"))
    await sim.apply(application(iac, syncPolicy=_ONCE))
    await ended(sim, commit)
    assert operation_of(sim)["phase"] == "Failed"
    assert 'Job.batch "UPPER" is invalid' in operation_of(sim)["message"]


async def test_a_hook_after_the_sync_does_not_run_when_the_workloads_fail(sim: SimulatedCluster, iac: FluxIac) -> None:
    late = "{name: late}\nspec:\n  progressDeadlineSeconds: 1\n  selector: {matchLabels: {app: late}}\n"
    pods = "  template: {metadata: {labels: {app: late}}, spec: {containers: [{name: main, image: 'web:crash'}]}}\n"
    text = f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {late}{pods}"
    commit = iac.deploy("1.0.0", late=text, migrate=hook("post-install", "task:1"))
    await sim.apply(application(iac, syncPolicy=_ONCE))
    await ended(sim, commit)
    assert "resource Deployment/shop/late not ready. status: Failed" in operation_of(sim)["message"]
    assert sim.store.get(JOB, "shop", "migrate") is None


async def test_a_hook_after_the_sync_waits_for_the_workloads(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = iac.deploy("1.0.0", "web:slow", migrate=hook("post-install", "task:1"))
    await sim.apply(application(iac))
    await live(sim, commit)
    results = [(entry["name"], entry["hookPhase"]) for entry in operation_of(sim)["syncResult"]["resources"]]
    assert results == [("web", "Running"), ("migrate", "Succeeded")]


async def test_the_namespace_is_made_only_where_that_is_asked_for(sim: SimulatedCluster, iac: FluxIac) -> None:
    commit = iac.deploy("1.0.0")
    policy = {"automated": {}, "retry": {"limit": 0}}
    destination = {"name": "in-cluster", "namespace": "elsewhere"}
    await sim.apply(application(iac, syncPolicy=policy, destination=destination))
    await ended(sim, commit)
    assert 'namespaces "elsewhere" not found' in operation_of(sim)["message"]


async def test_a_pod_that_crashes_leaves_the_health_at_progressing(sim: SimulatedCluster, iac: FluxIac) -> None:
    await applied(sim, iac)
    commit = iac.deploy("1.1.0", "web:crash")
    await ended(sim, commit)
    await until(sim, lambda: health_word(sim) == "Progressing")
    (resource,) = argo_status(sim)["resources"]
    assert resource["health"]["message"].startswith("Waiting for rollout to finish: ")


async def test_a_deployment_past_its_deadline_is_degraded(sim: SimulatedCluster, iac: FluxIac) -> None:
    deployment = "{name: broken}\nspec:\n  progressDeadlineSeconds: 1\n  selector: {matchLabels: {app: broken}}\n"
    pods = "  template: {metadata: {labels: {app: broken}}, spec: {containers: [{name: main, image: 'web:crash'}]}}\n"
    iac.deploy("1.0.0", broken=f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {deployment}{pods}")
    await sim.apply(application(iac))
    await until(sim, lambda: health_word(sim) == "Degraded")


async def test_for_a_while_after_a_sync_the_old_health_stays(helm: Helm, iac: FluxIac) -> None:
    async with simulated_cluster(pace=0.001) as sim, sim.follow_argocd(helm, stale=100):
        await applied(sim, iac)
        before = sim.store.version
        commit = iac.deploy("1.1.0", "web:crash")
        await until(sim, lambda: health_word(sim) == "Progressing")
        told = [change.item["status"] for change in sim.store.since(before) if change.key.kind is APPLICATION]
    stale = [status for status in told if is_ours(status, commit) and status["health"]["status"] == "Healthy"]
    assert stale, "the old health beside the new revision"
    assert all(status["reconciledAt"] <= status["operationState"]["finishedAt"] for status in stale)
    fresh = told[-1]
    assert fresh["reconciledAt"] >= fresh["operationState"]["finishedAt"]
    assert is_ours(fresh, commit)


def is_ours(status: Object, commit: str) -> bool:
    """Synced to the commit, by an operation that succeeded."""
    sync, state = status["sync"], status["operationState"]
    return (sync["status"], sync["revision"], state["phase"]) == ("Synced", commit, "Succeeded")


async def test_sources_are_read_at_the_folder_that_the_spec_names(sim: SimulatedCluster, iac: FluxIac) -> None:
    await applied(sim, iac)
    iac.commit({f"other/{name}": text for name, text in {"plain.yaml": BROKEN.replace("broken", "web")}.items()})
    item = application(iac)
    item["spec"]["source"]["path"] = "other"
    item["spec"]["syncPolicy"] = {}
    await sim.apply(item)
    await until(sim, lambda: argo_status(sim)["sync"]["comparedTo"]["source"]["path"] == "other")
    assert FOLDER not in str(argo_status(sim)["sync"])
    assert sim.store.get(DEPLOYMENT, "shop", "web") is not None
