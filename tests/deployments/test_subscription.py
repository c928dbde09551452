"""A listener hears everything in order, is sent away when it falls too far behind, and costs nobody else anything."""

import asyncio
from collections import Counter

import pytest

from dag_gateway.deployments.heartbeats import Heartbeats
from dag_gateway.deployments.subscription import BACKLOG, FAREWELLS, HEARTBEAT, Subscription
from dag_gateway.deployments.transcript import Transcript
from dag_gateway.model.event import Event, status_news
from dag_gateway.store import Snapshot
from tests.fakes.deployments import NOON, a_deployment

NEWS = status_news(a_deployment(), NOON)


def a_transcript(events: int) -> Transcript:
    return Transcript(Snapshot(a_deployment(), events), [Event(number, NEWS) for number in range(1, events + 1)])


def a_listener(transcript: Transcript, position: int = 0) -> Subscription:
    return Subscription(transcript, position, (), lambda _: None)


def more(transcript: Transcript, events: int) -> None:
    transcript.add([Event(transcript.last + number, NEWS) for number in range(1, events + 1)])


async def rest(listener: Subscription) -> list[bytes]:
    return [frame async for frame in listener]


async def test_who_falls_too_far_behind_is_sent_away_to_come_back() -> None:
    transcript = a_transcript(1)
    slow, quick = a_listener(transcript), a_listener(transcript, 1)
    more(transcript, BACKLOG)
    assert await anext(slow) == transcript.frame(1)
    assert [await anext(quick) for _ in range(BACKLOG)] == transcript.frames[1:]
    more(transcript, 2)
    (farewell,) = await rest(slow)
    assert farewell in FAREWELLS
    assert [await anext(quick) for _ in range(2)] == transcript.frames[-2:]


async def test_a_long_log_alone_makes_nobody_slow() -> None:
    transcript = a_transcript(3 * BACKLOG)
    listener = a_listener(transcript)
    listener.finish()
    assert await rest(listener) == transcript.frames


async def test_who_is_far_back_in_a_long_log_may_fall_behind_only_in_what_is_new() -> None:
    transcript = a_transcript(3 * BACKLOG)
    listener = a_listener(transcript)
    assert await anext(listener) == transcript.frame(1)
    more(transcript, BACKLOG)
    assert await anext(listener) == transcript.frame(2)
    more(transcript, 1)
    (farewell,) = await rest(listener)
    assert farewell in FAREWELLS


async def test_the_end_comes_behind_what_is_still_to_be_told() -> None:
    transcript = a_transcript(1)
    listener = a_listener(transcript)
    waiting = asyncio.create_task(rest(listener))
    await asyncio.sleep(0)
    more(transcript, 2)
    listener.finish()
    assert await waiting == transcript.frames


async def test_closing_ends_the_stream_for_whoever_waits_for_it() -> None:
    left: list[Subscription] = []
    listener = Subscription(a_transcript(1), 1, (), left.append)
    waiting = asyncio.create_task(rest(listener))
    await asyncio.sleep(0)
    listener.close()
    assert await waiting == []
    assert left == [listener]


async def test_a_heartbeat_waits_until_there_is_nothing_else_to_tell() -> None:
    transcript = a_transcript(1)
    listener = a_listener(transcript)
    listener.beat()
    listener.beat()
    assert [await anext(listener) for _ in range(2)] == [transcript.frame(1), HEARTBEAT]
    listener.dismiss()
    (farewell,) = await rest(listener)
    assert farewell in FAREWELLS


async def test_all_listeners_share_one_clock_and_not_one_moment() -> None:
    heartbeats, listeners = Heartbeats(15.0), [a_listener(a_transcript(1), 1) for _ in range(120)]
    for listener in listeners:
        heartbeats.join(listener)
    assert set(Counter(listener.turn for listener in listeners).values()) == {2}


async def test_who_has_left_gets_no_heartbeat() -> None:
    heartbeats, stays, leaves = Heartbeats(0.001), a_listener(a_transcript(1), 1), a_listener(a_transcript(1), 1)
    heartbeats.join(stays)
    heartbeats.join(leaves)
    heartbeats.leave(leaves)
    heartbeats.leave(leaves)
    ticking = asyncio.create_task(heartbeats.run())
    assert [await anext(stays) for _ in range(3)] == [HEARTBEAT] * 3
    ticking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ticking
    leaves.dismiss()
    (farewell,) = await rest(leaves)
    assert farewell in FAREWELLS
