"""What is accepted is durable, what is recorded is numbered, and nobody writes over somebody else."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dag_gateway.errors import NotFound
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import Event, status_news, target_news
from dag_gateway.model.health import progressing
from dag_gateway.store import (
    Database,
    DeploymentNotFound,
    DeploymentStore,
    IdempotencyKey,
    KeyReused,
    LostRace,
    Snapshot,
    Unstorable,
)
from tests.fakes.deployments import IDENTITY, NOON, TARGET, a_deployment
from tests.fakes.stores import a_store


async def accepted(store: DeploymentStore, key: IdempotencyKey | None = None, **known: Any) -> Deployment:
    deployment = a_deployment(number=0, **known)
    return await store.accept(deployment, b"the chart", status_news(deployment, NOON), key)


def raise_(result: object) -> None:
    assert isinstance(result, Exception)
    raise result


async def moved(store: DeploymentStore, old: Deployment, *statuses: Status, **known: Any) -> Deployment:
    for status in statuses:
        new = old.after(status, f"now {status}", **known)
        await store.record(old, new, [status_news(new, NOON)], lease=0)
        old = new
    return old


async def test_what_was_accepted_is_read_back_whole(store: DeploymentStore) -> None:
    stored = await accepted(store)
    snapshot = await store.get(stored.id)
    assert snapshot.deployment == stored == a_deployment(number=stored.number)
    assert snapshot.last_event == 1
    assert await store.chart(stored.number) == b"the chart"
    assert [event.news.data["status"] for event in await store.events(stored.number)] == ["pending"]


async def test_an_unknown_id_is_not_found(store: DeploymentStore) -> None:
    with pytest.raises(DeploymentNotFound, match="there is no deployment of this id"):
        await store.get("nowhere")


async def test_moves_and_targets_share_one_numbering(store: DeploymentStore) -> None:
    first = await accepted(store)
    second = await moved(store, first, Status.VALIDATING)
    third = second.with_target(TARGET.id, progressing("1 of 2", ready=1, desired=2))
    (event,) = await store.record(second, third, [target_news(third.target(TARGET.id), NOON)], lease=0)
    assert event.number == 3
    assert [row.number for row in await store.events(first.number)] == [1, 2, 3]
    assert [row.news.kind.value for row in await store.events(first.number, after=1)] == ["status", "target"]
    assert (await store.get(first.id)).deployment == third


async def test_only_one_of_two_writers_wins(store: DeploymentStore) -> None:
    first = await accepted(store)
    new = first.after(Status.VALIDATING, "mine")
    results = await asyncio.gather(
        *(store.record(first, new, [status_news(new, NOON)], lease=0) for _ in range(5)), return_exceptions=True
    )
    losers = [result for result in results if isinstance(result, LostRace)]
    assert len(losers) == 4
    assert "is no longer pending; somebody else carries it on" in str(losers[0])
    assert (await store.get(first.id)).last_event == 2


async def test_whoever_lost_the_lease_writes_nothing(store: DeploymentStore, database: Database) -> None:
    first = await accepted(store)
    async with database.write() as connection:
        await connection.execute(text("UPDATE deployments SET lease = 2"))
    new = first.after(Status.VALIDATING, "mine")
    with pytest.raises(LostRace, match="was claimed by somebody else, who carries it on"):
        await store.record(first, new, [status_news(new, NOON)], lease=1)
    assert (await store.get(first.id)).deployment == first
    (event,) = await store.record(first, new, [status_news(new, NOON)], lease=2)
    assert event.number == 2


async def test_moves_that_wait_at_the_same_time_are_all_written(store: DeploymentStore) -> None:
    deployments = [await accepted(store, id=f"d{n}", version=f"1.0.{n}") for n in range(20)]
    moves = [moved(store, deployment, Status.VALIDATING, Status.FAILED) for deployment in deployments]
    assert [await store.get(end.id) for end in await asyncio.gather(*moves)] == [
        Snapshot(deployment.after(Status.VALIDATING, "now validating").after(Status.FAILED, "now failed"), 3)
        for deployment in deployments
    ]
    assert await store.unfinished() == []


async def test_a_move_that_can_not_be_written_fails_alone(store: DeploymentStore) -> None:
    first, second, third = [await accepted(store, id=f"d{n}", version=f"1.0.{n}") for n in range(3)]
    # No database takes a commit id with a lone surrogate, and PostgreSQL no chart version that is so long.
    bad = replace(second.after(Status.VALIDATING, "bad"), commit="\ud800")
    long = replace(third.after(Status.VALIDATING, "long"), commit="\ud800", chart_version="1" * 401)
    good = first.after(Status.VALIDATING, "good")
    moves = [(first, good), (second, bad), (third, long)]
    results = await asyncio.gather(
        *(store.record(old, new, [status_news(good, NOON)], lease=0) for old, new in moves), return_exceptions=True
    )
    assert results[0] == [Event(2, status_news(good, NOON))]
    for result in results[1:]:
        with pytest.raises(Unstorable, match="the database does not take a value"):
            raise_(result)
    assert [(await store.get(f"d{n}")).last_event for n in range(3)] == [2, 1, 1]


async def test_what_a_cluster_says_of_a_target_is_cleaned_too(store: DeploymentStore) -> None:
    first = await accepted(store)
    new = first.after(Status.VALIDATING, "x").with_target(TARGET.id, progressing("a\0b \ud800 c"))
    await store.record(first, new, [target_news(new.target(TARGET.id), NOON)], lease=0)
    assert (await store.get(first.id)).deployment.target(TARGET.id).message == "a\0b \ufffd c"


async def test_text_that_no_database_takes_is_cleaned(store: DeploymentStore) -> None:
    first = await accepted(store)
    new = first.after(Status.VALIDATING, "a\0b \ud800 c")
    (event,) = await store.record(first, new, [status_news(new, NOON)], lease=0)
    assert event.news.data["message"] == "a\0b \ufffd c"
    assert await store.events(first.number, after=1) == [event]
    assert (await store.get(first.id)).deployment.message == "a\ufffdb \ufffd c"


async def test_the_chart_goes_once_it_is_pushed(store: DeploymentStore) -> None:
    pushing = await moved(store, await accepted(store), Status.VALIDATING, Status.PUSHING)
    assert await store.chart(pushing.number) == b"the chart"
    pushed = await moved(store, pushing, Status.PUSHED, commit="abc", chart_version="1.2.3")
    with pytest.raises(NotFound, match="the chart of this deployment is no longer stored"):
        await store.chart(pushed.number)
    assert (await store.get(pushed.id)).deployment == pushed


async def test_the_same_job_with_the_same_content_under_way_is_the_same_deployment(store: DeploymentStore) -> None:
    first = await accepted(store)
    again = await accepted(store, id="again")
    assert again == first
    assert len(await store.unfinished()) == 1
    await moved(store, first, Status.VALIDATING, Status.FAILED)
    after_its_end = await accepted(store, id="after its end")
    assert after_its_end.number == first.number + 1


async def test_the_same_upload_many_times_at_once_is_one_deployment(database: Database) -> None:
    replicas = [DeploymentStore(database) for _ in range(4)]
    key = IdempotencyKey("k1", "f" * 64)
    uploads = [accepted(replicas[n % 4], key if n % 3 else None, id=f"d{n}") for n in range(24)]
    stored = await asyncio.gather(*uploads)
    assert len({deployment.id for deployment in stored}) == 1
    assert await replicas[0].unfinished() == [stored[0]]


async def test_the_same_key_many_times_at_once_is_one_deployment(database: Database) -> None:
    replicas = [DeploymentStore(database) for _ in range(4)]
    uploads = [accepted(replicas[n % 4], IdempotencyKey("k1", "f" * 64), id=f"d{n}", version=f"{n}") for n in range(12)]
    others = [accepted(replicas[n % 4], IdempotencyKey("k1", "0" * 64), id=f"o{n}", version=f"{n}") for n in range(2)]
    stored = await asyncio.gather(*uploads, *others, return_exceptions=True)
    assert {type(outcome) for outcome in stored[12:]} == {KeyReused}
    assert stored[:12] == [*await replicas[0].unfinished()] * 12


@pytest.mark.parametrize(
    "other",
    [
        {"version": "1.2.4"},
        {"environment": "staging"},
        {"chart_digest": "cd" * 32},
        {"identity": replace(IDENTITY, job_id="1002")},
    ],
)
async def test_another_job_content_version_or_environment_is_another_deployment(
    store: DeploymentStore, other: dict[str, Any]
) -> None:
    first = await accepted(store)
    second = await accepted(store, id="second", **other)
    assert second.number != first.number


async def test_an_idempotency_key_outlives_the_deployment(store: DeploymentStore) -> None:
    key = IdempotencyKey("k1", "f" * 64)
    first = await accepted(store, key)
    await moved(store, first, Status.VALIDATING, Status.FAILED)
    again = await accepted(store, key, id="again")
    assert (again.id, again.status) == (first.id, Status.FAILED)


async def test_an_idempotency_key_with_other_content_is_refused(store: DeploymentStore) -> None:
    await accepted(store, IdempotencyKey("k1", "f" * 64))
    with pytest.raises(KeyReused, match="this Idempotency-Key came before with other content"):
        await accepted(store, IdempotencyKey("k1", "0" * 64), id="again")
    other_app = await accepted(store, IdempotencyKey("k1", "0" * 64), id="other", app="other")
    assert other_app.id == "other"


async def test_the_unfinished_come_in_order_of_acceptance(store: DeploymentStore) -> None:
    first, second, third = [await accepted(store, id=f"d{n}", version=f"1.0.{n}") for n in range(3)]
    await moved(store, second, Status.VALIDATING, Status.FAILED)
    assert [d.id for d in await store.unfinished()] == ["d0", "d2"]
    assert [d.id for d in await store.unfinished(after=first.number)] == ["d2"]
    assert await store.unfinished(after=third.number) == []


async def test_the_newest_pushed_of_the_environment_is_found(store: DeploymentStore) -> None:
    to_pushed = (Status.VALIDATING, Status.PUSHING, Status.PUSHED)
    old = await moved(store, await accepted(store, id="old"), *to_pushed, commit="a")
    assert await store.newest_pushed(old) is None
    waiting = await accepted(store, id="waiting", version="2")
    assert await store.newest_pushed(old) is None
    newer = await moved(store, waiting, *to_pushed, commit="b")
    await moved(store, await accepted(store, id="elsewhere", environment="staging"), *to_pushed, commit="c")
    found = await store.newest_pushed(old)
    assert found == newer


async def test_a_version_is_known_to_mean_other_content(store: DeploymentStore) -> None:
    to_pushed = (Status.VALIDATING, Status.PUSHING, Status.PUSHED)
    first = await moved(store, await accepted(store), *to_pushed, commit="a", chart_version="1.2.3")
    other = a_deployment(number=9, chart_digest="cd" * 32)
    assert not await store.means_other_content(first, "1.2.3")
    assert await store.means_other_content(other, "1.2.3")
    assert not await store.means_other_content(other, "1.2.4")
    assert not await store.means_other_content(replace(other, environment="staging"), "1.2.3")


async def test_a_version_is_known_to_mean_this_content(store: DeploymentStore) -> None:
    to_pushed = (Status.VALIDATING, Status.PUSHING, Status.PUSHED)
    first = await moved(store, await accepted(store), *to_pushed, commit="a", chart_version="1.2.3")
    assert await store.means_this_content(replace(first, number=9), "1.2.3")
    assert not await store.means_this_content(first, "1.2.4")
    assert not await store.means_this_content(a_deployment(number=9, chart_digest="cd" * 32), "1.2.3")
    assert not await store.means_this_content(replace(first, environment="staging"), "1.2.3")


async def test_a_burst_of_a_hundred_uploads_loses_none(store: DeploymentStore) -> None:
    uploads = [accepted(store, id=f"d{n}", version=f"1.0.{n}") for n in range(100)]
    stored = await asyncio.gather(*uploads)
    assert sorted(d.number for d in stored) == list(range(1, 101))
    assert len(await store.unfinished()) == 100


async def test_a_living_database_answers(store: DeploymentStore) -> None:
    await store.ping()


async def test_a_write_that_is_cancelled_at_any_moment_leaves_no_lock(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await accepted(store)
        for moment in range(60):
            writing = asyncio.create_task(accepted(store, id=f"d{moment}", version=f"1.0.{moment}"))
            await asyncio.sleep(moment * 0.0002)
            writing.cancel()
            await asyncio.wait([writing])
            with closing(sqlite3.connect(tmp_path / "gateway.db", timeout=0, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                other.execute("ROLLBACK")
        known = [deployment.id for deployment in await store.unfinished()]
        assert len(known) == len(set(known))
