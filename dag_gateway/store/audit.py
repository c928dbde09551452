"""The audit log in the database: rows are added and, when they are old, pruned; nothing changes one."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dag_gateway.model.audit import Audited, AuditEntry, AuditFilter, Fact
from dag_gateway.model.timestamps import rfc3339

from .database import Database
from .schema import audit
from .uninterrupted import uninterrupted

_LONGEST_FACT = 500


class AuditStore:
    """What was told of, durable when ``append`` returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @uninterrupted
    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Add the entries in one transaction. Raises StoreUnavailable."""
        await self._database.transact(partial(add_to_audit, entries=entries))

    @uninterrupted
    async def page(self, wanted: AuditFilter) -> Sequence[Audited]:
        """The rows that match, newest first."""
        query = select(audit).order_by(audit.c.number.desc()).limit(wanted.limit)
        if wanted.before is not None:
            query = query.where(audit.c.number < wanted.before)
        for column in (audit.c.actor, audit.c.action, audit.c.outcome):
            value = getattr(wanted, column.name)
            if value is not None:
                query = query.where(column == value)
        return [_audited(row) for row in await self._database.fetch(query)]


async def add_to_audit(connection: AsyncConnection, entries: Sequence[AuditEntry]) -> None:
    """Add the entries within the transaction of ``connection``, that of what they tell."""
    if entries:
        await connection.execute(insert(audit), [_columns(entry) for entry in entries])


async def forget_audit(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Drop the rows from before ``before`` among the ``limit`` oldest; how many it were."""
    oldest = select(audit.c.number, audit.c.at).order_by(audit.c.number).limit(limit).subquery()
    old = select(oldest.c.number).where(oldest.c.at < rfc3339(before))
    return (await connection.execute(delete(audit).where(audit.c.number.in_(old)))).rowcount


def _columns(entry: AuditEntry) -> dict[str, Any]:
    """A row; everything is cut to its room, because clients have a say in some of it."""
    return {
        "at": rfc3339(entry.at),
        "actor": _clean(entry.actor, 255),
        "address": _clean(entry.address, 64),
        "action": _clean(entry.action, 64),
        "outcome": _clean(entry.outcome, 64),
        "request_id": _clean(entry.request_id, 128),
        "data": json.dumps(_clean_facts(entry.data)),
    }


def _clean_facts(data: Mapping[str, Fact]) -> dict[str, Fact]:
    return {name: _clean(fact, _LONGEST_FACT) if isinstance(fact, str) else fact for name, fact in data.items()}


def _clean(text: str, longest: int) -> str:
    """One printable line: PostgreSQL refuses NUL and lone surrogates, terminals obey control characters."""
    if text.isprintable() and len(text) <= longest:
        return text
    line = "".join(character if character.isprintable() else " " for character in text[: longest + 1])
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _audited(row: RowMapping) -> Audited:
    entry = AuditEntry(
        at=datetime.fromisoformat(row["at"]),
        actor=row["actor"],
        address=row["address"],
        action=row["action"],
        outcome=row["outcome"],
        request_id=row["request_id"],
        data=json.loads(row["data"]),
    )
    return Audited(row["number"], entry)
