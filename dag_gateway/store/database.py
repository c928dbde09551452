"""The connection to the database: one writer at a time, readers beside it, foreign errors translated."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from dag_gateway.errors import Unavailable

_POOL_WAIT = 60.0


class StoreUnavailable(Unavailable):
    """The database does not answer or can not be written."""

    code = "database_unavailable"


class Database:
    """SQLite behind two pools: SQLite lets one connection write, so writers queue here instead of failing there."""

    def __init__(self, url: str) -> None:
        where = make_url(url).set(drivername="sqlite+aiosqlite")
        self._folder = Path(where.database or "").parent
        self._writer = _engine(where, size=1, begin="BEGIN IMMEDIATE")
        self._reader = _engine(where, size=4, begin="BEGIN")

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that may write; committed on the way out, rolled back on an exception."""
        with _translated():
            async with self._writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that sees one state of the database."""
        with _translated():
            async with self._reader.begin() as connection:
                yield connection

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()

    async def __aenter__(self) -> Self:
        """Raises StoreUnavailable where SQLite would only say that it is unable to open the file."""
        if not self._folder.is_dir():
            raise StoreUnavailable(
                f"there is no folder {str(self._folder)!r} for the database: create it (database.url)"
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _engine(url: URL, *, size: int, begin: str) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=size, max_overflow=0, pool_timeout=_POOL_WAIT, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # The driver's own transaction handling is switched off, so that BEGIN below is the only one.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise StoreUnavailable(f"the database had no free connection for {_POOL_WAIT:.0f} s; try again") from error
    except DBAPIError as error:
        raise StoreUnavailable(f"the database can not do it now: {error.orig}") from error
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the database can not do it now: {type(error).__name__}") from error
