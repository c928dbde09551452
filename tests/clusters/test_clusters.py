import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from dag_gateway.clock import Clock, SystemClock
from dag_gateway.clusters import Clusters, ClusterUnreachable
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Health, Verdict
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Baseline
from dag_gateway.simulator import kinds
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster as flux
from tests.fakes.cluster_api import api_of, lagging
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import GOAL, OURS, PATH, TARGET, is_ours
from tests.fakes.followed import followed, following


@asynccontextmanager
async def opened(sim: SimulatedCluster, clock: Clock | None = None) -> AsyncIterator[Clusters]:
    settings = {"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}
    async with Clusters(settings, clock or SystemClock()) as clusters:
        yield clusters


@asynccontextmanager
async def cluster() -> AsyncIterator[tuple[SimulatedCluster, Clusters]]:
    """A cluster where the old release runs."""
    async with simulated_cluster(controllers=False) as sim, opened(sim, FastClock(50)) as clusters:
        await flux.old_release(sim)
        yield sim, clusters


async def test_the_baseline_is_what_flux_released_last() -> None:
    async with cluster() as (_, clusters):
        assert await clusters.baseline(TARGET, PATH) == Baseline("1.0.0", 1)


async def test_a_helm_release_that_does_not_exist_yet_is_a_fine_baseline() -> None:
    async with simulated_cluster(controllers=False) as sim, opened(sim) as clusters:
        assert await clusters.baseline(TARGET, PATH) == Baseline()


async def test_a_helm_release_that_has_released_nothing_is_an_empty_baseline() -> None:
    async with simulated_cluster(controllers=False) as sim, opened(sim) as clusters:
        await flux.helm_release(sim, {"": ""})
        obj = sim.store.get(kinds.HELM_RELEASE, "shop", "web")
        assert obj is not None
        await sim.apply({**obj, "status": {}})
        assert await clusters.baseline(TARGET, PATH) == Baseline()


async def test_a_suspended_source_is_told_before_the_push() -> None:
    async with cluster() as (sim, clusters):
        await flux.git_repository(sim, OURS, suspend=True)
        with pytest.raises(StepFailed, match=r"GitRepository flux-system/iac is suspended") as caught:
            await clusters.baseline(TARGET, PATH)

    assert caught.value.reason is Reason.SUSPENDED


async def test_a_release_from_an_oci_repository_is_told_before_the_push() -> None:
    async with cluster() as (sim, clusters):
        await flux.helm_release(sim, {"1.0.0": "deployed"}, chart=None, chartRef={"kind": "OCIRepository", "name": "w"})
        with pytest.raises(StepFailed, match=r"takes its chart from spec.chartRef") as caught:
            await clusters.baseline(TARGET, PATH)

    assert caught.value.reason is Reason.CONFIG_ERROR


@pytest.mark.parametrize(
    ("plural", "group"), [("helmreleases", "helm.toolkit.fluxcd.io"), ("pods", ""), ("statefulsets", "apps")]
)
async def test_a_missing_permission_is_told_before_the_push(plural: str, group: str) -> None:
    async with cluster() as (sim, clusters):
        sim.faults.forbidden.add(("list", plural))
        with pytest.raises(StepFailed, match=rf'apiGroups: \["{group}"\], resources: \["{plural}"\]') as caught:
            await clusters.baseline(TARGET, PATH)

    assert caught.value.reason is Reason.CONFIG_ERROR


async def test_a_cluster_without_flux_is_told_before_the_push() -> None:
    async with cluster() as (sim, clusters):
        sim.faults.missing_groups.add("helm.toolkit.fluxcd.io")
        with pytest.raises(StepFailed, match=r"does not know HelmRelease .*`flux install`"):
            await clusters.baseline(TARGET, PATH)


async def test_a_cluster_that_is_away_may_be_asked_again() -> None:
    async with cluster() as (sim, clusters):
        sim.unavailable = True
        with pytest.raises(ClusterUnreachable, match=r"cluster production does not answer"):
            await clusters.baseline(TARGET, PATH)
        sim.unavailable = False
        assert await clusters.baseline(TARGET, PATH) == Baseline("1.0.0", 1)


async def test_a_kubeconfig_that_is_missing_fails_the_rollout(tmp_path: Path) -> None:
    settings = {"production": ClusterSettings(kubeconfig=tmp_path / "none")}
    async with Clusters(settings, SystemClock()) as clusters:
        told = [health async for health in clusters.follow(TARGET, GOAL, is_ours)]

    assert [health.reason for health in told] == [Reason.CONFIG_ERROR]
    assert str(tmp_path / "none") in told[0].message


async def test_all_targets_of_a_cluster_share_one_connection() -> None:
    async with cluster() as (_, clusters):
        assert await asyncio.gather(*[clusters.baseline(TARGET, PATH) for _ in range(3)]) == [Baseline("1.0.0", 1)] * 3


async def test_dropped_and_expired_watches_are_not_noticed_by_anybody() -> None:
    async with cluster() as (sim, clusters), followed(clusters.follow(TARGET, GOAL, is_ours)) as rollout:
        await rollout.message("waits for c0ffee000000")
        for step in (flux.upgrading, flux.our_release):
            sim.drop_watches()
            await step(sim)
            sim.expire_history()
        assert (await rollout.end()).verdict is Verdict.HEALTHY

    assert Verdict.UNKNOWN not in [health.verdict for health in rollout.told]


async def test_a_deadline_around_the_rollout_ends_it() -> None:
    async with cluster() as (_, clusters), aclosing(clusters.follow(TARGET, GOAL, is_ours)) as healths:
        with pytest.raises(TimeoutError):
            await collected(healths)


async def collected(healths: AsyncGenerator[Health, None]) -> list[Health]:
    async with asyncio.timeout(0.2):
        return [health async for health in healths]


async def test_a_watch_that_runs_behind_does_not_show_the_old_workloads_as_ours() -> None:
    behind = asyncio.Event()

    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token, kind=lagging(behind)) as api:
        await flux.old_release(sim)
        async with following(api, TARGET, GOAL, is_ours) as rollout:
            await rollout.message("waits for c0ffee000000")
            await flux.deployment(sim, "web:2", updated=1)
            await flux.our_release(sim)
            await rollout.message("web: 0/2 pods ready (1 of 2 updated)")
            assert all(health.verdict is Verdict.PROGRESSING for health in rollout.told)
            await flux.deployment(sim, "web:2")
            behind.set()
            assert (await rollout.end()).verdict is Verdict.HEALTHY


async def test_a_descendant_of_our_commit_is_as_good_as_ours() -> None:
    later = replace(GOAL, commit="1" * 40)

    async def contains(commit: str) -> bool:
        return commit == OURS

    async with cluster() as (sim, clusters):
        await flux.our_release(sim)
        async with followed(clusters.follow(TARGET, later, contains)) as rollout:
            assert (await rollout.end()).verdict is Verdict.HEALTHY


async def test_a_permission_that_is_taken_away_fails_the_rollout_with_the_rule() -> None:
    async with cluster() as (sim, clusters):
        sim.faults.forbidden.add(("list", "pods"))
        async with followed(clusters.follow(TARGET, GOAL, is_ours)) as rollout:
            end = await rollout.end()

    assert end.reason is Reason.CONFIG_ERROR
    assert "does not let the gateway list pods in namespace shop" in end.message


async def test_flux_giving_up_is_told_with_what_its_pods_say() -> None:
    async with cluster() as (sim, clusters):
        await flux.upgrading(sim)
        owner = await flux.deployment(sim, "web:2", updated=1)
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}}
        await flux.pod(sim, owner, {"phase": "Pending", "containerStatuses": [{"name": "app", "state": waiting}]})
        timed_out = flux.condition("Ready", "False", "UpgradeFailed", "context deadline exceeded")
        await flux.helm_release(sim, {"1.1.0": "failed", "1.0.0": "deployed"}, timed_out)
        async with followed(clusters.follow(TARGET, GOAL, is_ours)) as rollout:
            end = await rollout.end()

    assert end.reason is Reason.IMAGE_PULL
    assert end.message == (
        "HelmRelease shop/web failed (UpgradeFailed: context deadline exceeded);"
        " pod web-2-a (namespace shop), container app: ImagePullBackOff: no such tag"
    )


async def test_a_nudge_asks_the_source_once() -> None:
    async with cluster() as (sim, clusters):
        target = replace(TARGET, nudge=True)
        async with followed(clusters.follow(target, GOAL, is_ours)) as rollout:
            await rollout.message("waits for c0ffee000000")
            await flux.our_release(sim)
            await rollout.end()

    patched = [path.rpartition("/")[0].rpartition("/")[2] for method, path in sim.request_log if method == "PATCH"]
    assert patched == ["gitrepositories"]


async def test_a_nudge_that_is_refused_is_a_hint_and_no_failure() -> None:
    async with cluster() as (sim, clusters):
        sim.faults.forbidden.add(("patch", "gitrepositories"))
        async with followed(clusters.follow(replace(TARGET, nudge=True), GOAL, is_ours)) as rollout:
            told = await rollout.message("could not ask for an immediate reconciliation")
            await flux.our_release(sim)
            end = await rollout.end()

    assert 'resources: ["gitrepositories"], verbs: ["patch"]' in told.message
    assert end.verdict is Verdict.HEALTHY


async def test_a_release_that_does_not_exist_yet_is_followed_from_its_birth() -> None:
    async with simulated_cluster(controllers=False) as sim, opened(sim) as clusters:
        goal = replace(GOAL, baseline=Baseline())
        async with followed(clusters.follow(replace(TARGET, nudge=True), goal, is_ours)) as rollout:
            await rollout.message("the HelmRelease does not exist yet")
            await flux.our_release(sim)
            end = await rollout.end()

    assert end.verdict is Verdict.HEALTHY
    assert end.message == "not judged: which objects belong to the release is not known"


async def test_a_permission_that_is_taken_away_before_the_proof_fails_the_rollout() -> None:
    async with cluster() as (sim, clusters), followed(clusters.follow(TARGET, GOAL, is_ours)) as rollout:
        await rollout.message("waits for c0ffee000000")
        sim.faults.forbidden.add(("list", "jobs"))
        await flux.our_release(sim)
        end = await rollout.end()

    assert end.reason is Reason.CONFIG_ERROR
    assert 'resources: ["jobs"]' in end.message


async def test_a_permission_that_is_back_before_long_costs_only_time() -> None:
    async with cluster() as (sim, clusters), followed(clusters.follow(TARGET, GOAL, is_ours)) as rollout:
        await rollout.message("waits for c0ffee000000")
        sim.faults.forbidden.add(("list", "jobs"))
        await flux.our_release(sim)
        assert "does not let the gateway list jobs" in (await rollout.verdict(Verdict.UNKNOWN)).message
        sim.faults.forbidden.clear()
        assert (await rollout.end()).verdict is Verdict.HEALTHY


async def test_a_cluster_that_the_config_no_longer_has_is_named() -> None:
    gone = replace(TARGET, cluster="attic")
    async with cluster() as (_, clusters):
        with pytest.raises(StepFailed, match=r"the config has no cluster 'attic': add it to clusters"):
            await clusters.baseline(gone, PATH)
        async with followed(clusters.follow(gone, GOAL, is_ours)) as rollout:
            assert (await rollout.end()).reason is Reason.CONFIG_ERROR


async def test_content_that_was_replaced_ends_the_rollout() -> None:
    async def contains(commit: str) -> bool:
        raise StepFailed(Reason.SUPERSEDED, f"commit {commit[:6]} put something else there")

    async with cluster() as (_, clusters), followed(clusters.follow(TARGET, GOAL, contains)) as rollout:
        end = await rollout.end()

    assert (end.reason, end.message) == (Reason.SUPERSEDED, "commit badc0d put something else there")


JOB_FAILED = "2026-01-31T12:00:09Z"


async def test_a_job_of_ours_that_failed_fails_the_rollout() -> None:
    async with cluster() as (sim, clusters):
        await flux.upgrading(sim)
        metadata = {"name": "migrate", "namespace": "shop", "labels": flux.LABELS}
        spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "web:2"}]}}}
        broken = {**flux.condition("Failed", "True", "BackoffLimitExceeded"), "lastTransitionTime": JOB_FAILED}
        await flux.put(
            sim, {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}, {"conditions": [broken]}
        )
        async with followed(clusters.follow(TARGET, GOAL, is_ours)) as rollout:
            end = await rollout.end()

    assert (end.reason, end.message) == (Reason.ROLLOUT_FAILED, "migrate: job failed (BackoffLimitExceeded)")
