"""The audit log behind the door: told at once, written together with what is told at the same time."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

import structlog

from dag_gateway.clock import Clock
from dag_gateway.errors import GatewayError, Unavailable
from dag_gateway.model.audit import Audited, AuditEntry, AuditFilter
from dag_gateway.model.timestamps import rfc3339
from dag_gateway.store import AuditStore, uninterrupted

from .client_address import neighbourhood

# How long, in seconds, alike entries are gathered into one row.
_PAUSE = 2.0
# Different rows at a time: nobody was verified, so anybody can make them; or somebody was.
_STRANGERS = 100
_VERIFIED = 10_000

log = structlog.get_logger(__name__)

_Key = tuple[object, ...]


@dataclass(slots=True)
class _Counted:
    """The first of alike entries, how many came, and when the last one did."""

    entry: AuditEntry
    count: int
    last: datetime

    def row(self) -> AuditEntry:
        if self.count == 1:
            return self.entry
        return self.entry.about(count=self.count, last=rfc3339(self.last))


class Pending:
    """What is to be written. Bounded: what finds no room is only counted, by action and outcome."""

    def __init__(self) -> None:
        self._strangers: dict[_Key, _Counted] = {}
        self._verified: dict[_Key, _Counted] = {}

    def __len__(self) -> int:
        return len(self._strangers) + len(self._verified)

    def __iter__(self) -> Iterator[_Counted]:
        yield from self._verified.values()
        yield from self._strangers.values()

    def add(self, entry: AuditEntry) -> None:
        self._add(_Counted(entry, 1, entry.at))

    def absorb(self, newer: "Pending") -> None:
        """Add what was told later."""
        for counted in newer:
            self._add(counted)

    def rows(self) -> Sequence[AuditEntry]:
        """What was told, in the order of time."""
        return sorted((counted.row() for counted in self), key=lambda entry: entry.at)

    def _add(self, new: _Counted) -> None:
        rows, room = (self._verified, _VERIFIED) if new.entry.actor else (self._strangers, _STRANGERS)
        key = _key(new.entry)
        if key not in rows and len(rows) >= room:
            new = replace(new, entry=_without_a_face(new.entry))
            rows, key = self._strangers, _key(new.entry)
        if (known := rows.setdefault(key, new)) is not new:
            known.count += new.count
            known.last = new.last


class AuditLog:
    """An async context manager: what was told when it is left is written."""

    def __init__(self, store: AuditStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._pending = Pending()
        self._told = asyncio.Event()
        self._writing = asyncio.Lock()
        self._writer: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        return self._clock.now()

    def tell(self, entry: AuditEntry) -> None:
        """Have the entry written soon. A process that is killed loses those of the last two seconds."""
        self._pending.add(entry)
        self._told.set()

    async def page(self, wanted: AuditFilter) -> Sequence[Audited]:
        """The rows that match, newest first, with everything that this process was told. Raises StoreUnavailable."""
        await self._write()
        return await self._store.page(wanted)

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._keep_writing())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait([self._writer])
        try:
            await self._write()
        except GatewayError as error:
            log.error("the last of the audit log could not be written", rows=len(self._pending), error=error.message)

    async def _keep_writing(self) -> None:
        while True:
            await self._told.wait()
            await self._clock.sleep(_PAUSE)
            try:
                await self._write()
            except GatewayError as error:
                log.warning("the audit log could not be written", waiting=len(self._pending), error=error.message)
                if self._pending:
                    self._told.set()

    @uninterrupted
    async def _write(self) -> None:
        """Write what was told; it is kept when that can not be done. Raises StoreUnavailable."""
        async with self._writing:
            self._told.clear()
            batch, self._pending = self._pending, Pending()
            try:
                if batch:
                    await self._store.append(batch.rows())
            except Unavailable:
                batch.absorb(self._pending)
                self._pending = batch
                raise


def _key(entry: AuditEntry) -> _Key:
    """What makes entries alike. What a stranger says does not count, or each request could be made to differ; nor does
    which address of its own network it comes from."""
    if entry.actor:
        return (entry.actor, entry.address, entry.action, entry.outcome, tuple(sorted(entry.data.items())))
    return (neighbourhood(entry.address), entry.action, entry.outcome)


def _without_a_face(entry: AuditEntry) -> AuditEntry:
    return replace(entry, actor="", address="", request_id="", data={})
