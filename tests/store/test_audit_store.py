"""The audit log is kept on both databases: written with what it tells, cut to its room, read newest first."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dag_gateway.clock import SystemClock
from dag_gateway.config import RetentionSettings
from dag_gateway.deployments.retention import Forgetting
from dag_gateway.model.audit import ALLOWED, AuditEntry, AuditFilter
from dag_gateway.model.event import status_news
from dag_gateway.store import AuditStore, Database, DeploymentStore, IdempotencyKey, KeyReused, Retention
from tests.fakes.deployments import NOON, a_deployment

ENTRY = AuditEntry(
    at=NOON,
    actor="key:oncall",
    address="192.0.2.1",
    action="deploy",
    outcome=ALLOWED,
    request_id="abc",
    data={"app": "web", "count": 3, "first": True},
)


def an_entry(**known: Any) -> AuditEntry:
    return replace(ENTRY, **known)


async def test_what_was_appended_is_read_back_newest_first(database: Database) -> None:
    audit = AuditStore(database)
    first, second = an_entry(), an_entry(actor="", outcome="key_required")
    await audit.append([first, second])
    rows = await audit.page(AuditFilter(limit=10))
    assert [row.entry for row in rows] == [second, first]
    assert rows[0].number > rows[1].number


async def test_nothing_to_append_is_nothing_to_read(database: Database) -> None:
    audit = AuditStore(database)
    await audit.append([])
    assert await audit.page(AuditFilter(limit=10)) == []


async def test_pages_follow_one_another(database: Database) -> None:
    audit = AuditStore(database)
    await audit.append([an_entry(request_id=str(number)) for number in range(5)])
    seen: list[str] = []
    before: int | None = None
    while rows := await audit.page(AuditFilter(limit=2, before=before)):
        seen += [row.entry.request_id for row in rows]
        before = rows[-1].number
    assert seen == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditFilter(10, actor="key:oncall"), ["1"]),
        (AuditFilter(10, actor=""), ["2", "3"]),
        (AuditFilter(10, action="get_chart"), ["3"]),
        (AuditFilter(10, outcome=ALLOWED), ["1", "3"]),
        (AuditFilter(10, actor="", outcome=ALLOWED), ["3"]),
        (AuditFilter(10, before=2**63 - 1), ["1", "2", "3"]),
        (AuditFilter(10, actor="' OR 1=1 --"), []),
    ],
)
async def test_rows_are_found_by_what_is_asked(database: Database, wanted: AuditFilter, found: list[str]) -> None:
    audit = AuditStore(database)
    await audit.append(
        [
            an_entry(request_id="1"),
            an_entry(request_id="2", actor="", outcome="unverified"),
            an_entry(request_id="3", actor="", action="get_chart"),
        ]
    )
    rows = await audit.page(wanted)
    assert sorted(row.entry.request_id for row in rows) == found


async def test_every_text_is_one_printable_line_of_bounded_length(database: Database) -> None:
    audit = AuditStore(database)
    evil = "a\x00b\ud800c\nd\u2028e\x1b[31m" + "x" * 10_000
    await audit.append(
        [an_entry(actor=evil, address=evil, action=evil, outcome=evil, request_id=evil, data={"message": evil})]
    )
    (row,) = await audit.page(AuditFilter(limit=1))
    entry = row.entry
    lengths = {len(entry.actor): 255, len(entry.address): 64, len(entry.action): 64, len(entry.request_id): 128}
    assert all(length == room for length, room in lengths.items())
    assert len(str(entry.data["message"])) == 500
    for text in (entry.actor, entry.address, entry.action, entry.outcome, entry.request_id, entry.data["message"]):
        assert str(text).startswith("a b c d e [31mx")
        assert str(text).endswith("x…")


async def test_an_accepted_upload_and_its_entry_are_one_transaction(database: Database) -> None:
    audit, store = AuditStore(database), DeploymentStore(database)
    deployment = a_deployment(number=0)
    stored = await store.accept(deployment, b"", status_news(deployment, NOON), None, an_entry())
    (row,) = await audit.page(AuditFilter(limit=10))
    assert row.entry == an_entry().about(deployment=stored.id)


async def test_the_same_upload_again_is_told_with_the_deployment_that_it_got(database: Database) -> None:
    audit, store = AuditStore(database), DeploymentStore(database)
    for request, deployment in enumerate([a_deployment(number=0), a_deployment(number=0, id="another")]):
        news = status_news(deployment, NOON)
        await store.accept(deployment, b"", news, None, an_entry(request_id=str(request)))
    rows = await audit.page(AuditFilter(limit=10))
    assert [row.entry.request_id for row in rows] == ["1", "0"]
    assert {row.entry.data["deployment"] for row in rows} == {a_deployment().id}


async def test_a_refused_upload_has_no_entry_that_it_was_allowed(database: Database) -> None:
    audit, store = AuditStore(database), DeploymentStore(database)
    first, other = a_deployment(number=0), a_deployment(number=0, id="another", version="2", chart_digest="other")
    await store.accept(first, b"", status_news(first, NOON), IdempotencyKey("key", "one"), an_entry())
    with pytest.raises(KeyReused, match="came before with other content"):
        await store.accept(other, b"", status_news(other, NOON), IdempotencyKey("key", "two"), an_entry())
    assert len(await audit.page(AuditFilter(limit=10))) == 1


async def test_a_row_is_old_after_a_year(database: Database) -> None:
    audit, clock = AuditStore(database), SystemClock()
    ages = [timedelta(days=days) for days in (366, 364)]
    await audit.append([an_entry(at=clock.now() - age, request_id=str(age.days)) for age in ages])
    await Forgetting(Retention(database), RetentionSettings(), clock).forget()
    assert [row.entry.request_id for row in await audit.page(AuditFilter(limit=10))] == ["364"]


async def test_only_what_is_old_is_pruned(database: Database) -> None:
    audit, retention = AuditStore(database), Retention(database)
    await audit.append([an_entry(at=NOON + timedelta(hours=hour), request_id=str(hour)) for hour in range(4)])
    assert await retention.prune_audit(NOON + timedelta(hours=2)) == 2
    assert await retention.prune_audit(NOON + timedelta(hours=2)) == 0
    assert [row.entry.request_id for row in await audit.page(AuditFilter(limit=10))] == ["3", "2"]
