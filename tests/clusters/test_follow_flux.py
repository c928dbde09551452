from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from dag_gateway.clock import Clock
from dag_gateway.clusters import Clusters
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Verdict
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Baseline, Target
from dag_gateway.simulator import kinds
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster as flux
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import GOAL, OURS, PATH, TARGET, is_ours
from tests.fakes.followed import Followed, followed

APPLIED_BY = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
SUSPENDED = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "apps", "namespace": "flux-system"},
    "spec": {"path": "./apps", "suspend": True, "sourceRef": {"kind": "GitRepository", "name": "iac"}},
}


@asynccontextmanager
async def following(
    sim: SimulatedCluster, clock: Clock | None = None, target: Target = TARGET
) -> AsyncIterator[Followed]:
    settings = {"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}
    async with (
        Clusters(settings, clock or FastClock(50)) as clusters,
        followed(clusters.follow(target, GOAL, is_ours)) as listener,
    ):
        yield listener


async def test_an_old_healthy_release_is_never_taken_for_ours() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.old_release(sim)
        async with following(sim) as rollout:
            await rollout.message("waits for c0ffee000000")
            await flux.git_repository(sim, OURS)
            await rollout.message("was not built from our commit yet")
            await flux.helm_chart(sim, OURS, "1.1.0")
            await rollout.message("has not begun with our chart")
            await flux.upgrading(sim)
            await rollout.message("Running 'upgrade' action")
            await flux.deployment(sim, "web:2", ready=2, updated=1)
            await rollout.message("1 of 2 updated")
            await flux.our_release(sim)
            await rollout.message("web: 0/2 pods ready (1 of 2 updated)")
            assert all(health.verdict is Verdict.PROGRESSING for health in rollout.told)
            await flux.deployment(sim, "web:2")
            assert (await rollout.end()).message == "web: 2/2 pods ready"

    assert rollout.told[-1].verdict is Verdict.HEALTHY
    assert (rollout.told[-1].ready, rollout.told[-1].desired) == (2, 2)


async def test_a_crash_loop_of_our_pods_fails_the_rollout_with_its_last_lines() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.old_release(sim)
        await flux.upgrading(sim)
        owner = await flux.deployment(sim, "web:2", updated=1)
        async with following(sim) as rollout:
            await rollout.message("1 of 2 updated")
            await flux.pod(sim, owner, crash_loop())
            end = await rollout.end()

    assert end.reason is Reason.CRASH_LOOP
    assert end.message.startswith(
        "pod web-2-a (namespace shop), container app: CrashLoopBackOff after 3 restarts, Error, exit code 1"
    )


async def test_an_image_that_can_not_be_pulled_fails_only_after_its_grace() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.upgrading(sim)
        owner = await flux.deployment(sim, "web:2", updated=1)
        waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
        await flux.pod(sim, owner, {"phase": "Pending", "containerStatuses": [{"name": "app", "state": waiting}]})
        async with following(sim, FastClock(200)) as rollout:
            end = await rollout.end()

    assert end.reason is Reason.IMAGE_PULL
    assert end.message == "pod web-2-a (namespace shop), container app: ErrImagePull: not found"
    assert [health.verdict for health in rollout.told[:-1]] == [Verdict.PROGRESSING] * (len(rollout.told) - 1)
    assert "1 of 2 updated" in rollout.told[-2].message


async def test_content_that_failed_before_is_tried_again_when_flux_is_asked() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.our_release(sim)
        refused = flux.condition("Ready", "False", "UpgradeFailed", "quota")
        await flux.helm_release(sim, {"1.1.0": "failed", "1.0.0": "deployed"}, refused)
        async with following(sim, target=replace(TARGET, nudge=True)) as rollout:
            await rollout.message("our release is failed (UpgradeFailed: quota)")
            asked = annotations(sim)
            assert asked["reconcile.fluxcd.io/resetAt"] == asked["reconcile.fluxcd.io/requestedAt"]
            await flux.our_release(sim)
            assert (await rollout.end()).verdict is Verdict.HEALTHY


async def test_content_that_failed_before_fails_at_once_where_nobody_may_ask() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.our_release(sim)
        refused = flux.condition("Ready", "False", "UpgradeFailed", "quota")
        await flux.helm_release(sim, {"1.1.0": "failed", "1.0.0": "deployed"}, refused)
        async with following(sim) as rollout:
            assert (await rollout.end()).reason is Reason.ROLLOUT_FAILED


async def test_a_suspended_kustomization_is_told_before_the_push() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.old_release(sim)
        release = sim.store.get(kinds.HELM_RELEASE, "shop", "web") or {}
        await sim.apply({**release, "metadata": {**release["metadata"], "labels": APPLIED_BY}})
        settings = {"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}
        async with Clusters(settings, FastClock(50)) as clusters:
            assert await clusters.baseline(TARGET, PATH) == Baseline("1.0.0", 1)
            await sim.apply(SUSPENDED)
            with pytest.raises(StepFailed, match=r"Kustomization flux-system/apps, .* is suspended") as caught:
                await clusters.baseline(TARGET, PATH)
            sim.faults.forbidden.add(("list", "kustomizations"))
            assert await clusters.baseline(TARGET, PATH) == Baseline("1.0.0", 1)

    assert caught.value.reason is Reason.SUSPENDED


async def test_a_release_that_has_failed_with_the_chart_before_ours_is_not_made_to_try_that_again() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.old_release(sim)
        failed = flux.condition("Ready", "False", "UpgradeFailed", "timeout")
        gave_up = flux.condition("Stalled", "True", "RetriesExceeded", "Failed to upgrade after 1 attempt(s)")
        await flux.helm_release(sim, {"1.0.0": "failed"}, failed, gave_up)
        async with following(sim, target=replace(TARGET, nudge=True)) as rollout:
            await rollout.message("waits for c0ffee000000")
            await flux.our_release(sim)
            await flux.deployment(sim, "web:2")
            await rollout.end()

    assert patched(sim) == ["gitrepositories"]


async def test_a_source_that_is_born_later_is_asked_when_it_is_there() -> None:
    async with simulated_cluster(controllers=False) as sim, following(sim, target=replace(TARGET, nudge=True)) as told:
        await told.message("the HelmRelease does not exist yet")
        await flux.helm_release(sim, {"1.0.0": "deployed"})
        await told.message("the GitRepository does not exist yet")
        await flux.git_repository(sim, OURS)
        await told.message("the HelmChart does not exist yet")

        assert patched(sim) == ["gitrepositories"]


def patched(sim: SimulatedCluster) -> list[str]:
    """The kinds that were written to, in this order."""
    return [path.rpartition("/")[0].rpartition("/")[2] for method, path in sim.request_log if method == "PATCH"]


def annotations(sim: SimulatedCluster) -> dict[str, str]:
    release = sim.store.get(kinds.HELM_RELEASE, "shop", "web") or {}
    found: dict[str, str] = release["metadata"].get("annotations", {})
    return found


def crash_loop() -> dict[str, object]:
    last = {"terminated": {"exitCode": 1, "reason": "Error"}}
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    container = {"name": "app", "restartCount": 3, "state": waiting, "lastState": last}
    return {"phase": "Running", "containerStatuses": [container]}
