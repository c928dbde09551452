"""The log is read once per deployment, and again only when there may be something that was not handed over."""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from dag_gateway.clock import SystemClock
from dag_gateway.deployments.feed import Feed
from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.signals import Signals
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import Event, News, status_news
from dag_gateway.model.reason import Reason
from dag_gateway.store import (
    ACCEPTED,
    Database,
    DeploymentStore,
    Snapshot,
    StoreUnavailable,
    environment_key,
    upgrade,
)
from tests.fakes.deployments import NOON, a_deployment

_HANGS = 60.0


class Witness(DeploymentStore):
    """Counts how often a log is read. When told to, it loses answers to writes, or is away until it ``gives_up``."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.reads = 0
        self.is_read = asyncio.Event()
        self.loses_answers = False
        self.asked = 0
        self.gives_up: asyncio.Event | None = None

    async def get(self, deployment_id: str) -> Snapshot:
        self.asked += 1
        if self.gives_up is not None:
            await self.gives_up.wait()
            raise StoreUnavailable("the database is away")
        return await super().get(deployment_id)

    async def events(self, number: int, after: int = 0) -> Sequence[Event]:
        self.reads += 1
        self.is_read.set()
        return await super().events(number, after)

    async def record(self, old: Deployment, new: Deployment, news: Sequence[News], lease: int) -> Sequence[Event]:
        events = await super().record(old, new, news, lease)
        if self.loses_answers:
            raise StoreUnavailable("the answer was lost")
        return events


class Process:
    """A gateway process and the deployment that it carries."""

    def __init__(self, store: Witness, deployment: Deployment) -> None:
        self.store = store
        self.signals = Signals()
        self.feed = Feed(store, self.signals, heartbeat=3600.0)
        self.journal = Journal(deployment, store, self.signals, self.feed, SystemClock())
        self.id = deployment.id

    async def move(self, status: Status) -> None:
        await self.journal.move(self.journal.deployment.after(status, f"now {status}"))

    async def ids(self, after: int, most: int) -> list[str]:
        """Of the next so many events."""
        stream = await self.feed.stream(self.id, after)
        assert stream is not None
        with closing(stream):
            async with asyncio.timeout(_HANGS):
                frames = [await anext(stream) for _ in range(most)]
        return [frame.decode().splitlines()[0] for frame in frames]


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as database:
        await upgrade(database)
        store, fresh = Witness(database), a_deployment()
        process = Process(store, await store.accept(fresh, b"", status_news(fresh, NOON)))
        async with process.feed:
            yield process


async def test_what_this_process_writes_is_not_read_back(process: Process) -> None:
    hearing = [asyncio.create_task(process.ids(0, 3)) for _ in range(10)]
    await process.store.is_read.wait()
    await process.move(Status.VALIDATING)
    await process.move(Status.PUSHING)
    assert await asyncio.gather(*hearing) == [["id: 1", "id: 2", "id: 3"]] * 10
    assert process.store.reads <= 2


async def test_what_others_have_written_before_is_read(process: Process) -> None:
    hearing = asyncio.create_task(process.ids(1, 2))
    await process.store.is_read.wait()
    elsewhere = process.journal.deployment.after(Status.VALIDATING, "by another replica")
    await process.store.record(process.journal.deployment, elsewhere, [status_news(elsewhere, NOON)], lease=0)
    await process.journal.reload()
    await process.move(Status.PUSHING)
    assert await hearing == ["id: 2", "id: 3"]


async def test_an_event_is_told_although_its_writer_never_heard_that_it_was_written(process: Process) -> None:
    hearing = asyncio.create_task(process.ids(1, 1))
    await process.store.is_read.wait()
    process.store.loses_answers = True
    with pytest.raises(StoreUnavailable, match="the answer was lost"):
        await process.move(Status.VALIDATING)
    assert await hearing == ["id: 2"]


async def test_others_of_the_environment_look_again_although_the_writer_never_heard_that_it_was_written(
    process: Process,
) -> None:
    moving = process.journal.deployment
    tickets = [process.signals.ticket(key) for key in (environment_key(moving.app, moving.environment), ACCEPTED)]
    process.store.loses_answers = True
    with pytest.raises(StoreUnavailable, match="the answer was lost"):
        await process.journal.move(moving.failed(Reason.INTERNAL, "lost"))
    assert [ticket.is_set() for ticket in tickets] == [True, True]


async def test_once_the_last_listener_has_left_nothing_is_read_or_kept(process: Process) -> None:
    await process.ids(0, 1)
    process.signals.wake_all()
    await process.move(Status.VALIDATING)
    assert process.store.reads == 1
    gc.collect()
    assert len(process.signals) == 0


async def test_all_who_wait_for_a_database_that_is_away_are_told_at_once(process: Process) -> None:
    process.store.gives_up = asyncio.Event()
    guests = [asyncio.create_task(process.feed.stream(process.id, None)) for _ in range(20)]
    async with asyncio.timeout(_HANGS):
        while process.store.asked == 0:  # noqa: ASYNC110  a guest on the way in is not to be seen
            await asyncio.sleep(0)
        process.store.gives_up.set()
        answers = await asyncio.gather(*guests, return_exceptions=True)
    first, *others = map(str, answers)
    assert first == "the database is away"
    assert others == ["the database can not be read now; try again"] * 19
    assert process.store.asked == 1
    process.store.gives_up = None
    assert await process.ids(after=0, most=1) == ["id: 1"]
