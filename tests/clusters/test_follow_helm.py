import re
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
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import is_ours
from tests.fakes.followed import Followed, followed
from tests.fakes.helm_cluster import GOAL, TARGET, manifest_deployment, release
from tests.fakes.manual_clock import ManualClock

SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
CERTIFICATE = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "web"}}
PORT = {"port": 80}
BROKEN = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "sh.helm.release.v1.web.v1",
        "namespace": "shop",
        "labels": {"owner": "helm", "name": "web", "status": "deployed", "version": "1"},
    },
    "data": {"release": "bm90aGluZw=="},
}


@asynccontextmanager
async def opened(sim: SimulatedCluster, clock: Clock | None = None) -> AsyncIterator[Clusters]:
    settings = {"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}
    async with Clusters(settings, clock or FastClock(50)) as clusters:
        yield clusters


@asynccontextmanager
async def following(
    sim: SimulatedCluster, target: Target = TARGET, clock: Clock | None = None
) -> AsyncIterator[Followed]:
    async with opened(sim, clock) as clusters, followed(clusters.follow(target, GOAL, is_ours)) as listener:
        yield listener


async def test_the_baseline_is_the_newest_revision() -> None:
    async with simulated_cluster(controllers=False) as sim, opened(sim) as clusters:
        assert await clusters.baseline(TARGET, "clusters/web") == Baseline()
        await release(sim, 9, "0.9.0", "superseded")
        await release(sim, 10, "1.0.0", "deployed", manifest_deployment("web:1"))
        assert await clusters.baseline(TARGET, "clusters/web") == Baseline("1.0.0", 10)


async def test_a_release_that_can_not_be_read_is_told_before_the_push() -> None:
    async with simulated_cluster(controllers=False) as sim, opened(sim) as clusters:
        await sim.apply(BROKEN)
        with pytest.raises(
            StepFailed, match=r"Secret sh.helm.release.v1.web.v1 does not hold a Helm release"
        ) as caught:
            await clusters.baseline(TARGET, "clusters/web")

    assert caught.value.reason is Reason.CONFIG_ERROR


async def test_missing_permission_to_read_releases_is_told_before_the_push() -> None:
    async with simulated_cluster(controllers=False) as sim, opened(sim) as clusters:
        sim.faults.forbidden.add(("list", "secrets"))
        with pytest.raises(StepFailed, match=r'resources: \["secrets"\], verbs: \["list", "watch"\]'):
            await clusters.baseline(TARGET, "clusters/web")


async def test_a_release_is_proven_by_its_record_and_the_objects_of_its_manifest() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await release(sim, 1, "1.0.0", "deployed", manifest_deployment("web:1"))
        await flux_cluster.deployment(sim, "web:1")
        async with following(sim) as rollout:
            await rollout.message("revision 1 holds 1.0.0 (deployed), not 1.1.0")
            manifest = (manifest_deployment("web:2"), SERVICE, CERTIFICATE)
            await release(sim, 2, "1.1.0", "pending-upgrade", *manifest)
            await rollout.message("revision 2 of 1.1.0 is pending-upgrade")
            await flux_cluster.deployment(sim, "web:2", updated=1)
            await release(sim, 1, "1.0.0", "superseded", manifest_deployment("web:1"))
            await release(sim, 2, "1.1.0", "deployed", *manifest)
            await rollout.message("Service shop/web is missing")
            await sim.apply({**SERVICE, "metadata": {"name": "web", "namespace": "shop"}, "spec": {"ports": [PORT]}})
            await rollout.message("web: 0/2 pods ready (1 of 2 updated)")
            assert all(health.verdict is Verdict.PROGRESSING for health in rollout.told)
            await flux_cluster.deployment(sim, "web:2")
            end = await rollout.end()

    assert end.verdict is Verdict.HEALTHY
    assert end.message == "web: 2/2 pods ready; not judged: Certificate web (no rule for its kind)"


async def test_an_old_release_that_stays_healthy_for_long_is_never_taken_for_ours() -> None:
    clock = FastClock(200)
    async with simulated_cluster(controllers=False) as sim:
        await release(sim, 1, "1.0.0", "deployed", manifest_deployment("web:1"))
        await flux_cluster.deployment(sim, "web:1")
        async with following(sim, clock=clock) as rollout:
            await rollout.message("revision 1 holds 1.0.0 (deployed), not 1.1.0")
            await clock.sleep(30)
            await release(sim, 2, "1.1.0", "pending-upgrade", manifest_deployment("web:2"))
            await rollout.message("revision 2 of 1.1.0 is pending-upgrade")
            await clock.sleep(30)
            await sim.apply(flux_cluster.deployment_spec("web:2"))
            await release(sim, 2, "1.1.0", "deployed", manifest_deployment("web:2"))
            await rollout.message("web: 0/2 pods ready (the controller has not seen the new spec yet)")
            await clock.sleep(30)
            assert {health.verdict for health in rollout.told} == {Verdict.PROGRESSING}
            await flux_cluster.deployment(sim, "web:2")
            assert (await rollout.end()).verdict is Verdict.HEALTHY


async def test_an_operation_that_never_ended_is_told_at_once() -> None:
    clock = ManualClock()
    async with simulated_cluster(controllers=False) as sim:
        await release(sim, 1, "1.0.0", "pending-upgrade")
        clock.advance(660)
        async with following(sim, replace(TARGET, timeout=60.0), clock) as rollout:
            end = await rollout.end()

    assert end.reason is Reason.STALLED
    assert "`helm rollback` and deploy again" in end.message


async def test_a_rollback_of_ours_ends_the_rollout() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await release(sim, 1, "1.0.0", "superseded")
        await release(sim, 2, "1.1.0", "failed")
        await release(sim, 3, "1.0.0", "deployed")
        async with following(sim) as rollout:
            end = await rollout.end()

    assert (end.reason, end.message) == (
        Reason.ROLLOUT_FAILED,
        "revision 2 of 1.1.0 is failed: revision 2; then came revision 3 with 1.0.0: revision 3",
    )


async def test_of_a_long_history_only_the_newest_revisions_are_read_in_full() -> None:
    async with simulated_cluster(controllers=False) as sim:
        for revision in range(1, 9):
            await release(sim, revision, f"0.{revision}.0", "superseded")
        await release(sim, 9, "1.0.0", "deployed")
        async with following(sim) as rollout:
            await rollout.message("revision 9 holds 1.0.0 (deployed), not 1.1.0")

        asked = "".join(path for _, path in sim.request_log)
        assert set(re.findall(r"sh\.helm\.release\.v1\.web\.v(\d+)", asked)) == {"9", "8"}


async def test_a_release_that_failed_is_told() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await release(sim, 1, "1.0.0", "deployed")
        async with following(sim) as rollout:
            await rollout.message("revision 1 holds 1.0.0")
            await release(sim, 2, "1.1.0", "failed")
            end = await rollout.end()

    assert (end.reason, end.message) == (Reason.ROLLOUT_FAILED, "revision 2 of 1.1.0 is failed: revision 2")


async def test_a_release_that_was_replaced_while_nobody_looked_is_superseded() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await release(sim, 2, "1.1.0", "superseded")
        await release(sim, 3, "1.2.0", "deployed")
        async with following(sim) as rollout:
            end = await rollout.end()

    assert (end.reason, end.message) == (
        Reason.SUPERSEDED,
        "revision 2: 1.1.0 was deployed, then superseded by 1.2.0",
    )


async def test_a_release_that_can_not_be_read_fails_the_rollout() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await sim.apply(BROKEN)
        async with following(sim) as rollout:
            end = await rollout.end()

    assert end.reason is Reason.CONFIG_ERROR
    assert "does not hold a Helm release" in end.message


async def test_a_nudge_means_nothing_to_helm() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await release(sim, 2, "1.1.0", "deployed")
        async with (
            opened(sim) as clusters,
            followed(clusters.follow(replace(TARGET, nudge=True), GOAL, is_ours)) as rollout,
        ):
            end = await rollout.end()

    assert end.message == "the release has no workloads"
    assert not [path for method, path in sim.request_log if method == "PATCH"]
