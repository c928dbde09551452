"""A Job that Kubernetes has removed after it finished keeps nothing from being proven, and is not called healthy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import yaml
from pydantic import SecretStr

from dag_gateway.clusters import Clusters, gone_jobs
from dag_gateway.clusters.helm_record import manifest_objects
from dag_gateway.clusters.manifest import Manifest
from dag_gateway.clusters.workloads import Workloads
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Health, Verdict, progressing
from dag_gateway.model.target import Goal, Target
from dag_gateway.simulator import kinds
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster as flux
from tests.fakes import helm_cluster as helm
from tests.fakes import rendered_chart as chart
from tests.fakes.fast_clock import FastClock
from tests.fakes.followed import Followed, followed
from tests.fakes.kubernetes_objects import load

POD = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "web:2"}]}
JOB = chart.named("batch/v1", "Job", "migrate", spec={"ttlSecondsAfterFinished": 30, "template": {"spec": POD}})
STAYS = chart.named("batch/v1", "Job", "migrate", spec={"template": {"spec": POD}})
GONE = "not judged: Job shop/migrate (gone)"
WEB = chart.deployment("web:2")


@asynccontextmanager
async def following(sim: SimulatedCluster, target: Target, goal: Goal) -> AsyncIterator[Followed]:
    settings = {"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}
    async with (
        Clusters(settings, FastClock(200)) as clusters,
        followed(clusters.follow(target, goal, flux.is_ours)) as rollout,
    ):
        yield rollout


async def job(sim: SimulatedCluster, *conditions: str, of: dict[str, Any] = JOB) -> None:
    """The Job, under way or with these conditions."""
    placed = {**of, "metadata": {**of["metadata"], "namespace": "shop", "labels": flux.LABELS}}
    told = {"startTime": "2026-01-31T12:00:02Z", "conditions": [flux.condition(kind) for kind in conditions]}
    await flux.put(sim, placed, told)


def remove(sim: SimulatedCluster) -> None:
    sim.delete(kinds.JOB, "shop", "migrate")


def rendered(*earlier: dict[str, Any]) -> Goal:
    return replace(chart.goal(WEB, JOB), earlier=earlier)


async def end_of(sim: SimulatedCluster, target: Target, goal: Goal) -> Health:
    async with following(sim, target, goal) as rollout:
        return await rollout.end()


def test_only_a_job_with_a_lifetime_may_be_gone() -> None:
    released = manifest_objects(yaml.safe_dump_all([JOB, STAYS, {**JOB, "kind": "Gadget"}]))

    assert [gone_jobs.expires(obj) for obj in released] == [True, False, False]


def test_a_job_without_a_lifetime_is_missing_when_it_is_not_there() -> None:
    manifest = Manifest([STAYS], "shop")
    (selection,) = manifest.running({})
    held = manifest.workloads({selection: ()})

    assert (held.missing, held.gone) == ([progressing("Job shop/migrate is missing")], [])


def test_a_job_that_was_seen_complete_is_done_and_one_that_was_not_is_missing() -> None:
    named = load("job-complete")
    gone = Workloads(gone=[named])
    complete, running = (gone_jobs.seeing({}, Workloads([load(f"job-{state}")])) for state in ("complete", "running"))
    lost = progressing("Job shop/migrate is gone, and was not seen to finish")
    told = [gone_jobs.judged(gone, known) for known in (complete, running, {})]

    assert [(held.gone, held.missing) for held in told] == [([], []), ([], [lost]), ([named], [])]


async def test_helm_is_proven_without_it() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.deployment(sim, "web:2")
        await helm.release(sim, 2, "1.1.0", "deployed", helm.manifest_deployment("web:2"), JOB)
        end = await end_of(sim, helm.TARGET, helm.GOAL)

    assert (end.verdict, end.message) == (Verdict.HEALTHY, f"web: 2/2 pods ready; {GONE}")


async def test_a_job_that_vanishes_under_way_proves_nothing_until_it_is_back() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.deployment(sim, "web:2")
        await job(sim)
        await helm.release(sim, 2, "1.1.0", "deployed", helm.manifest_deployment("web:2"), JOB)
        async with following(sim, helm.TARGET, helm.GOAL) as rollout:
            await rollout.message("migrate: 0 of 1 completions")
            remove(sim)
            await rollout.message("Job shop/migrate is gone, and was not seen to finish")
            await job(sim, "Complete")
            end = await rollout.end()

    assert end.message == "web: 2/2 pods ready; migrate: complete"


async def test_flux_is_proven_without_it() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.our_release(sim)
        await flux.deployment(sim, "web:2")
        await flux.inventory(sim, "shop_web_apps_Deployment", "shop_migrate_batch_Job")
        end = await end_of(sim, flux.TARGET, flux.GOAL)

    assert (end.verdict, end.message) == (Verdict.HEALTHY, f"web: 2/2 pods ready; {GONE}")


async def test_a_chart_of_nothing_but_a_job_that_is_gone_says_so_and_no_more() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.our_release(sim)
        await flux.inventory(sim, "shop_migrate_batch_Job")
        end = await end_of(sim, flux.TARGET, flux.GOAL)

    assert (end.verdict, end.message) == (Verdict.HEALTHY, GONE)


async def test_rendered_objects_that_were_live_when_we_came_are_proven_without_it() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.deployment(sim, "web:2")
        end = await end_of(sim, chart.TARGET, rendered(chart.deployment("web:1"), JOB))

    assert (end.verdict, end.message) == (
        Verdict.HEALTHY,
        f"web: 2/2 pods ready; live is what Helm rendered; {GONE}",
    )


async def test_rendered_objects_that_become_live_while_we_look_wait_for_it() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.deployment(sim, "web:1")
        async with following(sim, chart.TARGET, rendered()) as rollout:
            await rollout.message("Job shop/migrate is missing")
            await flux.deployment(sim, "web:2", ready=0)
            await rollout.message("is not live yet: Job shop/migrate is missing")
            await job(sim, "Complete")
            await rollout.message("web: 0/2 pods ready")
            remove(sim)
            await flux.deployment(sim, "web:2")
            end = await rollout.end()

    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready; live is what Helm rendered")


async def test_a_job_that_alone_tells_two_charts_apart_has_to_be_seen() -> None:
    older = {**JOB, "spec": {**JOB["spec"], "backoffLimit": 1}}
    async with simulated_cluster(controllers=False) as sim:
        await flux.deployment(sim, "web:2")
        async with following(sim, chart.TARGET, rendered(WEB, older)) as rollout:
            await rollout.message("1.1.0 is not live yet: Job shop/migrate is missing")
            await job(sim)
            await rollout.message("migrate: 0 of 1 completions")
            await job(sim, "Complete")
            end = await rollout.end()

    assert (end.verdict, end.message) == (
        Verdict.HEALTHY,
        "web: 2/2 pods ready; migrate: complete; live is what Helm rendered",
    )
