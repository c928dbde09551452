"""Places for uploads and streams are taken, waited for, and given back whatever happens."""

import asyncio
from contextlib import AsyncExitStack, ExitStack

import pytest

from dag_gateway.web.places import StreamPlaces, TooManyStreams, TooManyUploads, UploadPlaces

HERE, THERE = "192.0.2.1", "192.0.2.2"


async def test_who_finds_no_place_in_time_is_sent_away() -> None:
    places = UploadPlaces(1, 1, patience=0.01)
    text = (
        r"^no place became free within 0\.01 s \(server\.limits\.upload_wait\): 1 uploads are taken in at "
        r"the same time \(uploads\), 1 of one address \(uploads_per_address\); try again$"
    )
    async with places.one(HERE):
        for address in (HERE, THERE):
            with pytest.raises(TooManyUploads, match=text):
                async with places.one(address):
                    raise AssertionError("a place that nobody has")
    async with places.one(THERE):
        pass


async def test_one_address_can_not_take_all_places() -> None:
    places = UploadPlaces(3, 2, patience=0.01)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(places.one(HERE))
        with pytest.raises(TooManyUploads, match="of one address"):
            await stack.enter_async_context(places.one(HERE))
        await stack.enter_async_context(places.one(THERE))


async def test_who_waits_gets_the_next_place() -> None:
    places = UploadPlaces(1, 1, patience=60.0)
    order: list[int] = []

    async def one(number: int) -> None:
        async with places.one(HERE):
            order.append(number)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(one(number))
    assert order == list(range(10))


async def test_who_leaves_while_waiting_takes_nothing_along() -> None:
    places = UploadPlaces(1, 2, patience=60.0)

    async def pass_through() -> None:
        async with places.one(HERE):
            pass

    async with places.one(HERE):
        waiting = asyncio.create_task(pass_through())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    async with asyncio.timeout(60):
        await asyncio.gather(pass_through(), pass_through())


def test_a_client_has_so_many_streams() -> None:
    places = StreamPlaces(2)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(places.one(HERE))
        text = r"^192\.0\.2\.1 has as many event streams open as it may: 2 \(server\.limits\.streams_per_address\)$"
        with pytest.raises(TooManyStreams, match=text):
            stack.enter_context(places.one(HERE))
        stack.enter_context(places.one(THERE))
    with places.one(HERE):
        pass


def test_without_a_limit_any_number_of_streams_may_be_open() -> None:
    places = StreamPlaces(0)
    with ExitStack() as stack:
        for _ in range(1001):
            stack.enter_context(places.one(HERE))
