"""Following a deployment over streams that break in every way."""

import socket

import pytest

from dag_gateway.cli.api_client import open_gateway
from dag_gateway.cli.exits import OutcomeUnknown
from dag_gateway.cli.follow import follow
from dag_gateway.cli.sse import ServerEvent
from tests.fakes.gateway import DEPLOYMENT, Ending, FakeGateway, Stream, status_event, target_event
from tests.fakes.skipping_clock import SkippingClock

FIRST = status_event(1, "pending") + target_event(2, "pending")
REST = status_event(3, "monitoring") + status_event(4, "deployed")
HEARTBEAT = b"event: heartbeat\r\ndata: {}\r\n\r\n"


async def followed(url: str, clock: SkippingClock, notes: list[str]) -> list[ServerEvent]:
    async with open_gateway(url, clock, notes.append) as opened:
        return [event async for event in follow(opened, DEPLOYMENT, clock, notes.append)]


async def ids(gateway: FakeGateway, *streams: Stream, clock: SkippingClock | None = None) -> list[str]:
    gateway.streams = list(streams)
    return [event.id for event in await followed(gateway.url, clock or SkippingClock(), [])]


async def test_a_stream_is_read_to_its_terminal_event(gateway: FakeGateway) -> None:
    assert await ids(gateway, Stream(FIRST + REST)) == ["1", "2", "3", "4"]
    assert gateway.last_ids == [None]


async def test_nothing_is_waited_for_after_the_terminal_event(gateway: FakeGateway) -> None:
    assert await ids(gateway, Stream(FIRST + REST, Ending.HANG)) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("ending", [Ending.CUT, Ending.CLEAN])
async def test_a_broken_stream_is_resumed_after_the_last_event(ending: Ending, gateway: FakeGateway) -> None:
    assert await ids(gateway, Stream(FIRST, ending), Stream(REST)) == ["1", "2", "3", "4"]
    assert gateway.last_ids == [None, "2"]


async def test_half_an_event_is_asked_for_again(gateway: FakeGateway) -> None:
    assert await ids(gateway, Stream(FIRST + REST[:30], Ending.CUT), Stream(REST)) == ["1", "2", "3", "4"]
    assert gateway.last_ids == [None, "2"]


async def test_the_retry_of_the_server_is_honoured(gateway: FakeGateway) -> None:
    clock = SkippingClock()
    await ids(gateway, Stream(FIRST + b"retry: 4000\r\n\r\n"), Stream(REST), clock=clock)
    assert [4 <= wait <= 5 for wait in clock.slept] == [True]


async def test_204_ends_it_without_a_terminal_event(gateway: FakeGateway) -> None:
    assert await ids(gateway, Stream(FIRST, Ending.CUT), Stream(status=204)) == ["1", "2"]


@pytest.mark.parametrize(
    "trouble",
    [
        Stream(b"<html>", status=502, media_type="text/html"),
        Stream(b"<html>please log in</html>", media_type="text/html"),
        Stream(b"x" * 100_000, status=500, media_type="text/plain"),
        Stream(b"data: " + b"x" * (1024 * 1024 + 1)),
        Stream(b""),
    ],
)
async def test_what_may_pass_is_tried_again(trouble: Stream, gateway: FakeGateway) -> None:
    assert await ids(gateway, Stream(FIRST, Ending.CUT), trouble, trouble, Stream(REST)) == ["1", "2", "3", "4"]
    assert gateway.last_ids == [None, "2", "2", "2"]


async def test_a_draining_gateway_is_given_the_time_it_asks_for(gateway: FakeGateway) -> None:
    clock = SkippingClock()
    busy = Stream(b"{}", status=503, media_type="application/json", headers={"retry-after": "8"})
    await ids(gateway, busy, Stream(REST), clock=clock)
    assert [8 <= wait <= 10 for wait in clock.slept] == [True]


async def test_waits_grow_until_something_is_heard_again(gateway: FakeGateway) -> None:
    clock, silent = SkippingClock(), Stream(b"")
    await ids(gateway, silent, silent, silent, Stream(HEARTBEAT), silent, Stream(REST), clock=clock)
    assert [int(wait) for wait in clock.slept] == [1, 2, 4, 1, 2]


async def test_a_gateway_that_forgot_the_deployment_leaves_the_outcome_unknown(gateway: FakeGateway) -> None:
    gone = Stream(b'{"error": "no such deployment", "code": "not_found"}', status=404, media_type="application/json")
    text = r"the deployment can not be followed any more: no such deployment \(HTTP 404, not_found\)"
    with pytest.raises(OutcomeUnknown, match=text):
        await ids(gateway, Stream(FIRST, Ending.CUT), gone)


async def test_a_gateway_that_stays_away_leaves_the_outcome_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    clock, notes = SkippingClock(), list[str]()
    with pytest.raises(OutcomeUnknown, match=rf"{url}: the stream is lost for good: the stream broke: "):
        await followed(url, clock, notes)
    assert len(clock.slept) == len(notes) == 20
    assert sum(clock.slept) > 240


async def test_every_reconnect_is_told(gateway: FakeGateway) -> None:
    notes: list[str] = []
    gateway.streams = [Stream(FIRST), Stream(REST)]
    await followed(gateway.url, SkippingClock(), notes)
    assert notes == ["the stream ended before the deployment did; connecting again in 1 s"]
