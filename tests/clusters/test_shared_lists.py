"""Fresh lists for many: a list begins after all those asked whom it answers, and the API is asked seldom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dag_gateway.clusters.api import Api, Page
from dag_gateway.clusters.errors import Forbidden
from dag_gateway.clusters.objects import Object, name
from dag_gateway.clusters.resources import PODS, SECRETS, Selection
from dag_gateway.clusters.shared_lists import SharedLists
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes.cluster_api import api_of
from tests.fakes.informed import informed
from tests.fakes.watched_objects import pod, secret

WEB, API = (Selection(PODS, "shop", labels=f"app={name}") for name in ("web", "api"))
ONE = Selection(PODS, "shop", name="a")


class HeldApi(Api):
    """Its answers come from the server at once and are handed on when ``go`` is set; ``reached`` counts them."""

    go: asyncio.Event
    reached: asyncio.Semaphore
    broken_off = 0

    async def list_objects(self, selection: Selection) -> Page:
        page = await super().list_objects(selection)
        self.reached.release()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            type(self).broken_off += 1
            raise
        return page


@asynccontextmanager
async def held(count: int | None) -> AsyncIterator[tuple[SimulatedCluster, SharedLists, type[HeldApi]]]:
    """Two pods of the one and one of the other; the watches are said to know of ``count``."""

    class Held(HeldApi):
        go = asyncio.Event()
        reached = asyncio.Semaphore(0)

    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token, kind=Held) as api:
        await sim.apply(pod("a", app="web"), pod("b", app="web"), pod("c", app="api"))
        lists = SharedLists(api, lambda place: count)
        try:
            yield sim, lists, Held
        finally:
            await lists.aclose()


def queries(sim: SimulatedCluster) -> list[str]:
    """What was asked of the pods, without the paging."""
    return [path.partition("limit=500")[2].lstrip("&") for _, path in sim.request_log if "/pods" in path]


def names(objects: tuple[Object, ...]) -> list[str]:
    return [name(obj) for obj in objects]


async def read_by(lists: SharedLists, *selections: Selection) -> list[asyncio.Task[tuple[Object, ...]]]:
    """All of them have asked when this returns."""
    tasks = [asyncio.create_task(lists.read(selection)) for selection in selections]
    await asyncio.sleep(0)
    return tasks


async def test_those_who_ask_at_the_same_time_share_one_list_of_the_whole_place() -> None:
    async with held(count=3) as (sim, lists, api):
        api.go.set()
        found = await asyncio.gather(*await read_by(lists, WEB, API, ONE, WEB))
        assert [names(one) for one in found] == [["a", "b"], ["c"], ["a"], ["a", "b"]]
        assert queries(sim) == [""]


@pytest.mark.parametrize("count", [None, 1000], ids=["not known", "far more"])
async def test_where_the_whole_is_large_or_not_known_each_part_is_listed_once(count: int | None) -> None:
    async with held(count) as (sim, lists, api):
        api.go.set()
        found = await asyncio.gather(*await read_by(lists, WEB, API, ONE, WEB))
        assert [names(one) for one in found] == [["a", "b"], ["c"], ["a"], ["a", "b"]]
        assert sorted(queries(sim)) == [
            "fieldSelector=metadata.name%3Da",
            "labelSelector=app%3Dapi",
            "labelSelector=app%3Dweb",
        ]


async def test_no_answer_is_from_a_list_that_began_before_the_question() -> None:
    async with held(count=3) as (sim, lists, api):
        (early,) = await read_by(lists, WEB)
        await api.reached.acquire()
        await sim.apply(pod("d", app="web"))
        (late,) = await read_by(lists, WEB)
        await api.reached.acquire()
        api.go.set()

        assert names(await early) == ["a", "b"]
        assert names(await late) == ["a", "b", "d"]


async def test_who_asks_while_two_are_under_way_shares_the_third() -> None:
    async with held(count=3) as (sim, lists, api):
        first = await read_by(lists, WEB)
        await api.reached.acquire()
        second = await read_by(lists, WEB)
        await api.reached.acquire()
        waiting = await read_by(lists, WEB, API, ONE, API)
        await sim.apply(pod("d", app="api"))
        assert len(queries(sim)) == 2
        api.go.set()
        await asyncio.gather(*first, *second)

        assert [names(one) for one in await asyncio.gather(*waiting)] == [["a", "b"], ["c", "d"], ["a"], ["c", "d"]]
        assert queries(sim)[2:] == [""]


async def test_who_gives_up_waiting_disturbs_nobody_else() -> None:
    async with held(count=3) as (sim, lists, api):
        impatient, patient = await read_by(lists, WEB, WEB)
        await api.reached.acquire()
        impatient.cancel()
        await asyncio.wait([impatient])
        api.go.set()

        assert names(await patient) == ["a", "b"]
        assert len(queries(sim)) == 1


async def test_a_list_that_nobody_waits_for_is_broken_off_and_the_next_begins() -> None:
    async with held(count=3) as (_, lists, api):
        abandoned = [*await read_by(lists, WEB), *await read_by(lists, API)]
        for _ in abandoned:
            await api.reached.acquire()
        (waiting,) = await read_by(lists, ONE)
        for task in abandoned:
            task.cancel()
        await api.reached.acquire()
        api.go.set()

        assert names(await waiting) == ["a"]
        assert api.broken_off == len(abandoned)


async def test_who_has_left_before_it_begins_is_not_asked_for() -> None:
    async with held(count=3) as (sim, lists, api):
        api.go.set()
        (gone,) = await read_by(lists, WEB)
        gone.cancel()
        await asyncio.wait([gone])
        (there,) = await read_by(lists, API)

        assert names(await there) == ["c"]
        assert len(queries(sim)) == 1


@pytest.mark.parametrize("count", [None, 3], ids=["by parts", "the whole"])
async def test_a_refusal_is_told_to_all_and_is_not_kept(count: int | None) -> None:
    async with held(count) as (sim, lists, api):
        api.go.set()
        sim.faults.forbidden.add(("list", "pods"))
        for task in await read_by(lists, WEB, API, WEB):
            with pytest.raises(Forbidden, match="does not let the gateway list pods in namespace shop"):
                await task
        sim.faults.forbidden.clear()
        assert names(await lists.read(WEB)) == ["a", "b"]


async def test_closing_leaves_nobody_waiting() -> None:
    async with held(count=3) as (_, lists, api):
        asked = [*await read_by(lists, WEB), *await read_by(lists, API)]
        for _ in asked:
            await api.reached.acquire()
        asked += await read_by(lists, ONE)
        await lists.aclose()
        await asyncio.wait(asked)
        assert all(task.cancelled() for task in asked)


async def test_what_is_in_a_place_is_known_from_a_watch_of_all_of_it() -> None:
    pods = [pod("a", app="web"), pod("b", app="api"), pod("c", namespace="elsewhere", app="web")]
    async with informed(*pods, secret("v1", owner="helm")) as (_, watcher):
        count = watcher.informers.count
        assert count(WEB.whole()) is None
        await watcher.synced(WEB)
        await watcher.synced(Selection(SECRETS, "shop", labels="owner=helm", metadata_only=True))
        assert [count(WEB.whole()), count(Selection(PODS, "elsewhere")), count(Selection(PODS, "nowhere"))] == [2, 1, 0]
        assert count(Selection(SECRETS, "shop")) is None
        assert count(Selection(SECRETS, "shop", metadata_only=True)) is None
