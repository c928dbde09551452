from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from dag_gateway.clock import Clock
from dag_gateway.clusters import Clusters
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Verdict
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster as flux
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import GOAL, TARGET, is_ours
from tests.fakes.followed import Followed, followed
from tests.fakes.manual_clock import ManualClock


@asynccontextmanager
async def upgrading() -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(controllers=False) as sim:
        await flux.upgrading(sim)
        await flux.deployment(sim, "web:2", updated=0)
        yield sim


@asynccontextmanager
async def following(sim: SimulatedCluster, clock: Clock) -> AsyncIterator[Followed]:
    settings = {"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}
    async with Clusters(settings, clock) as clusters, followed(clusters.follow(TARGET, GOAL, is_ours)) as rollout:
        await rollout.message("reading what runs in the cluster")
        yield rollout


async def test_many_changes_within_a_second_are_one_word_and_the_last_one_is_told() -> None:
    clock = ManualClock()
    async with (
        upgrading() as sim,
        following(sim, FastClock()) as other,  # sees each change for itself, as its seconds are short
        following(sim, clock) as rollout,
    ):
        await other.message("0 of 2 updated")
        assert len(rollout.told) == 1
        clock.advance(1)
        await rollout.message("0 of 2 updated")
        await flux.deployment(sim, "web:2", updated=1)
        await other.message("1 of 2 updated")
        await flux.deployment(sim, "web:2", ready=0)
        await other.message("0 of 2 available")
        await flux.deployment(sim, "web:2", ready=1)
        await other.message("1 of 2 available")
        assert len(rollout.told) == 2
        clock.advance(0.9)
        assert len(rollout.told) == 2
        clock.advance(0.1)
        await rollout.message("1 of 2 available")

    assert len(rollout.told) == 3
    assert len(other.told) == 5


async def test_an_end_is_never_held_back() -> None:
    async with upgrading() as sim, following(sim, ManualClock()) as rollout:
        await flux.deployment(sim, "web:2")
        await flux.our_release(sim)
        end = await rollout.end()

    assert end.verdict is Verdict.HEALTHY
    assert [health.verdict for health in rollout.told] == [Verdict.PROGRESSING, Verdict.HEALTHY]


async def test_what_looks_like_a_secret_is_not_told() -> None:
    async with upgrading() as sim, following(sim, FastClock(50)) as rollout:
        busy = flux.condition("Reconciling", "True", "Progressing", "retrying with password=hunter2 in the values")
        await flux.helm_release(sim, {"1.1.0": "pending-upgrade"}, flux.condition("Ready", "Unknown"), busy)
        told = await rollout.message("retrying with")

    assert "hunter2" not in told.message
