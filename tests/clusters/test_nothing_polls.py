"""Nothing is asked without a cause: neither time that passes nor what happens to strangers makes a request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from dag_gateway.clusters import Clusters
from dag_gateway.config import ClusterSettings
from dag_gateway.model.target import Goal, Target
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import argocd_cluster as argocd
from tests.fakes import flux_cluster as flux
from tests.fakes import helm_cluster as helm
from tests.fakes import rendered_chart as chart
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import is_ours
from tests.fakes.followed import Followed, followed
from tests.fakes.watched_objects import all_watched, pod, secret

HOUR = 3600.0
FASTER = 20_000.0


@asynccontextmanager
async def waiting(
    target: Target, goal: Goal, clock: FastClock, message: str
) -> AsyncIterator[tuple[SimulatedCluster, Followed]]:
    """A rollout of which nothing but a watch is to be seen any more."""
    async with simulated_cluster(controllers=False) as sim:
        sim.faults.bookmark_seconds = 3600
        await flux.old_release(sim)
        await helm.release(sim, 1, "1.0.0", "deployed", helm.manifest_deployment("web:1"))
        await argocd.application(sim, "old-healthy")
        settings = {"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}
        async with (
            Clusters(settings, clock) as clusters,
            followed(clusters.follow(target, goal, is_ours)) as rollout,
        ):
            await rollout.message(message)
            yield sim, rollout


async def strangers(sim: SimulatedCluster) -> None:
    """What happens to others, beside the rollout and in other namespaces."""
    for number in range(50):
        await sim.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"m{number}", "namespace": "shop"}},
            secret(f"s{number}", owner="helm", name="other"),
            pod(f"p{number}", app="other"),
            pod(f"p{number}", namespace="elsewhere", app="web"),
        )


RENDERED = (chart.deployment("web:2"), chart.config_map(colour="blue"))
TRACKERS = [
    pytest.param(flux.TARGET, flux.GOAL, "waits for c0ffee000000", id="flux"),
    pytest.param(helm.TARGET, helm.GOAL, "revision 1 holds 1.0.0", id="helm"),
    pytest.param(argocd.TARGET, argocd.GOAL, "has not seen our commit", id="argocd"),
    pytest.param(chart.TARGET, chart.goal(*RENDERED), "1.1.0 is not live yet", id="workloads"),
]


@pytest.mark.parametrize(("target", "goal", "message"), TRACKERS)
async def test_an_hour_in_which_strangers_change_makes_no_request(target: Target, goal: Goal, message: str) -> None:
    clock = FastClock(FASTER)
    async with waiting(target, goal, clock, message) as (sim, rollout):
        await all_watched(sim)
        asked, told = list(sim.request_log), list(rollout.told)
        await strangers(sim)
        await clock.sleep(HOUR)

        assert sim.request_log == asked
        assert rollout.told == told
        assert len(told) == len(set(told))


async def test_a_change_that_is_told_by_a_watch_makes_no_request() -> None:
    async with waiting(flux.TARGET, flux.GOAL, FastClock(50), "waits for c0ffee000000") as (sim, rollout):
        await all_watched(sim)
        asked = list(sim.request_log)
        await flux.git_repository(sim, flux.OURS)
        await rollout.message("was not built from our commit yet")
        await flux.helm_chart(sim, flux.OURS, "1.1.0")
        await rollout.message("has not begun with our chart")

        assert sim.request_log == asked
