from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from pydantic import SecretStr

from dag_gateway.clusters import Clusters
from dag_gateway.config import ClusterSettings
from dag_gateway.errors import Unavailable
from dag_gateway.model.health import Verdict
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster as flux
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import GOAL, TARGET, is_ours
from tests.fakes.followed import Followed, followed
from tests.fakes.watched_objects import more_requests

SHORT, LONG = 0.01, 3600.0
"""Graces in seconds of a clock that is fifty times as fast: over before, and long after, anybody looks."""


@asynccontextmanager
async def waiting(grace: float) -> AsyncIterator[tuple[SimulatedCluster, Followed]]:
    """A rollout that waits for our commit."""
    async with simulated_cluster(controllers=False) as sim, connected(sim, grace) as clusters:
        await flux.old_release(sim)
        async with followed(clusters.follow(TARGET, GOAL, is_ours)) as rollout:
            await rollout.message("waits for c0ffee000000")
            yield sim, rollout


@asynccontextmanager
async def connected(sim: SimulatedCluster, grace: float) -> AsyncIterator[Clusters]:
    settings = ClusterSettings(server=sim.url, token=SecretStr(sim.token)).model_copy(
        update={"unreachable_after": grace}
    )
    async with Clusters({"production": settings}, FastClock(50)) as clusters:
        yield clusters


async def test_a_cluster_that_stays_away_is_unknown_until_it_is_back() -> None:
    async with waiting(SHORT) as (sim, rollout):
        sim.unavailable = True
        away = await rollout.verdict(Verdict.UNKNOWN)
        await flux.our_release(sim)
        await flux.deployment(sim, "web:2")
        sim.expire_history()
        sim.unavailable = False
        end = await rollout.end()

    assert away.message.startswith("cluster production does not answer: HTTP status 503")
    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready")


async def test_a_cluster_that_is_away_for_a_moment_is_nobody_s_business() -> None:
    async with waiting(LONG) as (sim, rollout):
        sim.unavailable = True
        await more_requests(sim, 3)
        await flux.our_release(sim)
        await flux.deployment(sim, "web:2")
        sim.unavailable = False
        end = await rollout.end()

    assert end.verdict is Verdict.HEALTHY
    assert Verdict.UNKNOWN not in [health.verdict for health in rollout.told]


async def test_a_cluster_that_was_away_from_the_beginning_is_told_at_once() -> None:
    async with simulated_cluster(controllers=False) as sim, connected(sim, LONG) as clusters:
        sim.unavailable = True
        async with followed(clusters.follow(TARGET, GOAL, is_ours)) as rollout:
            away = await rollout.verdict(Verdict.UNKNOWN)

    assert away.message.startswith("cluster production does not answer")


async def test_a_commit_that_the_iac_repository_shows_late_is_asked_for_again() -> None:
    asked: list[str] = []

    async def contains(commit: str) -> bool | None:
        asked.append(commit)
        return await is_ours(commit) if asked.count(commit) > 2 else None

    goal = replace(GOAL, commit="0ddba11" + "0" * 33)
    async with simulated_cluster(controllers=False) as sim, connected(sim, LONG) as clusters:
        await flux.our_release(sim)
        await flux.deployment(sim, "web:2")
        async with followed(clusters.follow(TARGET, goal, contains)) as rollout:
            assert (await rollout.end()).verdict is Verdict.HEALTHY

    assert asked.count(flux.OURS) == 3


async def test_git_that_was_away_takes_no_patience_from_a_cluster_that_refuses_once() -> None:
    asked: list[str] = []

    async def contains(commit: str) -> bool:
        asked.append(commit)
        if len(asked) < 9:
            raise Unavailable("the IaC repository iac does not answer")
        return await is_ours(commit)

    goal = replace(GOAL, commit="0ddba11" + "0" * 33)
    async with simulated_cluster(controllers=False) as sim, connected(sim, SHORT) as clusters:
        await flux.our_release(sim)
        await flux.deployment(sim, "web:2")
        async with followed(clusters.follow(TARGET, goal, contains)) as rollout:
            await rollout.message("the IaC repository iac does not answer")
            sim.faults.forbidden.add(("list", "deployments"))
            await rollout.message("cluster production does not let the gateway")
            sim.faults.forbidden.clear()
            assert (await rollout.end()).verdict is Verdict.HEALTHY


async def test_an_iac_repository_that_stays_away_is_unknown_and_asked_again() -> None:
    away = True

    async def contains(commit: str) -> bool:
        if away:
            raise Unavailable("the IaC repository iac does not answer")
        return await is_ours(commit)

    async with simulated_cluster(controllers=False) as sim, connected(sim, SHORT) as clusters:
        await flux.old_release(sim)
        async with followed(clusters.follow(TARGET, GOAL, contains)) as rollout:
            assert (await rollout.verdict(Verdict.UNKNOWN)).message == "the IaC repository iac does not answer"
            away = False
            await rollout.message("waits for c0ffee000000")
            await flux.our_release(sim)
            assert (await rollout.end()).verdict is Verdict.HEALTHY


async def test_an_iac_repository_that_is_away_for_a_moment_is_asked_again_in_silence() -> None:
    asked: list[str] = []

    async def contains(commit: str) -> bool:
        asked.append(commit)
        if len(asked) < 3:
            raise Unavailable("the IaC repository iac does not answer")
        return await is_ours(commit)

    async with simulated_cluster(controllers=False) as sim, connected(sim, LONG) as clusters:
        await flux.old_release(sim)
        async with followed(clusters.follow(TARGET, GOAL, contains)) as rollout:
            await rollout.message("waits for c0ffee000000")

    assert asked == [flux.OLD] * 3
    assert Verdict.UNKNOWN not in [health.verdict for health in rollout.told]


async def test_an_end_that_can_not_be_proven_on_fresh_lists_is_no_end() -> None:
    async with waiting(SHORT) as (sim, rollout):
        sim.faults.forbidden.add(("list", "jobs"))
        await flux.our_release(sim)
        assert (await rollout.verdict(Verdict.UNKNOWN)).message.startswith(
            "cluster production does not let the gateway"
        )
        assert Verdict.HEALTHY not in [health.verdict for health in rollout.told]
        sim.faults.forbidden.clear()
        assert (await rollout.end()).verdict is Verdict.HEALTHY
