"""What SQLite and PostgreSQL do differently. Nothing else in the package asks which of the two it is."""

from collections.abc import Iterable
from enum import IntEnum
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import URL, BigInteger, Text, bindparam, event, func, make_url, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

CHANNEL = "dag_gateway"
"""Where PostgreSQL announces what changed; the payload is ``<sender> <key>``."""

CONNECT_TIMEOUT = 5.0
STATEMENT_TIMEOUT = 15.0
# A SQLite that writes slowly is still at work; a PostgreSQL that keeps all connections busy is silent.
_SQLITE_POOL_WAIT, _POSTGRESQL_POOL_WAIT = 60.0, 10.0
_READERS, _WRITERS = 4, 4

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_CONNECTION_GONE = ("08", "57P01", "57P02", "57P03", "25006")
_PASSING = (*_CONNECTION_GONE, "40001", "40P01", "53300", "55P03", "57014")
_BAD_VALUE = "22"

# https://www.sqlite.org/rescode.html: SQLITE_BUSY, SQLITE_LOCKED
_SQLITE_PASSING = (5, 6)

_SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000")

# What a vanished gateway has locked is free again soon. The keepalives are in seconds.
_SESSION = {
    "application_name": "dag-gateway",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


class Lock(IntEnum):
    """What only one transaction at a time does, over all replicas. Keys of PostgreSQL's advisory locks."""

    MIGRATE = 0x646167_01
    ACCEPT = 0x646167_02
    PIN = 0x646167_03


class now_ms(FunctionElement[int]):  # noqa: N801  SQL functions are written in lower case
    """The database's own clock: Unix time in milliseconds, not that of the transaction's begin."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms)
def _now_ms(_element: now_ms, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_ms_postgresql(_element: now_ms, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


def is_postgresql(url: str) -> bool:
    return url.startswith("postgresql://")


def sqlite_file(url: str) -> str:
    """The path in a SQLite URL."""
    try:
        return make_url(url).database or ""
    except ArgumentError:
        return ""


async def connect_postgresql(
    url: str, statement_timeout: float | None = STATEMENT_TIMEOUT
) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection of one's own, with bounded waits. asyncpg reads the URL, with libpq's parameters (``sslmode``)."""
    settings = _SESSION | {"statement_timeout": f"{statement_timeout or 0:.0f}s"}
    return await asyncpg.connect(
        url, timeout=CONNECT_TIMEOUT, command_timeout=statement_timeout, server_settings=settings
    )


def writer_engine(url: str, statement_timeout: float | None) -> AsyncEngine:
    """For transactions. SQLite lets one connection write, so writers queue in the pool instead of failing there."""
    if is_postgresql(url):
        return _postgresql(url, statement_timeout, pool_size=_WRITERS)
    engine = _sqlite(url, pool_size=1)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def reader_engine(url: str, statement_timeout: float | None) -> AsyncEngine:
    """For single statements, each a transaction of its own."""
    if is_postgresql(url):
        alone = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
        return _postgresql(url, statement_timeout, pool_size=_READERS, **alone)
    return _sqlite(url, pool_size=_READERS, pool_reset_on_return=None)


def _postgresql(url: str, statement_timeout: float | None, **options: Any) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(connect_postgresql, url, statement_timeout),
        max_overflow=0,
        pool_timeout=_POSTGRESQL_POOL_WAIT,
        hide_parameters=True,
        **options,
    )
    event.listen(engine.sync_engine, "handle_error", _drop_what_is_gone)
    return engine


def _sqlite(url: str, **options: Any) -> AsyncEngine:
    where: URL = make_url(url).set(drivername="sqlite+aiosqlite")
    engine = create_async_engine(where, max_overflow=0, pool_timeout=_SQLITE_POOL_WAIT, hide_parameters=True, **options)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transaction handling is switched off: who writes says BEGIN.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _drop_what_is_gone(context: ExceptionContext) -> None:
    """A server that stops, that became a standby, or that is silent: its connections are of no use any more."""
    error = context.original_exception
    if isinstance(error, TimeoutError) or _state(error).startswith(_CONNECTION_GONE):
        context.is_disconnect = True


def is_passing(error: DBAPIError) -> bool:
    """Whether the same transaction may well succeed in a moment."""
    if error.connection_invalidated or _state(error.orig).startswith(_PASSING):
        return True
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF in _SQLITE_PASSING  # the rest is SQLite's extended code


def is_refusal(error: DBAPIError) -> bool:
    """Whether a value can not be stored: too long, or with characters that the database has not."""
    cause = error.orig.__cause__ if error.orig else None
    return _state(error.orig).startswith(_BAD_VALUE) or isinstance(cause, asyncpg.exceptions.DataError)


def _state(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""


async def only_one(connection: AsyncConnection, lock: Lock) -> None:
    """Wait for the lock, which goes with the transaction. On SQLite whoever writes is alone anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(lock.value)))


async def announce(connection: AsyncConnection, sender: str, keys: Iterable[str]) -> None:
    """Tell the other processes, when the transaction commits, what they may want to look at again.

    ``sender`` lets a process skip what it said itself. Keys are short: a payload has less than 8000 bytes. On SQLite
    there are no others.
    """
    payloads = sorted({f"{sender} {key}" for key in keys})
    if payloads and connection.dialect.name == "postgresql":
        each = func.unnest(bindparam("payloads", payloads, ARRAY(Text)))
        await connection.execute(select(func.pg_notify(CHANNEL, each)))
