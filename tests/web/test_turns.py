"""Turns are taken client by client, waited for, and given back whatever happens."""

import asyncio

import pytest

from dag_gateway.web.turns import NoTurn, Turns

FIRST, SECOND, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"
LONG = 60.0
SOON = 0.01


async def test_clients_take_turns_however_much_one_of_them_asks_for() -> None:
    turns, order = Turns(1, 10, LONG), list[str]()

    async def ask(client: str) -> None:
        async with turns.one(client):
            order.append(client)

    async with asyncio.TaskGroup() as group, turns.one("somebody"):
        for client in [FIRST] * 4 + [SECOND] * 2 + [THIRD]:
            group.create_task(ask(client))
        await asyncio.sleep(0)
        assert len(turns) == 7
    assert order == [FIRST, SECOND, THIRD, FIRST, SECOND, FIRST, FIRST]
    assert len(turns) == 0


async def test_only_so_many_have_a_place() -> None:
    turns, inside, most = Turns(2, 10, LONG), 0, 0

    async def ask(client: str) -> None:
        nonlocal inside, most
        async with turns.one(client):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(ask(str(number)))
    assert most == 2


async def test_who_gets_no_turn_in_time_is_told_and_forgotten() -> None:
    turns = Turns(1, 10, SOON)
    async with turns.one("somebody"):
        with pytest.raises(NoTurn):
            async with turns.one(FIRST):
                raise AssertionError("a place that somebody else has")
    assert len(turns) == 0


async def test_a_client_has_so_many_waiting_and_another_one_is_not_concerned() -> None:
    turns = Turns(1, 1, LONG)

    async def ask(client: str) -> None:
        async with turns.one(client):
            pass

    async with asyncio.TaskGroup() as group, turns.one("somebody"):
        group.create_task(ask(FIRST))
        await asyncio.sleep(0)
        with pytest.raises(NoTurn):
            await ask(FIRST)
        group.create_task(ask(SECOND))
        await asyncio.sleep(0)
        assert len(turns) == 2


async def test_whoever_is_not_done_in_time_keeps_nobody_waiting() -> None:
    turns = Turns(1, 10, LONG)
    async with turns.one(FIRST), turns.one(SECOND), turns.one(THIRD):
        pass
    async with asyncio.timeout(LONG), turns.one(FIRST):
        pass


async def test_who_leaves_while_waiting_takes_nothing_along() -> None:
    turns = Turns(1, 10, LONG)

    async def ask(client: str) -> None:
        async with turns.one(client):
            pass

    async with turns.one("somebody"):
        leaving = [asyncio.create_task(ask(FIRST)) for _ in range(3)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        await asyncio.wait(leaving)
        assert len(turns) == 0
    await ask(SECOND)


async def test_who_leaves_at_the_moment_of_its_turn_passes_it_on() -> None:
    turns, served = Turns(1, 10, LONG), asyncio.Event()

    async def ask(client: str) -> None:
        async with turns.one(client):
            served.set()

    async def leave() -> None:
        """Cancelled when it has got the place and does not know yet."""
        async with turns.one(FIRST):
            raise AssertionError("it was cancelled before")

    async with turns.one("somebody"):
        leaving, waiting = asyncio.create_task(leave()), asyncio.create_task(ask(SECOND))
        await asyncio.sleep(0)
    while len(turns) == 2:  # noqa: ASYNC110  # nothing tells of it, and it is the very next step that counts
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving, waiting])
    assert leaving.cancelled()
    assert served.is_set()
