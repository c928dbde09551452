"""Trouble with the database of a running gateway, made from outside with a connection of its own."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path


async def execute(folder: Path, statement: str) -> None:
    """In a thread: a gateway in this process may be in the middle of a transaction, which has to come to its end."""
    await asyncio.to_thread(_execute, folder, statement)


def _execute(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "gateway.db", isolation_level=None, timeout=60)) as connection:
        connection.execute(statement)


@asynccontextmanager
async def table_away(folder: Path, table: str) -> AsyncIterator[None]:
    """Whatever needs the table fails at once, as it would on a full disk, and works again after the block."""
    await execute(folder, f"ALTER TABLE {table} RENAME TO away")
    try:
        yield
    finally:
        await execute(folder, f"ALTER TABLE away RENAME TO {table}")


@asynccontextmanager
async def moves_refused(folder: Path, condition: str) -> AsyncIterator[None]:
    """Moves of deployments for which ``condition`` (SQL over NEW and OLD) holds are not written."""
    await execute(
        folder,
        f"CREATE TRIGGER refusal BEFORE UPDATE ON deployments WHEN {condition} BEGIN SELECT RAISE(ABORT, 'away'); END",
    )
    try:
        yield
    finally:
        await execute(folder, "DROP TRIGGER refusal")


@asynccontextmanager
async def locked(folder: Path) -> AsyncIterator[None]:
    """Whoever wants to write waits until the block ends."""
    with closing(sqlite3.connect(folder / "gateway.db", isolation_level=None, timeout=60)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
