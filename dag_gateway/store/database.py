"""The connections to the database: transactions and reads, tried again while what hinders them passes."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import uuid4

from sqlalchemy import RowMapping, Select
from sqlalchemy.ext.asyncio import AsyncConnection

from .dialects import STATEMENT_TIMEOUT, is_postgresql, reader_engine, sqlite_file, writer_engine
from .trouble import CommitUnknown, Interrupted, StoreUnavailable, committing, translated

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class Database:
    """SQLite or PostgreSQL behind two pools, one for transactions and one for reads.

    ``patience`` is how long, in seconds, ``transact`` and ``fetch`` try again; ``statement_timeout`` is how long a
    statement of PostgreSQL may take, None: as long as it needs. ``name`` is this one's in announcements.
    """

    def __init__(self, url: str, patience: float = 10.0, statement_timeout: float | None = STATEMENT_TIMEOUT) -> None:
        self.name = uuid4().hex
        self._url = url
        self._patience = patience
        self._writer = writer_engine(url, statement_timeout)
        self._reader = reader_engine(url, statement_timeout)
        self._trouble: StoreUnavailable | None = None

    @property
    def listens_at(self) -> str | None:
        """The URL, with its password, for a connection that listens; None where nobody else could announce anything."""
        return self._url if is_postgresql(self._url) else None

    def unhurried(self) -> "Database":
        """The same database over connections of its own, for statements that may take minutes."""
        return Database(self._url, self._patience, statement_timeout=None)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, tried once; committed on the way out, rolled back on an exception.

        Raises Interrupted or CommitUnknown, which are StoreUnavailable.
        """
        with self._noticed(), translated():
            async with self._writer.connect() as connection:
                await connection.begin()
                yield connection
                with committing():
                    await connection.commit()

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        try:
            yield
        except StoreUnavailable as error:
            self._trouble = error
            raise
        self._trouble = None

    def check_writable(self) -> None:
        """Raises StoreUnavailable when the newest transaction could not be written, and none since."""
        if self._trouble is not None:
            raise StoreUnavailable(self._trouble.message)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with, tried once. Each statement sees the database as it is then."""
        with translated():
            async with self._reader.connect() as connection:
                yield connection

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[T]], *, repeatable: bool = False) -> T:
        """One transaction, tried again as long as it did not take place. Raises StoreUnavailable.

        ``repeatable`` says that ``work`` finds out by itself, when it is called again, whether it was done before:
        then it is tried again also after a commit of which nobody knows.
        """

        async def attempt() -> T:
            async with self.write() as connection:
                return await work(connection)

        return await self._patiently(attempt, (Interrupted, CommitUnknown) if repeatable else (Interrupted,))

    async def fetch(self, query: Select[Any], *, patience: float | None = None) -> Sequence[RowMapping]:
        """The rows, tried again while the database is away. Raises StoreUnavailable."""

        async def attempt() -> Sequence[RowMapping]:
            async with self.read() as connection:
                rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
                return rows

        return await self._patiently(attempt, (Interrupted,), patience)

    async def _patiently(
        self,
        attempt: Callable[[], Awaitable[T]],
        passing: tuple[type[StoreUnavailable], ...],
        patience: float | None = None,
    ) -> T:
        deadline = time.monotonic() + (self._patience if patience is None else patience)
        for pause in _pauses():
            try:
                return await attempt()
            except passing:
                if time.monotonic() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("the pauses never end")

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()

    async def __aenter__(self) -> Self:
        """Raises StoreUnavailable where SQLite would only say that it is unable to open the file."""
        folder = Path(sqlite_file(self._url)).parent
        if not is_postgresql(self._url) and not folder.is_dir():
            raise StoreUnavailable(f"there is no folder {str(folder)!r} for the database: create it (database.url)")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _pauses() -> Iterator[float]:
    """In seconds, without end; all replicas lose the database at the same time, and should not come back at once."""
    pause = _FIRST_PAUSE
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311  spreads load, guards nothing
        pause = min(2 * pause, _LONGEST_PAUSE)
