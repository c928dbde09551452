import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from dag_gateway.clock import SystemClock
from dag_gateway.clusters.api import Api
from dag_gateway.clusters.errors import AccessDenied
from dag_gateway.clusters.informers import Informers
from dag_gateway.clusters.lease import Lease
from dag_gateway.clusters.resources import CRDS, EVENTS, PODS, SECRETS, Selection
from dag_gateway.clusters.watch import REFUSALS
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes.cluster_api import api_of
from tests.fakes.fast_clock import FastClock
from tests.fakes.informed import Watcher, informed, names, requests
from tests.fakes.watched_objects import more_requests, none_open, pod, secret

WEB = Selection(PODS, "shop", labels="app=web")
API = Selection(PODS, "shop", labels="app=api")
ELSEWHERE = Selection(PODS, "elsewhere", labels="app=web")
RELEASES = Selection(SECRETS, "shop", labels="owner=helm,name=web", metadata_only=True)
FIRST = Selection(SECRETS, "shop", name="v1")


async def test_one_watch_of_the_whole_cluster_answers_everybody() -> None:
    async with informed(pod("a", app="web"), pod("b", app="api"), pod("c", namespace="elsewhere", app="web")) as (
        sim,
        watcher,
    ):
        leases = [await watcher.synced(selection) for selection in (WEB, API, ELSEWHERE, WEB)]
        assert [names(lease) for lease in leases] == [["a"], ["b"], ["c"], ["a"]]
        await sim.apply(pod("d", app="web"))
        await watcher.until(lambda: names(leases[0]) == names(leases[3]) == ["a", "d"])

        assert sorted(set(requests(sim, "pods"))) == ["list /api/v1/pods", "watch /api/v1/pods"]
        assert len(requests(sim, "pods")) == 2


async def test_what_a_lease_holds_is_looked_up_once_for_each_change_of_it() -> None:
    async with informed(pod("a", app="web")) as (sim, watcher):
        web, api = await watcher.synced(WEB), await watcher.synced(API)
        held = web.objects
        await sim.apply(pod("b", app="api"))
        await watcher.until(lambda: names(api) == ["b"])
        assert web.objects is held
        await sim.apply(pod("c", app="web"))
        await watcher.until(lambda: names(web) == ["a", "c"])
        assert names(api) == ["b"]


async def test_other_fields_are_another_watch() -> None:
    async with informed() as (sim, watcher):
        await watcher.synced(Selection(EVENTS, "shop", fields="reason=FailedCreate"))
        await watcher.synced(Selection(EVENTS, "shop", fields="type=Warning"))
        assert len([path for path in requests(sim, "events") if path.startswith("list")]) == 2


async def test_who_comes_later_has_everything_at_once() -> None:
    async with informed(pod("a", app="web")) as (_, watcher):
        await watcher.synced(API)
        late = watcher.take(WEB)
        assert late.synced
        assert names(late) == ["a"]


async def test_where_the_cluster_may_not_be_read_each_namespace_has_a_watch_of_its_own() -> None:
    async with informed(pod("a", app="web"), pod("c", namespace="elsewhere", app="web")) as (sim, watcher):
        sim.faults.roles_only = True
        early = [watcher.take(WEB), watcher.take(API), watcher.take(ELSEWHERE)]
        await watcher.until(lambda: all(lease.synced for lease in early))
        late = await watcher.synced(WEB)
        await sim.apply(pod("d", app="web"))
        await watcher.until(lambda: names(late) == names(early[0]) == ["a", "d"])

        assert [names(lease) for lease in early] == [["a", "d"], [], ["c"]]
        listed = [path for path in requests(sim, "pods") if path.startswith("list")]
        assert sorted(listed) == [
            "list /api/v1/namespaces/elsewhere/pods",
            "list /api/v1/namespaces/shop/pods",
            "list /api/v1/pods",
        ]


async def test_a_permission_for_the_cluster_that_is_taken_away_leaves_the_namespaces() -> None:
    async with informed(pod("a", app="web"), clock=FastClock()) as (sim, watcher):
        lease = await watcher.synced(WEB)
        sim.faults.roles_only = True
        sim.drop_watches()
        await watcher.until(lambda: "list /api/v1/namespaces/shop/pods" in requests(sim, "pods") and lease.synced)
        assert names(lease) == ["a"]
        assert lease.loss is None
        assert lease.refused is None


async def test_the_scope_of_a_namespace_never_asks_for_the_cluster() -> None:
    async with informed(scope="namespace") as (sim, watcher):
        await watcher.synced(WEB)
        await watcher.synced(ELSEWHERE)
        assert "list /api/v1/pods" not in requests(sim, "pods")


async def test_the_scope_of_the_cluster_says_what_is_missing_in_its_role() -> None:
    async with informed(scope="cluster", clock=FastClock()) as (sim, watcher):
        sim.faults.roles_only = True
        lease = watcher.take(WEB)
        await watcher.until(lambda: lease.refused)
        assert isinstance(lease.refused, AccessDenied)
        assert "list pods in all namespaces; add to its ClusterRole: " in lease.refused.message


async def test_what_belongs_to_the_whole_cluster_can_not_be_narrowed() -> None:
    async with informed(clock=FastClock()) as (sim, watcher):
        sim.faults.forbidden.add(("list", CRDS.plural))
        lease = watcher.take(Selection(CRDS, "", name="x"))
        await watcher.until(lambda: lease.refused)
        assert not lease.synced


async def test_a_refusal_ends_the_watch_and_the_next_who_wants_it_asks_again() -> None:
    async with informed(pod("a", app="web"), clock=FastClock(), scope="namespace") as (sim, watcher):
        sim.faults.forbidden.add(("list", "pods"))
        refused = watcher.take(WEB)
        await watcher.until(lambda: refused.refused)
        sim.faults.forbidden.clear()

        assert names(await watcher.synced(WEB)) == ["a"]
        assert not refused.synced
        watcher.release()


async def test_an_idle_watch_ends_after_a_while() -> None:
    async with informed(linger=0.0) as (sim, watcher):
        leases = [await watcher.synced(WEB), await watcher.synced(API)]
        await sim.apply(pod("a", app="web"))
        await watcher.until(lambda: names(leases[0]))
        assert sim.open_watches == 1
        watcher.release()
        await none_open(sim)


async def test_who_comes_before_it_ends_keeps_it() -> None:
    async with informed(linger=3600.0) as (sim, watcher):
        for number in ("1", "2", "3"):
            lease = await watcher.synced(WEB)
            await sim.apply(pod(number, app="web"))
            await watcher.until(lambda: number in names(lease))  # noqa: B023  # as below
            watcher.release()
        assert len(requests(sim, "pods")) == 2


async def test_closing_ends_every_watch() -> None:
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(simulated_cluster(controllers=False))
        await sim.apply(secret("v1", owner="helm", name="web"))
        async with informers_of(sim) as watcher:
            for selection in (WEB, RELEASES, FIRST):
                await watcher.synced(selection)
        await none_open(sim)


@asynccontextmanager
async def informers_of(sim: SimulatedCluster) -> AsyncIterator[Watcher]:
    async with api_of(sim.url, sim.token) as api:
        informers = Informers(api, SystemClock())
        yield Watcher(informers)
        await informers.aclose()


async def test_a_cluster_that_is_away_is_a_loss_since_it_was_first_noticed() -> None:
    clock = FastClock()
    async with informed(pod("a", app="web"), clock=clock) as (sim, watcher):
        lease = await watcher.synced(WEB)
        sim.unavailable = True
        await watcher.until(lambda: lease.loss)
        first = lease.loss
        assert first is not None
        assert first.message.startswith("cluster production does not answer")
        assert first.since <= clock.now()
        await sim.apply(pod("b", app="web"))
        await clock.sleep(60)
        assert lease.loss == first
        assert names(lease) == ["a"]
        sim.unavailable = False
        await watcher.until(lambda: lease.loss is None)
        await watcher.until(lambda: names(lease) == ["a", "b"])


class ForgetfulApi(Api):
    """An edge with a mistake in it."""

    async def events(self, selection: Selection, version: str) -> AsyncGenerator[Mapping[str, Any], None]:
        yield {"type": "ADDED"}


async def test_a_watch_that_dies_of_something_unforeseen_is_not_silent_and_not_for_ever() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token, kind=ForgetfulApi) as api:
        informers = Informers(api, SystemClock())
        watcher = Watcher(informers)
        for _ in range(2):
            lease = watcher.take(WEB)
            await watcher.until(lambda: died(lease))  # noqa: B023  # it is asked for within the round
            with pytest.raises(RuntimeError, match=r"the watch of pods in namespace shop died unexpectedly") as caught:
                lease.check()
            assert isinstance(caught.value.__cause__, KeyError)
        await informers.aclose()


def died(lease: Lease) -> bool:
    try:
        lease.check()
    except RuntimeError:
        return True
    return False


async def test_a_permission_is_shown_by_a_watch_that_works() -> None:
    async with informed() as (_, watcher):
        informers = watcher.informers
        assert not informers.follows(WEB)
        await watcher.synced(WEB)
        assert informers.follows(replace(WEB, namespace="another", labels=""))
        assert not informers.follows(Selection(EVENTS, "shop"))


async def test_a_watch_that_is_refused_while_nobody_looks_just_ends() -> None:
    async with informed(clock=FastClock(), scope="namespace", linger=1e6) as (sim, watcher):
        sim.faults.forbidden.add(("list", "pods"))
        watcher.take(WEB)
        watcher.release()
        await more_requests(sim, REFUSALS)
        sim.faults.forbidden.clear()
        early = watcher.take(WEB)  # the last refusal may be on its way still
        await watcher.until(lambda: early.synced or early.refused)
        watcher.release()
        assert (await watcher.synced(WEB)).objects == ()


class StubbornApi(Api):
    """An edge that does not let go without a complaint."""

    async def events(self, selection: Selection, version: str) -> AsyncGenerator[Mapping[str, Any], None]:
        try:
            yield {"type": "BOOKMARK", "object": {}}
            await asyncio.Event().wait()
        finally:
            raise ValueError("not now")


async def test_a_watch_that_can_not_be_ended_properly_does_no_harm_to_the_next() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token, kind=StubbornApi) as api:
        informers = Informers(api, SystemClock(), linger=0.0)
        watcher = Watcher(informers)
        for count in (1, 2):
            await watcher.synced(WEB)
            watcher.release()
            while informers.follows(WEB):  # noqa: ASYNC110  # nobody is told, as nobody looks
                await asyncio.sleep(0)
            assert len(requests(sim, "pods")) == count
        await informers.aclose()
