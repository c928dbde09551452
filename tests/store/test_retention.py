"""What is old goes and nothing else does, on both databases."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from dag_gateway.clock import SystemClock
from dag_gateway.config import RetentionSettings
from dag_gateway.deployments.feed import Feed
from dag_gateway.deployments.retention import Forgetting
from dag_gateway.deployments.signals import Signals
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import status_news, target_news
from dag_gateway.model.health import progressing
from dag_gateway.model.identity import TokenUse
from dag_gateway.model.reason import Reason
from dag_gateway.store import (
    Database,
    DeploymentNotFound,
    DeploymentStore,
    IdempotencyKey,
    Retention,
    ShownToken,
)
from dag_gateway.store.retention import BATCH
from tests.fakes.deployments import TARGET, a_deployment

NOW = SystemClock().now()
PUSHED = (Status.VALIDATING, Status.PUSHING, Status.PUSHED)
DEPLOYED = (*PUSHED, Status.MONITORING, Status.DEPLOYED)


class Past:
    """A store whose deployments went their way some days ago."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = DeploymentStore(database)

    async def deployment(
        self, name: str, days: float, *statuses: Status, environment: str = "production", **accepted: Any
    ) -> Deployment:
        """Accepted so many days ago, and come through ``statuses`` at once."""
        at = NOW - timedelta(days=days)
        fresh = a_deployment(id=name, number=0, accepted_at=at, environment=environment)
        fresh = replace(fresh, identity=replace(fresh.identity, job_id=name))
        old = await self.store.accept(fresh, b"chart", status_news(fresh, at), **accepted)
        for status in statuses:
            commit = {"commit": f"c-{name}"} if status is Status.PUSHED else {}
            reason = {"reason": Reason.TIMEOUT} if status is Status.FAILED else {}
            new = old.after(status, f"now {status}", **commit, **reason)
            await self.store.record(old, new, [status_news(new, at)], lease=0)
            old = new
        return old

    async def forget(self, deployments: float = 90, events: float = 30) -> None:
        """Everything older than so many days."""
        day = 86_400.0
        settings = RetentionSettings.model_construct(deployments=deployments * day, events=events * day)
        await Forgetting(Retention(self.database), settings, SystemClock()).forget()

    async def known(self, names: Iterable[str]) -> list[str]:
        """Those that are still there."""
        found = []
        for name in names:
            with suppress(DeploymentNotFound):
                found.append((await self.store.get(name)).deployment.id)
        return found

    async def rows(self, table: str) -> int:
        async with self.database.read() as connection:
            return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)

    async def execute(self, statement: str) -> None:
        async with self.database.write() as connection:
            await connection.execute(text(statement))


@pytest.fixture
def past(database: Database) -> Past:
    return Past(database)


async def test_old_deployments_go_with_everything_that_is_theirs(past: Past) -> None:
    key = IdempotencyKey("k", "ab" * 32)
    await past.deployment("old", 91, Status.VALIDATING, Status.FAILED, key=key)
    await past.deployment("young", 89, Status.VALIDATING, Status.FAILED)
    await past.forget()
    assert await past.known(["old", "young"]) == ["young"]
    assert (await past.rows("idempotency_keys"), await past.rows("events"), await past.rows("charts")) == (0, 1, 0)


async def test_what_has_not_ended_stays_however_old_it_is(past: Past) -> None:
    names = ["pending", "pushing", "monitoring"]
    await past.deployment("pending", 400)
    await past.deployment("pushing", 400, *PUSHED[:2], environment="e1")
    await past.deployment("monitoring", 400, *DEPLOYED[:4], environment="e2")
    before = await past.rows("events")
    await past.forget()
    assert await past.known(names) == names
    assert (await past.rows("events"), await past.rows("charts")) == (before, 2)


async def test_the_age_counts_from_the_end(past: Past) -> None:
    stuck = await past.deployment("stuck", 400, Status.VALIDATING)
    ended = stuck.failed(Reason.TIMEOUT, "too late")
    await past.store.record(stuck, ended, [status_news(ended, NOW)], lease=0)
    await past.forget()
    assert await past.known(["stuck"]) == ["stuck"]
    assert await past.rows("events") == 3


async def test_of_each_environment_what_says_what_is_live_stays(past: Past) -> None:
    await past.deployment("first", 400, *DEPLOYED)
    await past.deployment("proven", 300, *DEPLOYED)
    await past.deployment("pushed", 250, *PUSHED, Status.FAILED)
    await past.deployment("pushed-last", 200, *PUSHED, Status.FAILED)
    await past.deployment("never-pushed", 150, Status.FAILED)
    await past.deployment("elsewhere", 400, *DEPLOYED, environment="staging")
    names = ["first", "proven", "pushed", "pushed-last", "never-pushed", "elsewhere"]
    await past.forget()
    assert await past.known(names) == ["proven", "pushed-last", "elsewhere"]
    newest = await past.store.newest_pushed(a_deployment(number=1))
    assert newest is not None
    assert newest.id == "pushed-last"


async def test_of_the_events_the_end_stays(past: Past) -> None:
    old = await past.deployment("old", 31, *DEPLOYED)
    young = await past.deployment("young", 29, *DEPLOYED)
    await past.forget()
    assert [event.number for event in await past.store.events(old.number)] == [6]
    assert [event.number for event in await past.store.events(young.number)] == [1, 2, 3, 4, 5, 6]
    assert (await past.store.get("old")).last_event == 6


async def test_the_stream_of_a_deployment_without_its_events_tells_how_it_ended(past: Past) -> None:
    monitored = await past.deployment("old", 31, *DEPLOYED[:4])
    seen = monitored.with_target(TARGET.id, progressing("1 of 2", ready=1, desired=2))
    await past.store.record(monitored, seen, [target_news(seen.target(TARGET.id), NOW - timedelta(days=31))], lease=0)
    ended = seen.failed(Reason.TIMEOUT, "not proven in time")
    await past.store.record(seen, ended, [status_news(ended, NOW - timedelta(days=31))], lease=0)
    await past.forget()
    async with Feed(past.store, Signals(), 60.0) as feed:
        for after in (None, 0, 3):
            stream = await feed.stream("old", after)
            assert stream is not None
            frames = [frame.decode() async for frame in stream]
            assert len(frames) == 2
            assert '"status":"failed"' in frames[0]
            assert frames[0].startswith("event: target\n")
            assert frames[1].startswith("id: 7\nevent: status\n")
            assert "not proven in time" in frames[1]
            stream.close()
        assert await feed.stream("old", 7) is None


async def test_a_chart_that_was_left_behind_goes(past: Past) -> None:
    done = await past.deployment("done", 0, *PUSHED)
    await past.deployment("waiting", 0, environment="e1")
    await past.execute(f"INSERT INTO charts VALUES ({done.number}, '')")
    await past.forget()
    assert await past.rows("charts") == 1
    assert await past.store.chart((await past.store.get("waiting")).deployment.number) == b"chart"


async def test_of_used_tokens_those_that_nobody_would_accept_any_more_go(past: Past) -> None:
    for name, until in (("expired", NOW.timestamp() - 2 * 86_400), ("valid", NOW.timestamp() + 3600)):
        use = TokenUse("https://git.example.com", name, int(until))
        await past.deployment(name, 0, environment=name, shown=ShownToken(use, "ab" * 32))
    await past.forget()
    async with past.database.read() as connection:
        assert (await connection.scalars(text("SELECT token_id FROM token_uses"))).all() == ["valid"]


async def test_it_goes_in_batches_to_the_last(past: Past) -> None:
    await past.deployment("first", 400, Status.FAILED)
    columns = "app, environment, message, repo_url, version, chart_name, chart_digest, changes, accepted_at, identity"
    await past.execute(
        f"INSERT INTO deployments (id, status, last_event, destination, targets, {columns}) "
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 250) "
        f"SELECT 'd' || n, 'failed', 2, destination, targets, {columns} FROM deployments, n"
    )
    await past.execute(
        "INSERT INTO events SELECT d.number, e.number, e.kind, e.at, e.data FROM deployments d, events e "
        "WHERE d.number > e.deployment AND e.number <= 2"
    )
    assert await past.rows("deployments") > 2 * BATCH
    await past.forget(deployments=500)
    assert await past.rows("events") == 251
    await past.forget()
    assert (await past.rows("deployments"), await past.rows("events")) == (0, 0)
