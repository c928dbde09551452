"""Every end is judged on lists that the API itself answered, all of them or none."""

import asyncio

import pytest

from dag_gateway.clusters.api import Api, Page
from dag_gateway.clusters.connected import Connected
from dag_gateway.clusters.errors import ClusterUnreachable, unreachable
from dag_gateway.clusters.flux_rollout import FluxRollout
from dag_gateway.clusters.follower import Follower
from dag_gateway.clusters.fresh import read_again
from dag_gateway.clusters.informers import Informers
from dag_gateway.clusters.live import Snapshot
from dag_gateway.clusters.objects import Object
from dag_gateway.clusters.resources import PODS, ROLLOUTS, Selection
from dag_gateway.clusters.shared_lists import SharedLists
from dag_gateway.clusters.watch import REFUSALS
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Verdict
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster as flux
from tests.fakes.cluster_api import api_of, lagging
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import GOAL, LABELS, TARGET, is_ours
from tests.fakes.followed import followed, following


async def another_deployment(sim: SimulatedCluster, ready: int) -> None:
    """Of our release too, with pods that another selector finds."""
    metadata = {"name": "api", "namespace": "shop", "labels": LABELS}
    pods = {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [{"name": "app", "image": "api:1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "api"}}, "template": pods}
    counts = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": ready, "availableReplicas": ready}
    conditions = [flux.condition("Available"), flux.condition("Progressing", "True", "NewReplicaSetAvailable")]
    obj = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    await flux.put(sim, obj, {**counts, "conditions": conditions})


async def test_what_the_watches_do_not_know_of_yet_is_waited_for() -> None:
    behind = asyncio.Event()

    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token, kind=lagging(behind)) as api:
        await flux.old_release(sim)
        async with following(api, TARGET, GOAL, is_ours) as rollout:
            await rollout.message("waits for c0ffee000000")
            await another_deployment(sim, ready=0)
            await flux.our_release(sim)
            await asked_of(sim, "/deployments", 2)
            behind.set()
            await rollout.message("api: 0/1 pods ready")
            assert Verdict.HEALTHY not in [health.verdict for health in rollout.told]
            await another_deployment(sim, ready=1)
            end = await rollout.end()

    assert end.message == "api: 1/1 pods ready; web: 2/2 pods ready"


async def asked_of(sim: SimulatedCluster, collection: str, count: int) -> None:
    """Wait until a collection was listed so often."""

    def lists() -> int:
        return sum(1 for _, path in sim.request_log if f"{collection}?" in path and "watch=" not in path)

    async with asyncio.timeout(60):
        while lists() < count:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.01)


async def read_all(api: Api, rollout: FluxRollout) -> Snapshot:
    """Everything that a follower would look at."""
    seen: dict[Selection, tuple[Object, ...]] = {}
    while missing := {*rollout.proof(seen), *rollout.running(seen), *rollout.helpful(seen)} - seen.keys():
        for selection in missing:
            seen[selection] = (await api.list_objects(selection)).items
    return seen


def exactly(api: Api) -> SharedLists:
    """Lists of nothing but what is asked for."""
    return SharedLists(api, lambda place: None)


async def test_what_proves_the_release_is_read_after_everything_else() -> None:
    rollout = FluxRollout(TARGET)
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        await flux.old_release(sim)
        seen = await read_all(api, rollout)
        sim.request_log.clear()
        assert await read_again(exactly(api), rollout, seen) == seen

        kinds = [path.partition("?")[0].rpartition("/")[2] for _, path in sim.request_log]
        assert sorted(kinds[-3:]) == ["gitrepositories", "helmcharts", "helmreleases"]
        assert len(kinds) == len(seen)


async def test_when_there_is_more_than_was_known_nothing_is_concluded() -> None:
    rollout = FluxRollout(TARGET)
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        await flux.old_release(sim)
        seen = await read_all(api, rollout)
        await another_deployment(sim, ready=1)
        assert await read_again(exactly(api), rollout, seen) is None


async def test_who_does_not_answer_has_not_refused_what_only_helps() -> None:
    class SilentApi(Api):
        async def list_objects(self, selection: Selection) -> Page:
            if selection.resource == ROLLOUTS:
                raise unreachable(self.cluster, "no answer")
            return await super().list_objects(selection)

    rollout = FluxRollout(TARGET)
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        await flux.old_release(sim)
        seen = await read_all(api, rollout)
        async with api_of(sim.url, sim.token, kind=SilentApi) as silent:
            with pytest.raises(ClusterUnreachable, match=r"cluster production does not answer: no answer"):
                await read_again(exactly(silent), rollout, seen)


async def test_what_only_helps_may_be_refused() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        sim.faults.forbidden.add(("list", "events"))
        await flux.our_release(sim)
        await flux.deployment(sim, "web:2")
        async with following(api, TARGET, GOAL, is_ours) as rollout:
            assert (await rollout.end()).verdict is Verdict.HEALTHY


async def test_what_helps_and_was_refused_for_long_is_looked_at_once_it_may_be_seen() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        sim.faults.forbidden |= {("list", "rollouts"), ("watch", "rollouts")}
        await flux.upgrading(sim)
        await argo_rollout(sim, "Progressing", updated=1)
        async with following(api, TARGET, GOAL, is_ours) as rollout:
            await rollout.message("Running 'upgrade' action")
            await asked_of(sim, "/rollouts", 1 + REFUSALS)  # once of the whole cluster
            sim.faults.forbidden.clear()
            await flux.our_release(sim)
            await rollout.message("web: 0/2 pods ready (1 of 2 updated)")
            await argo_rollout(sim, "Healthy", updated=2)
            end = await rollout.end()

    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready")


async def argo_rollout(sim: SimulatedCluster, phase: str, updated: int) -> None:
    """Of our release, with two replicas."""
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "web:2"}]}}
    obj = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web", "namespace": "shop", "labels": LABELS},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    counts = {"replicas": 2, "updatedReplicas": updated, "availableReplicas": updated, "readyReplicas": updated}
    hashes = {"currentPodHash": "new", "stableRS": "new" if updated == 2 else "old", "phase": phase}
    await flux.put(sim, obj, {**counts, **hashes})


class RestlessRollout(FluxRollout):
    """Whatever it sees, there is more to look at."""

    def running(self, seen: Snapshot) -> tuple[Selection, ...]:
        known = [int(selection.name) for selection in seen if selection.resource == PODS]
        return (Selection(PODS, "shop", name=str(max(known, default=0) + 1)),)


async def test_a_rollout_that_never_has_enough_is_not_judged_and_holds_up_nobody() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        await flux.our_release(sim)
        clock = FastClock(50)
        informers = Informers(api, clock)
        cluster = Connected(api, informers, exactly(api), clock, ClusterSettings(server=sim.url))
        follower = Follower(cluster, RestlessRollout(TARGET), GOAL, is_ours)
        async with followed(follower.healths()) as restless, following(api, TARGET, GOAL, is_ours) as rollout:
            await rollout.end()
            await flux.helm_release(sim, {"1.1.0": "deployed", "1.0.0": "superseded"}, suspend=True)
            await asyncio.sleep(0)
            assert [health.message for health in restless.told] == ["reading what runs in the cluster"]
        await informers.aclose()
