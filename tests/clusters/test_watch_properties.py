"""Whatever order changes come in, however often, and however often the connection breaks: the verdict is the same."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from dag_gateway.clock import SystemClock
from dag_gateway.clusters import Clusters
from dag_gateway.clusters.assessment import Assessor
from dag_gateway.clusters.cache import Cache
from dag_gateway.clusters.flux_rollout import FluxRollout
from dag_gateway.clusters.live import Snapshot
from dag_gateway.clusters.objects import Object, key, name, namespace
from dag_gateway.clusters.resources import Selection
from dag_gateway.clusters.watch import Gone, Seen, version
from dag_gateway.config import ClusterSettings, PatienceSettings
from dag_gateway.model.health import Verdict
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.faults import Faults
from dag_gateway.simulator.pace import Pace
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import ObjectStore
from tests.fakes import flux_cluster as flux
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import GOAL, OURS, TARGET, is_ours
from tests.fakes.followed import followed

Identity = tuple[str, str, str]
Step = Callable[[SimulatedCluster], Awaitable[object]]


async def half_updated(sim: SimulatedCluster) -> None:
    await flux.deployment(sim, "web:2", updated=1)


async def updated(sim: SimulatedCluster) -> None:
    await flux.deployment(sim, "web:2")


async def gave_up(sim: SimulatedCluster) -> None:
    timed_out = flux.condition("Ready", "False", "UpgradeFailed", "context deadline exceeded")
    await flux.helm_release(sim, {"1.1.0": "failed", "1.0.0": "deployed"}, timed_out)


SOUND: tuple[Step, ...] = (flux.old_release, flux.upgrading, half_updated, flux.our_release, updated)
BROKEN: tuple[Step, ...] = (flux.old_release, flux.upgrading, half_updated, gave_up)
ENDS = {SOUND: Verdict.HEALTHY, BROKEN: Verdict.FAILED}


@cache
def histories(story: tuple[Step, ...]) -> dict[Identity, list[Object]]:
    """Every state that each object had, as the story was written to a store that nobody serves."""
    return asyncio.run(_written(story))


async def _written(story: Sequence[Step]) -> dict[Identity, list[Object]]:
    sim = SimulatedCluster(Registry(ObjectStore(), SystemClock()), Faults(), "", "", Pace(1))
    for step in story:
        await step(sim)
    found: dict[Identity, list[Object]] = {}
    for change in sim.store.since(0):
        if change.key.namespace:
            found.setdefault(identity(change.item), []).append(change.item)
    return found


def identity(obj: Object) -> Identity:
    return key(obj), namespace(obj), name(obj)


def is_ready(deployment: Object) -> bool:
    told = deployment.get("status") or {}
    counts = [told.get(count) for count in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")]
    reasons = [entry["reason"] for entry in told.get("conditions", ()) if entry["type"] == "Progressing"]
    seen = told.get("observedGeneration") == deployment["metadata"]["generation"]
    return seen and counts == [2, 2, 2, 2] and reasons == ["NewReplicaSetAvailable"]


class Told:
    """Caches as watches fill them, and beside them what was told last of each object."""

    def __init__(self, states: dict[Identity, list[Object]]) -> None:
        self._states = states
        self._caches: dict[str, Cache] = {}
        self._at = dict.fromkeys(states, -1)
        for who in states:  # the first list
            self.tell(who, "next")

    @property
    def is_over(self) -> bool:
        return all(at == len(self._states[who]) - 1 for who, at in self._at.items())

    def tell(self, who: Identity, event: str) -> None:
        """The next state of an object, or the same again; after a relist the last, an older one, or none at all."""
        states, at = self._states[who], self._at[who]
        if event == "next":
            self._at[who] = min(at + 1, len(states) - 1)
        elif event == "last":
            self._at[who] = len(states) - 1
        elif event == "older":
            self._at[who] = max(at - 2, min(at, 0))
        elif event == "gone" and at >= 0:
            self._cache(who).note(Gone(states[at]))
            self._at[who] = -1
        if self._at[who] >= 0:
            self._cache(who).note(Seen(states[self._at[who]]))

    def snapshot(self, rollout: FluxRollout) -> Snapshot:
        seen: Snapshot = {}
        while True:
            wanted = {*rollout.proof(seen), *rollout.running(seen), *rollout.helpful(seen)}
            known = {selection: self._select(selection) for selection in wanted}
            if known == seen:
                return seen
            seen = known

    def sounds_deployed(self) -> bool:
        """The oracle over what was told: our release has succeeded, and its Deployment is ready, or is none of it.

        That the cluster does not say something else meanwhile is the business of the fresh lists.
        """
        release, deployment = self._state(RELEASE), self._state(DEPLOYMENT)
        succeeded = release is not None and version(release) == version(self._states[RELEASE][-1])
        return succeeded and (deployment is None or is_ready(deployment))

    def _state(self, who: Identity) -> Object | None:
        return self._states[who][self._at[who]] if self._at[who] >= 0 else None

    def _cache(self, who: Identity) -> Cache:
        return self._caches.setdefault(who[0], Cache())

    def _select(self, selection: Selection) -> tuple[Object, ...]:
        return self._cache((selection.resource.key, "", "")).select(selection)


RELEASE = ("helm.toolkit.fluxcd.io/HelmRelease", "shop", "web")
DEPLOYMENT = ("apps/Deployment", "shop", "web")
EVENTS = st.tuples(st.integers(0, 99), st.sampled_from(["next", "last", "again", "older", "gone"]))


@given(story=st.sampled_from(list(ENDS)), events=st.lists(EVENTS, max_size=30), order=st.randoms())
@settings(deadline=None, max_examples=100)
def test_any_order_of_events_ends_in_the_same_verdict_and_no_prefix_of_it_is_a_lie(
    story: tuple[Step, ...], events: list[tuple[int, str]], order: Random
) -> None:
    states = histories(story)
    told, rollout, who = Told(states), FluxRollout(TARGET), sorted(states)
    assessor = Assessor(rollout, GOAL, PatienceSettings())
    rest = [(number, "last") for number in range(len(who))]
    order.shuffle(rest)
    for number, event in [*events, *rest]:
        told.tell(who[number % len(who)], event)
        verdict = assessor.assess(told.snapshot(rollout), [OURS], SystemClock().now()).health.verdict
        assert verdict is not Verdict.HEALTHY or (ENDS[story] is Verdict.HEALTHY and told.sounds_deployed())

    assert told.is_over
    assert verdict is ENDS[story]


DISTURBANCES = st.lists(st.sampled_from(["drop", "expire", "away", "back", "look"]), max_size=4)


async def disturb(sim: SimulatedCluster, what: str) -> None:
    match what:
        case "drop":
            sim.drop_watches()
        case "expire":
            sim.expire_history()
        case "away" | "back":
            sim.unavailable = what == "away"
        case _:
            await asyncio.sleep(0.003)  # others may look before the next thing happens, or not


@given(story=st.sampled_from(list(ENDS)), disturbances=st.lists(DISTURBANCES, min_size=5, max_size=5))
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
async def test_a_rollout_that_is_followed_over_a_bad_line_ends_as_over_a_good_one(
    story: tuple[Step, ...], disturbances: list[list[str]]
) -> None:
    async with simulated_cluster(controllers=False) as sim:
        reached = ClusterSettings(server=sim.url, token=SecretStr(sim.token))
        async with (
            Clusters({"production": reached}, FastClock(200)) as clusters,
            followed(clusters.follow(TARGET, GOAL, is_ours)) as rollout,
        ):
            for step, between in zip(story, disturbances, strict=False):
                for what in between:
                    await disturb(sim, what)
                assert all(health.verdict in (Verdict.PROGRESSING, Verdict.UNKNOWN) for health in rollout.told)
                await step(sim)
            sim.unavailable = False
            end = await rollout.end()

    assert end.verdict is ENDS[story]
