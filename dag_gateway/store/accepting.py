"""Taking in uploads: those that come at the same time share one transaction, and one fsync."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dag_gateway.model.audit import AuditEntry
from dag_gateway.model.deployment import Deployment, Status

from .audit import add_to_audit
from .database import Database
from .dialects import Lock, announce, only_one
from .idempotency import KnownKey, find_keys, remember_keys
from .identities import find_uses, remember_uses
from .records import accepted_columns, deployment_from_row, event_columns, moving_columns
from .schema import charts, deployments, events
from .together import Together
from .trouble import CommitUnknown, Interrupted
from .uploads import Accepted, Offer, content, settle
from .wakeups import ACCEPTED

# Charts are large: this bounds what one transaction holds.
_MOST = 32

UNFINISHED = tuple(status.value for status in Status if not status.terminal)

Outcomes = Sequence[Deployment | Exception]


class Counter:
    """Accepts uploads; those that wait at the same time share a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together: Together[Offer, Deployment] = Together(
            self._accept, most=_MOST, for_all=(Interrupted, CommitUnknown)
        )

    async def accept(self, offer: Offer) -> Deployment:
        """The stored deployment, with its number. Raises KeyReused or TokenReplayed."""
        return await self._together.do(offer)

    async def _accept(self, offers: Sequence[Offer]) -> Outcomes:
        return await self._database.transact(_Accepting(self._database.name, offers), repeatable=True)


class _Accepting:
    """One transaction, which finds out by itself whether it took place when its commit was not answered."""

    def __init__(self, sender: str, offers: Sequence[Offer]) -> None:
        self._sender = sender
        self._offers = offers
        self._tried: Outcomes = ()

    async def __call__(self, connection: AsyncConnection) -> Outcomes:
        # One at a time over all replicas: what is the same is found, and numbers become visible in their order.
        await only_one(connection, Lock.ACCEPT)
        if self._tried and await _is_stored(connection, self._offers, self._tried):
            return self._tried
        accepted = await _accepted_before(connection, self._offers)
        settled = settle(self._offers, accepted)
        numbers = await _store(connection, accepted)
        self._tried = [_numbered(outcome, numbers) for outcome in settled]
        await add_to_audit(connection, list(_entries(self._offers, settled)))
        if numbers:
            await announce(connection, self._sender, [ACCEPTED])
        return self._tried


async def _is_stored(connection: AsyncConnection, offers: Sequence[Offer], tried: Outcomes) -> bool:
    """Whether what was ``tried`` is there. All of it or nothing is, so one new deployment tells."""
    for offer, outcome in zip(offers, tried, strict=True):
        if isinstance(outcome, Deployment) and outcome.id == offer.deployment.id:
            query = select(deployments.c.number).where(deployments.c.id == outcome.id)
            return await connection.scalar(query) is not None
    return False


async def _accepted_before(connection: AsyncConnection, offers: Sequence[Offer]) -> Accepted:
    """What the database knows of these uploads."""
    keys = await find_keys(connection, {offer.app_key for offer in offers if offer.app_key})
    uses = await find_uses(connection, {offer.shown.use for offer in offers if offer.shown})
    numbers = {key.deployment for key in keys.values()} | {use.deployment for use in uses.values() if use.deployment}
    digests = {offer.deployment.chart_digest for offer in offers}
    versions = {offer.deployment.version for offer in offers}
    alike = deployments.c.chart_digest.in_(digests) & deployments.c.version.in_(versions)
    unfinished = deployments.c.status.in_(UNFINISHED) & alike
    query = select(deployments).where(unfinished | deployments.c.number.in_(numbers)).order_by(deployments.c.number)
    found = {row["number"]: deployment_from_row(row) for row in (await connection.execute(query)).mappings()}
    return Accepted(
        keys={key: (known.fingerprint, found[known.deployment]) for key, known in keys.items()},
        uses={use: (known, found.get(known.deployment or 0)) for use, known in uses.items()},
        unfinished={content(stored): stored for stored in found.values() if not stored.status.terminal},
    )


async def _store(connection: AsyncConnection, accepted: Accepted) -> Mapping[str, int]:
    """Write what is new; the numbers of the new deployments by their ids."""
    numbers = await _insert(connection, accepted.new) if accepted.new else {}

    def number(deployment: Deployment) -> int:
        return numbers.get(deployment.id, deployment.number)

    await remember_keys(connection, [(key, KnownKey(asked, number(of))) for key, asked, of in accepted.new_keys])
    await remember_uses(connection, [(shown, number(of)) for shown, of in accepted.new_uses])
    return numbers


async def _insert(connection: AsyncConnection, offers: Sequence[Offer]) -> Mapping[str, int]:
    new = insert(deployments).returning(deployments.c.id, deployments.c.number)
    rows = await connection.execute(new, [_columns(offer.deployment) for offer in offers])
    numbers: dict[str, int] = {row.id: row.number for row in rows}
    archives = [{"deployment": numbers[offer.deployment.id], "archive": offer.archive} for offer in offers]
    await connection.execute(insert(charts), archives)
    first = [event_columns(numbers[offer.deployment.id], 1, offer.news) for offer in offers]
    await connection.execute(insert(events), first)
    return numbers


def _columns(deployment: Deployment) -> dict[str, Any]:
    return accepted_columns(deployment) | moving_columns(deployment) | {"last_event": 1}


def _numbered(outcome: Deployment | Exception, numbers: Mapping[str, int]) -> Deployment | Exception:
    if isinstance(outcome, Deployment) and outcome.id in numbers:
        return replace(outcome, number=numbers[outcome.id])
    return outcome


def _entries(offers: Sequence[Offer], outcomes: Outcomes) -> Iterator[AuditEntry]:
    for offer, outcome in zip(offers, outcomes, strict=True):
        if offer.entry and isinstance(outcome, Deployment):
            yield offer.entry.about(deployment=outcome.id)
