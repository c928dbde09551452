"""Who carries which deployment, on both databases: claimed once, in order, and only by whoever lives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import status_news
from dag_gateway.store import Claim, Database, DeploymentStore, Leases, LostRace, Replica, upgrade
from tests.fakes.deployments import NOON, a_deployment
from tests.fakes.needs import needs
from tests.fakes.postgres import INITDB, PostgresServer

PUSH = (Status.VALIDATING, Status.PUSHING, Status.PUSHED)


together = needs(INITDB)
"""Tests of several processes on one database, which SQLite does not have."""


@pytest.fixture
async def postgresql(postgres_server: PostgresServer) -> AsyncIterator[list[Database]]:
    """Four processes' worth of connections to one database."""
    url = await postgres_server.new_database()
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Database(url)) for _ in range(4)]


async def accepted(database: Database, name: str, environment: str = "production", app: str = "web") -> Deployment:
    fresh = a_deployment(id=name, app=app, environment=environment)
    fresh = replace(fresh, identity=replace(fresh.identity, job_id=name))
    return await DeploymentStore(database).accept(fresh, b"chart", status_news(fresh, NOON))


async def moved(database: Database, claim: Claim, *statuses: Status) -> Deployment:
    old = claim.deployment
    assert old
    for status in statuses:
        new = old.after(status, f"now {status}")
        await DeploymentStore(database).record(old, new, [status_news(new, NOON)], claim.lease)
        old = new
    return old


async def joined(database: Database, name: str) -> Leases:
    leases = Leases(database, Replica(name, f"host/{name}"))
    await leases.join()
    return leases


async def claimed(leases: Leases, most: int = 100) -> list[Claim]:
    """All that can be claimed."""
    work = await leases.work(most)
    return [*await leases.claim(work.claimable)] if work.claimable else []


async def execute(database: Database, statement: str) -> None:
    async with database.write() as connection:
        await connection.execute(text(statement))


def ids(claims: list[Claim]) -> list[str]:
    return [claim.id for claim in claims]


async def test_what_is_claimed_is_not_claimed_again(database: Database) -> None:
    stored = await accepted(database, "d1")
    leases = await joined(database, "r1")
    [claim] = await claimed(leases)
    assert (claim.deployment, claim.number, claim.app, claim.lease) == (stored, stored.number, "web", 1)
    assert await claimed(leases) == []
    assert await leases.claim((await leases.work(9)).claimable) == []


async def test_before_the_push_one_of_an_environment_goes_at_a_time_and_in_order(database: Database) -> None:
    for name, environment in (("d1", "production"), ("d2", "production"), ("d3", "staging"), ("d4", "production")):
        await accepted(database, name, environment)
    leases = await joined(database, "r1")
    first, other = await claimed(leases)
    assert ids([first, other]) == ["d1", "d3"]
    pushing = await moved(database, first, *PUSH[:2])
    assert await claimed(leases) == []
    await moved(database, replace(first, deployment=pushing), Status.PUSHED)
    [second] = await claimed(leases)
    assert second.id == "d2"
    await moved(database, second, Status.FAILED)
    assert ids(await claimed(leases)) == ["d4"]


async def test_what_was_pushed_already_waits_for_nothing(database: Database) -> None:
    leases = await joined(database, "r1")
    for name in ("d1", "d2"):
        await accepted(database, name)
        await moved(database, (await claimed(leases))[0], *PUSH)
    await accepted(database, "d3")
    await accepted(database, "d4")
    await leases.join()
    assert ids(await claimed(leases)) == ["d1", "d2", "d3"]


async def test_whoever_left_has_handed_everything_back(database: Database) -> None:
    await accepted(database, "d1")
    await accepted(database, "d2", "staging")
    first = await joined(database, "r1")
    done, left = await claimed(first)
    await moved(database, done, Status.FAILED)
    await first.leave()
    [again] = await claimed(await joined(database, "r2"))
    assert (again.id, again.lease) == (left.id, 2)
    assert await first.renew([]) is None


async def test_a_former_holder_writes_nothing_more(database: Database) -> None:
    await accepted(database, "d1")
    first = await joined(database, "r1")
    [lost] = await claimed(first)
    await first.join()
    [claim] = await claimed(await joined(database, "r2"))
    with pytest.raises(LostRace, match="d1 was claimed by somebody else, who carries it on"):
        await moved(database, lost, Status.VALIDATING)
    await moved(database, claim, Status.VALIDATING)


async def test_a_renewal_tells_which_lease_is_the_newest(database: Database) -> None:
    for name in ("e1", "e2"):
        await accepted(database, name, environment=name)
    leases = await joined(database, "r1")
    kept, lost = await claimed(leases)
    numbers = [kept.number, lost.number]
    assert await leases.renew(numbers) == {kept.number: 1, lost.number: 1}
    await leases.keep_only([kept.number])
    assert ids(await claimed(leases)) == [lost.id]
    assert await leases.renew(numbers) == {kept.number: 1, lost.number: 2}
    assert await leases.renew([]) == {}


async def test_work_says_how_much_there_is_and_of_each_app_no_more_than_asked_for(database: Database) -> None:
    for number, app in enumerate(["a", "a", "a", "b"]):
        await accepted(database, f"d{number}", f"e{number}", app)
    leases = await joined(database, "r1")
    work = await leases.work(2)
    assert [(one.app, one.lease) for one in work.claimable] == [("a", 0), ("a", 0), ("b", 0)]
    assert (work.waiting, work.carried, work.replicas) == (4, 0, 1)
    await leases.claim(work.claimable[:2])
    work = await leases.work(2)
    assert (len(work.claimable), work.waiting, work.carried) == (2, 2, 2)


async def test_a_record_that_can_not_be_read_does_not_keep_the_others_from_being_claimed(database: Database) -> None:
    await accepted(database, "d1", "e1")
    await accepted(database, "d2", "e2")
    await execute(database, "UPDATE deployments SET targets = '[{}]' WHERE id = 'd1'")
    broken, sound = await claimed(await joined(database, "r1"))
    assert (broken.id, broken.deployment) == ("d1", None)
    assert sound.deployment


async def test_a_new_start_on_sqlite_takes_over_whatever_the_clock_says(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as database:
        await upgrade(database)
        await accepted(database, "d1")
        await claimed(await joined(database, "r1"))
        await execute(database, "UPDATE replicas SET until = 9000000000000")
        assert ids(await claimed(await joined(database, "r2"))) == ["d1"]


@together
async def test_whoever_is_silent_for_too_long_loses_everything_to_those_who_live(postgresql: list[Database]) -> None:
    await accepted(postgresql[0], "d1")
    silent, alive = await joined(postgresql[0], "r1"), await joined(postgresql[1], "r2")
    [lost] = await claimed(silent)
    assert (await alive.work(9)).claimable == ()
    await execute(postgresql[0], "UPDATE replicas SET until = until - 31000 WHERE id = 'r1'")
    assert (await alive.work(9)).replicas == 1
    assert ids(await claimed(alive)) == ["d1"]
    assert await silent.renew([lost.number]) == {lost.number: 2}


@together
async def test_many_who_claim_at_once_never_get_the_same_and_never_out_of_order(postgresql: list[Database]) -> None:
    expected = [f"d{number:03}" for number in range(36)]
    for number, name in enumerate(expected):
        await accepted(postgresql[0], name, f"e{number % 12}")
    taken: list[Claim] = []

    async def work(database: Database, name: str) -> None:
        leases = await joined(database, name)
        while len(taken) < len(expected):
            claims = await leases.claim((await leases.work(3)).claimable)
            taken.extend(claims)
            for claim in claims:
                await moved(database, claim, Status.FAILED)

    async with asyncio.timeout(120):
        await asyncio.gather(*(work(database, f"r{n}{k}") for n, database in enumerate(postgresql) for k in range(2)))
    assert sorted(ids(taken)) == expected
    assert {claim.lease for claim in taken} == {1}
    for environment in range(12):
        of_environment = [claim.number for claim in taken if claim.number % 12 == environment]
        assert of_environment == sorted(of_environment)
