"""What was wrong before our release came is no verdict on it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from dag_gateway.clusters import Clusters, old_news, workloads
from dag_gateway.clusters.workloads import Workloads
from dag_gateway.config import ClusterSettings, PatienceSettings
from dag_gateway.model.health import Verdict, progressing
from dag_gateway.model.reason import Reason
from dag_gateway.simulator.cluster import simulated_cluster
from tests.fakes import flux_cluster as flux
from tests.fakes import helm_cluster as helm
from tests.fakes.fast_clock import FastClock
from tests.fakes.followed import followed
from tests.fakes.kubernetes_objects import load, owned, renamed, replica_set

CREATED = datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC)
BEGINNING = datetime.min.replace(tzinfo=UTC)


def crashing(restarts: int) -> Workloads:
    deployment = load("deployment-updating")
    owner = replica_set(deployment, "2")
    pod: dict[str, Any] = owned(renamed(load("pod-crash-loop"), "web-2-a", labels={}), owner)
    statuses = [{**entry, "restartCount": restarts} for entry in pod["status"]["containerStatuses"]]
    return Workloads([deployment], [owner], [{**pod, "status": {**pod["status"], "containerStatuses": statuses}}])


def found(held: Workloads) -> list[Reason]:
    return [one.reason for one in workloads.problems(held, BEGINNING, CREATED, (), PatienceSettings())]


@pytest.mark.parametrize(("restarts", "reasons"), [(9, []), (10, []), (11, [Reason.CRASH_LOOP])])
def test_only_crashes_after_those_that_were_noted_count(restarts: int, reasons: list[Reason]) -> None:
    held = old_news.without(crashing(restarts), old_news.noted(crashing(9)), None, ())

    assert found(held) == reasons


@pytest.mark.parametrize(
    ("before", "older", "reasons"), [(1, (), 1), (0, (), 1), (0, ("uid-web-2-a",), 0), (-1, (), 0)]
)
def test_all_crashes_of_a_pod_count_that_came_with_the_release(
    before: int, older: tuple[str, ...], reasons: int
) -> None:
    since = CREATED - timedelta(seconds=before)
    held = old_news.without(crashing(9), old_news.noted(crashing(9)), since, older)

    assert len(found(held)) == reasons


def test_a_deadline_that_was_missed_before_is_not_missed_by_our_release() -> None:
    missed = Workloads([load("deployment-deadline")])
    held = old_news.without(missed, old_news.noted(missed), None, ())

    assert workloads.judge(missed, BEGINNING, CREATED).verdict is Verdict.FAILED
    assert workloads.judge(held, BEGINNING, CREATED).verdict is Verdict.PROGRESSING


def test_of_a_rollout_that_gave_up_nothing_is_forgiven() -> None:
    missed = Workloads([load("rollout-deadline")])
    held = old_news.without(missed, old_news.noted(missed), None, ())

    assert workloads.judge(held, BEGINNING, CREATED).verdict is Verdict.FAILED


@pytest.mark.parametrize("since", [None, BEGINNING])
def test_a_deadline_that_was_missed_since_counts(since: datetime | None) -> None:
    missed = Workloads([load("deployment-deadline")])
    noted = old_news.noted(missed if since else Workloads([load("deployment-updating")]))

    assert workloads.judge(old_news.without(missed, noted, since, ()), BEGINNING, CREATED).verdict is Verdict.FAILED


async def test_a_chart_that_mends_only_a_config_map_is_not_blamed_for_the_pods_that_needed_it() -> None:
    looping = {"name": "app", "image": "web:2", "restartCount": 9, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    async with simulated_cluster(controllers=False) as sim:
        owner = await flux.deployment(sim, "web:2", ready=0)
        await flux.pod(sim, owner, {"phase": "Running", "containerStatuses": [looping]})
        await helm.release(sim, 1, "1.0.0", "deployed", helm.manifest_deployment("web:2"))
        settings = {"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}
        async with (
            Clusters(settings, FastClock(50)) as clusters,
            followed(clusters.follow(helm.TARGET, helm.GOAL, flux.is_ours)) as rollout,
        ):
            await rollout.message("revision 1 holds 1.0.0")
            await helm.release(sim, 2, "1.1.0", "deployed", helm.manifest_deployment("web:2"))
            waiting = progressing("web: 0/2 pods ready (0 of 2 available)", ready=0, desired=2)
            assert await rollout.message("web: 0/2 pods ready") == waiting
            await flux.deployment(sim, "web:2")
            end = await rollout.end()

    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready")
