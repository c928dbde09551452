"""What our rollout has not come to yet is no verdict on it, whatever becomes of it meanwhile."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from dag_gateway.clusters import Clusters, old_news, workloads
from dag_gateway.clusters.untouched import Standing
from dag_gateway.clusters.workloads import Workloads
from dag_gateway.config import ClusterSettings, PatienceSettings
from dag_gateway.model.health import Verdict
from dag_gateway.model.target import Goal, Target
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import argocd_cluster, flux_cluster, helm_cluster
from tests.fakes.fast_clock import FastClock
from tests.fakes.followed import followed
from tests.fakes.kubernetes_objects import load, owned, renamed, replica_set

SINCE = datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC)
NOW = datetime(2026, 1, 31, 12, 5, tzinfo=UTC)
BEFORE, AFTER = "2026-01-31T12:00:00Z", "2026-01-31T12:00:05Z"
LONG, SHORTLY = timedelta(seconds=30), timedelta(seconds=29)
LATER = "2099-01-31T12:00:00Z"
BEGINNING = datetime.min.replace(tzinfo=UTC)


def web(made_at: str, image: str = "web:1", state: str = "deployment-updating") -> Workloads:
    """A Deployment whose replica set was created at ``made_at``, with a pod in a crash loop created since."""
    deployment = load(state)
    deployment["spec"]["template"] = {"spec": {"containers": [{"name": "app", "image": image}]}}
    deployment["metadata"]["creationTimestamp"] = BEFORE
    made = replica_set(deployment, "2")
    made["metadata"]["creationTimestamp"] = made_at
    return Workloads([deployment], [made], [crashing(made)])


def crashing(owner: dict[str, Any], at: str = AFTER, **labels: str) -> dict[str, Any]:
    return owned(renamed(load("pod-crash-loop"), "web-2-a", creationTimestamp=at), owner, **labels)


def daemons(*pods_made_at: str) -> Workloads:
    owner = load("daemonset-updating")
    owner["metadata"]["creationTimestamp"] = BEFORE
    pods = [crashing(owner, at, **{"controller-revision-hash": "2"}) for at in pods_made_at]
    return Workloads([owner], pods=pods)


def noted(held: Workloads, before: timedelta) -> Standing:
    """What was seen so long before the last look at which our rollout had not begun."""
    return Standing().seeing(held, NOW - before).seeing(held, NOW)


def of(held: Workloads) -> set[str]:
    return {one["metadata"]["uid"] for one in (*held.owners, *held.pods)}


@pytest.mark.parametrize("made_at", [BEFORE, AFTER])
def test_what_stands_there_for_long_with_the_same_template_is_untouched(made_at: str) -> None:
    held = web(made_at)

    assert noted(held, LONG).untouched(held, SINCE) == of(held)


def test_a_template_that_has_changed_is_ours_even_where_an_old_replica_set_comes_back() -> None:
    assert noted(web(BEFORE), LONG).untouched(web(BEFORE, "web:2"), SINCE) == frozenset()


@pytest.mark.parametrize(("made_at", "is_ours"), [(BEFORE, False), (AFTER, True)])
@pytest.mark.parametrize("seen", ["shortly before", "never"])
def test_of_what_was_not_seen_long_enough_the_replica_set_tells(seen: str, made_at: str, is_ours: bool) -> None:
    held = web(made_at)
    standing = noted(held, SHORTLY) if seen == "shortly before" else Standing()

    assert standing.untouched(held, SINCE) == (frozenset() if is_ours else of(held))


@pytest.mark.parametrize(("made_at", "is_ours"), [((BEFORE, AFTER), False), ((AFTER,), True), ((), False)])
def test_without_a_replica_set_the_oldest_of_the_newest_pods_tells(made_at: tuple[str, ...], is_ours: bool) -> None:
    held = daemons(*made_at)

    assert Standing().untouched(held, SINCE) == (frozenset() if is_ours else of(held))


def test_what_came_with_our_rollout_is_ours() -> None:
    job = {**load("job-failed"), "metadata": {**load("job-failed")["metadata"], "creationTimestamp": AFTER}}

    assert Standing().untouched(Workloads([job]), SINCE) == frozenset()


def test_a_rollout_with_the_template_of_another_object_is_known_by_its_hash() -> None:
    before = load("rollout-deadline")
    after = {**before, "status": {**before["status"], "currentPodHash": "another"}}
    standing = noted(Workloads([before]), LONG)

    assert standing.untouched(Workloads([before]), SINCE) == of(Workloads([before]))
    assert standing.untouched(Workloads([after]), SINCE) == frozenset()


@pytest.mark.parametrize(("is_untouched", "verdict"), [(True, Verdict.PROGRESSING), (False, Verdict.FAILED)])
def test_a_deadline_that_was_missed_meanwhile_is_forgiven_once_ours_is_released(
    is_untouched: bool, verdict: Verdict
) -> None:
    held = web(BEFORE, state="deployment-deadline")
    news = old_news.noted(held, of(held) if is_untouched else ())

    assert workloads.judge(old_news.without(held, news, SINCE, ()), BEGINNING, NOW).verdict is verdict


@pytest.mark.parametrize("is_untouched", [True, False])
def test_crashes_of_meanwhile_are_forgiven_once_ours_is_released(is_untouched: bool) -> None:
    held = web(BEFORE)
    after = old_news.without(held, old_news.noted(held, of(held) if is_untouched else ()), SINCE, ())

    assert bool(workloads.problems(after, BEGINNING, NOW, (), PatienceSettings())) is not is_untouched


async def gives_up(sim: SimulatedCluster) -> None:
    """The old Deployment misses its deadline, while a hook of ours runs."""
    spec = flux_cluster.deployment_spec("web:1")
    counts = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 0, "availableReplicas": 0}
    missed = flux_cluster.condition("Progressing", "False", "ProgressDeadlineExceeded", "it has timed out")
    await flux_cluster.put(sim, spec, {**counts, "conditions": [{**missed, "lastUpdateTime": LATER}]})


async def flux_begins(sim: SimulatedCluster) -> None:
    await flux_cluster.upgrading(sim)


async def argocd_begins(sim: SimulatedCluster) -> None:
    await argocd_cluster.application(sim, "syncing")


async def helm_begins(sim: SimulatedCluster) -> None:
    await helm_cluster.release(sim, 2, "1.1.0", "pending-upgrade", helm_cluster.manifest_deployment("web:1"))


async def flux_ends(sim: SimulatedCluster) -> None:
    await flux_cluster.our_release(sim)


async def argocd_ends(sim: SimulatedCluster) -> None:
    await argocd_cluster.application(sim, "deployed")


async def helm_ends(sim: SimulatedCluster) -> None:
    await helm_cluster.release(sim, 2, "1.1.0", "deployed", helm_cluster.manifest_deployment("web:1"))


ROLLOUTS: Mapping[str, Any] = {
    "flux": (flux_cluster.TARGET, flux_cluster.GOAL, flux_begins, "Running 'upgrade' action", flux_ends),
    "argocd": (argocd_cluster.TARGET, argocd_cluster.GOAL, argocd_begins, "is being synced", argocd_ends),
    "helm": (helm_cluster.TARGET, helm_cluster.GOAL, helm_begins, "is pending-upgrade", helm_ends),
}


@pytest.mark.parametrize("tracker", ROLLOUTS)
async def test_an_old_deployment_that_gives_up_during_our_hook_does_not_fail_ours(tracker: str) -> None:
    target, goal, begins, words, ends = ROLLOUTS[tracker]
    async with simulated_cluster(controllers=False) as sim:
        await flux_cluster.deployment(sim, "web:1", ready=1)
        await begins(sim)
        end = await followed_past_it(sim, target, goal, words, ends)

    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready")


async def followed_past_it(sim: SimulatedCluster, target: Target, goal: Goal, words: str, ends: Any) -> Any:
    settings = {"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}
    async with (
        Clusters(settings, FastClock(50)) as clusters,
        followed(clusters.follow(target, goal, flux_cluster.is_ours)) as rollout,
    ):
        await rollout.message(words)
        await gives_up(sim)
        await rollout.message("web: 0/2 pods ready")
        await ends(sim)
        await flux_cluster.deployment(sim, "web:1")
        return await rollout.end()
