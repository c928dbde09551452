import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dag_gateway.clusters.errors import AccessDenied
from dag_gateway.clusters.objects import name
from dag_gateway.clusters.resources import SECRETS, Selection
from dag_gateway.clusters.watch import REFUSALS, Change, Gone, Lost, Seen, Synced, backoff, changes_of
from dag_gateway.simulator import kinds
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.server import serving
from tests.fakes.cluster_api import api_of
from tests.fakes.fast_clock import FastClock
from tests.fakes.watched_objects import secret

ALL = Selection(SECRETS, "shop")
ODD = Selection(SECRETS, "shop", labels="odd=yes")


@asynccontextmanager
async def watched(
    *objects: dict[str, object], selection: Selection = ALL
) -> AsyncIterator[tuple[SimulatedCluster, AsyncGenerator[Change, None]]]:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        await sim.apply(*objects)
        async with aclosing(changes_of(api, FastClock(), selection)) as changes:
            yield sim, changes


def lists(sim: SimulatedCluster) -> int:
    return sum(1 for _, path in sim.request_log if "/secrets" in path and "watch=" not in path)


def told(change: Change) -> tuple[str, str]:
    match change:
        case Seen(obj) | Gone(obj):
            return type(change).__name__, name(obj)
        case _:
            return type(change).__name__, ""


async def next_of(changes: AsyncGenerator[Change, None], count: int) -> list[tuple[str, str]]:
    return [told(await anext(changes)) for _ in range(count)]


async def test_what_there_is_comes_before_the_mark() -> None:
    async with watched(secret("a"), secret("b")) as (_, changes):
        assert await next_of(changes, 3) == [("Seen", "a"), ("Seen", "b"), ("Synced", "")]


async def test_changes_follow_the_mark() -> None:
    async with watched(secret("a")) as (sim, changes):
        await next_of(changes, 2)
        await sim.apply(secret("a", colour="red"), secret("b"))
        sim.delete(kinds.SECRET, "shop", "a")

        assert await next_of(changes, 3) == [("Seen", "a"), ("Seen", "b"), ("Gone", "a")]


async def test_an_object_that_is_no_longer_selected_has_gone() -> None:
    async with watched(secret("a", odd="yes"), selection=ODD) as (sim, changes):
        await next_of(changes, 2)
        await sim.apply(secret("a", odd="no"))

        assert await next_of(changes, 1) == [("Gone", "a")]


async def test_a_dropped_watch_goes_on_where_it_was_without_a_new_list() -> None:
    async with watched(secret("a")) as (sim, changes):
        await next_of(changes, 2)
        for number in range(3):
            sim.drop_watches()
            await sim.apply(secret(f"b{number}"))
            assert await next_of(changes, 1) == [("Seen", f"b{number}")]

        assert lists(sim) == 1


async def test_after_the_history_expired_a_new_list_tells_only_what_changed() -> None:
    async with watched(secret("a"), secret("b"), secret("c")) as (sim, changes):
        await next_of(changes, 4)
        sim.unavailable = True
        assert await next_of(changes, 1) == [("Lost", "")]
        sim.delete(kinds.SECRET, "shop", "a")
        await sim.apply(secret("b", colour="red"), secret("d"))
        sim.expire_history()
        sim.unavailable = False
        rest = [change for change in [told(await anext(changes)) for _ in range(4)] if change != ("Lost", "")]
        while rest[-1] != ("Synced", ""):
            rest += [change for change in await next_of(changes, 1) if change != ("Lost", "")]

    assert rest == [("Gone", "a"), ("Seen", "b"), ("Seen", "d"), ("Synced", "")]


async def test_an_expired_version_leads_to_a_new_list() -> None:
    async with watched(secret("a")) as (sim, changes):
        await next_of(changes, 2)
        sim.faults.forbidden.add(("watch", "secrets"))
        sim.drop_watches()
        await sim.apply(secret("b"), secret("c"))
        sim.expire_history()
        sim.faults.forbidden.clear()

        assert ("Seen", "c") in await next_of(changes, 3)
        assert lists(sim) >= 2


async def test_a_cluster_that_is_away_is_lost_once_per_attempt_and_named() -> None:
    async with watched() as (sim, changes):
        await next_of(changes, 1)
        sim.unavailable = True
        lost = [await anext(changes) for _ in range(3)]

    assert all(isinstance(change, Lost) for change in lost)
    assert lost[0] == Lost("cluster production does not answer: HTTP status 503 for list secrets in namespace shop")


async def test_a_refusal_that_lasts_is_raised() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        sim.faults.forbidden.add(("list", "secrets"))
        async with aclosing(changes_of(api, FastClock(), ALL)) as changes:
            assert await next_of(changes, REFUSALS - 1) == [("Lost", "")] * (REFUSALS - 1)
            with pytest.raises(AccessDenied, match=r"does not let the gateway list secrets in namespace shop"):
                await anext(changes)


async def test_a_refusal_to_watch_is_raised_though_listing_is_allowed() -> None:
    async with watched() as (sim, changes):
        sim.faults.forbidden.add(("watch", "secrets"))
        refused = [("Synced", ""), ("Lost", "")] * (REFUSALS - 1)
        assert await next_of(changes, len(refused) + 1) == [*refused, ("Synced", "")]
        with pytest.raises(AccessDenied, match=r'verbs: \["list", "watch"\]'):
            await anext(changes)


async def test_a_refusal_that_passes_is_forgotten() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        sim.faults.forbidden.add(("list", "secrets"))
        async with aclosing(changes_of(api, FastClock(), ALL)) as changes:
            assert await next_of(changes, 2) == [("Lost", ""), ("Lost", "")]
            sim.faults.forbidden.clear()
            assert await next_of(changes, 1) == [("Synced", "")]


def test_attempts_come_later_and_later_up_to_a_bound() -> None:
    assert backoff(0) == 0.0
    assert 0.125 <= backoff(1) <= 0.25
    assert 1.0 <= backoff(4) <= 2.0
    assert 7.5 <= backoff(1000) <= 15.0


def test_a_change_that_is_only_a_mark_has_no_object() -> None:
    assert told(Synced()) == ("Synced", "")


async def test_a_watch_goes_on_after_the_newest_bookmark() -> None:
    asked: list[str] = []

    async def answer(request: Request) -> Response:
        if "watch" not in request.query_params:
            return JSONResponse({"metadata": {"resourceVersion": "5"}, "items": []})
        asked.append(request.query_params["resourceVersion"])
        bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}
        added = {"type": "ADDED", "object": secret("a")}
        return PlainTextResponse(f"\n{json.dumps(bookmark)}\n" if len(asked) == 1 else f"{json.dumps(added)}\n")

    app = Starlette(routes=[Route("/{path:path}", answer)])
    async with (
        serving(app) as url,
        api_of(url, "token") as api,
        aclosing(changes_of(api, FastClock(), ALL)) as changes,
    ):
        assert await next_of(changes, 2) == [("Synced", ""), ("Seen", "a")]

    assert asked == ["5", "9"]


async def test_a_connection_that_breaks_in_the_middle_of_an_event_loses_nothing() -> None:
    event = json.dumps({"type": "ADDED", "object": secret("a")}).encode() + b"\n"
    page = b'{"metadata": {"resourceVersion": "5"}, "items": []}'
    answers = [(page, page), (event, event[:20]), (event, event)]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        whole, sent = answers.pop(0)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(whole)}\r\nConnection: close\r\n\r\n".encode() + sent)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        api_of(f"http://127.0.0.1:{port}", "token") as api,
        aclosing(changes_of(api, FastClock(), ALL)) as changes,
    ):
        assert await next_of(changes, 2) == [("Synced", ""), ("Seen", "a")]

    assert answers == []
