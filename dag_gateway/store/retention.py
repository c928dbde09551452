"""What is old goes, a little at a time: old events, old deployments, used tokens, charts that nobody needs any more.

Replicas may do this at the same time: what one has deleted is not there for the others.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, Delete, and_, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dag_gateway.model.deployment import BEFORE_PUSH, Status
from dag_gateway.model.timestamps import rfc3339

from .audit import forget_audit
from .database import Database
from .identities import forget_uses
from .schema import charts, deployments, events
from .uninterrupted import uninterrupted

BATCH = 100
"""Deployments in one transaction, with some hundred events each at most: writers wait for milliseconds."""

_TOKENS = 1000
_ROWS = 1000

_ENDED = deployments.c.status.in_([status.value for status in Status if status.terminal])
_BEFORE_PUSH = deployments.c.status.in_([status.value for status in Status if status in BEFORE_PUSH])


class Retention:
    """Each method deletes one batch, of what ended before a time. What has not ended is never touched."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prune_events(self, before: datetime, after: int) -> int | None:
        """All events but the one of the end, of deployments behind number ``after``.

        The number to go on behind; None when there were no more.
        """
        found = await self._find(and_(_ended_before(before), _has_events(), deployments.c.number > after))
        end = select(deployments.c.last_event).where(deployments.c.number == events.c.deployment).scalar_subquery()
        await self._delete(delete(events).where(events.c.deployment.in_(found), events.c.number < end), found)
        return max(found, default=None)

    async def prune_deployments(self, before: datetime) -> int:
        """Whole deployments, but for those that say what is live. How many: 0 when there are no more."""
        found = await self._find(and_(_ended_before(before), _outlived()))
        await self._delete(delete(deployments).where(deployments.c.number.in_(found)), found)
        return len(found)

    async def prune_charts(self) -> int:
        """Charts that were pushed, or never will be: they go with the move, so there are some only after mishaps."""
        found = await self._find(and_(~_BEFORE_PUSH, deployments.c.number.in_(select(charts.c.deployment))))
        await self._delete(delete(charts).where(charts.c.deployment.in_(found)), found)
        return len(found)

    @uninterrupted
    async def prune_tokens(self, now: datetime) -> int:
        """What is known of tokens that have expired. How many: 0 when there are no more."""
        forget = partial(forget_uses, now=now.timestamp(), limit=_TOKENS)
        return await self._database.transact(forget, repeatable=True)

    @uninterrupted
    async def prune_audit(self, before: datetime) -> int:
        """Rows of the audit log from before ``before``. How many: 0 when there are no more."""
        return await self._database.transact(partial(forget_audit, before=before, limit=_ROWS), repeatable=True)

    @uninterrupted
    async def _find(self, which: ColumnElement[bool]) -> Sequence[int]:
        query = select(deployments.c.number).where(which).order_by(deployments.c.number).limit(BATCH)
        return [row["number"] for row in await self._database.fetch(query)]

    @uninterrupted
    async def _delete(self, statement: Delete, found: Sequence[int]) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        if found:
            await self._database.transact(work, repeatable=True)


def _ended_before(moment: datetime) -> ColumnElement[bool]:
    """It was accepted before, which is quickly seen, and its last event is as old."""
    end = exists().where(
        events.c.deployment == deployments.c.number,
        events.c.number == deployments.c.last_event,
        events.c.at < rfc3339(moment),
    )
    return and_(_ENDED, deployments.c.accepted_at < rfc3339(moment), end)


def _has_events() -> ColumnElement[bool]:
    """More than that of its end."""
    first = exists().where(events.c.deployment == deployments.c.number, events.c.number == 1)
    return and_(deployments.c.last_event > 1, first)


def _outlived() -> ColumnElement[bool]:
    """It never reached the repository, or something newer of its environment did, and was proven if it was."""
    newer = deployments.alias()
    same = and_(
        newer.c.app == deployments.c.app,
        newer.c.environment == deployments.c.environment,
        newer.c.number > deployments.c.number,
    )
    pushed_since = exists().where(same, newer.c.commit.is_not(None))
    proven_since = exists().where(same, newer.c.status == Status.DEPLOYED.value)
    replaced = and_(pushed_since, or_(deployments.c.status != Status.DEPLOYED.value, proven_since))
    return or_(deployments.c.commit.is_(None), replaced)
