import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from pydantic import SecretStr

from dag_gateway.clusters import Clusters
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Verdict
from dag_gateway.model.target import Target
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster as flux
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import GOAL, TARGET, is_ours
from tests.fakes.followed import Followed, followed
from tests.fakes.watched_objects import all_watched, none_open

FOLLOWERS = 500
KINDS = 12
"""Four of the chain, five of owners, ReplicaSets, pods and events: the tracker flux never looks at more."""


def target_in(number: int) -> Target:
    """One of fifty namespaces, ten targets in each."""
    return replace(TARGET, namespace=f"shop-{number % 50}", resource_namespace=f"shop-{number % 50}")


@asynccontextmanager
async def crowd(clusters: Clusters, targets: list[Target], message: str) -> AsyncIterator[list[Followed]]:
    """Everybody follows a target, and has said ``message``."""
    async with AsyncExitStack() as stack:
        rollouts = [
            await stack.enter_async_context(followed(clusters.follow(target, GOAL, is_ours))) for target in targets
        ]
        await asyncio.gather(*[rollout.message(message) for rollout in rollouts])
        yield rollouts


def connected(sim: SimulatedCluster, clock: FastClock) -> Clusters:
    return Clusters({"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}, clock)


def watches(sim: SimulatedCluster) -> set[str]:
    """The collections that were watched."""
    return {path.partition("?")[0] for _, path in sim.request_log if "watch=true" in path}


async def test_five_hundred_followers_share_one_watch_per_kind_and_leave_none_behind() -> None:
    clock = FastClock(50)
    async with simulated_cluster(controllers=False) as sim, connected(sim, clock) as clusters:
        await flux.old_release(sim)
        others = [target_in(number) for number in range(FOLLOWERS - 1)]
        async with (
            crowd(clusters, others, "does not exist yet"),
            crowd(clusters, [TARGET], "waits for c0ffee000000") as rollouts,
        ):
            await all_watched(sim)
            assert len(watches(sim)) <= KINDS
            assert sim.open_watches <= KINDS
            lists = [path for _, path in sim.request_log if "watch=" not in path]
            assert len(lists) <= KINDS
            await flux.our_release(sim)
            await flux.deployment(sim, "web:2")
            assert (await rollouts[-1].end()).verdict is Verdict.HEALTHY
        await none_open(sim)


async def test_without_a_cluster_role_there_is_one_watch_per_kind_and_namespace() -> None:
    namespaces = 3
    async with simulated_cluster(controllers=False) as sim, connected(sim, FastClock(50)) as clusters:
        sim.faults.roles_only = True
        async with crowd(clusters, [target_in(number) for number in (0, 1, 2, 50, 51, 100)], "does not exist yet"):
            lists = [path for _, path in sim.request_log if "watch=" not in path]
            assert len(lists) == 1 + namespaces
            assert sim.open_watches <= namespaces


async def test_the_last_who_leaves_lets_the_watches_linger_and_end() -> None:
    clock = FastClock(50)
    async with simulated_cluster(controllers=False) as sim, connected(sim, clock) as clusters:
        await flux.old_release(sim)
        for _ in range(2):
            async with crowd(clusters, [TARGET] * 3, "waits for c0ffee000000"):
                lists = [path for _, path in sim.request_log if "watch=" not in path]
        assert len(lists) <= KINDS
        await none_open(sim)


async def test_closing_the_clusters_closes_every_watch() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.old_release(sim)
        async with connected(sim, FastClock(50)) as clusters, crowd(clusters, [TARGET], "waits for c0ffee000000"):
            await all_watched(sim)
            assert sim.open_watches > 0
        await none_open(sim)


async def test_ends_that_come_together_share_their_lists() -> None:
    alone = KINDS + 1  # pods and ReplicaSets are asked for twice, warnings not at all
    async with simulated_cluster(controllers=False) as sim, connected(sim, FastClock(50)) as clusters:
        await flux.old_release(sim)
        async with crowd(clusters, [TARGET] * 50, "waits for c0ffee000000") as rollouts:
            await all_watched(sim)
            sim.request_log.clear()
            await flux.our_release(sim)
            await flux.deployment(sim, "web:2")
            ends = await asyncio.gather(*[rollout.end() for rollout in rollouts])

    assert {end.verdict for end in ends} == {Verdict.HEALTHY}
    lists = [path for _, path in sim.request_log if "watch=" not in path]
    assert len(lists) <= 3 * alone
