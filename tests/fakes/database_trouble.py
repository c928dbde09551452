"""Trouble with the database of a running gateway, made from outside with a connection of its own."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


def execute(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "gateway.db", isolation_level=None, timeout=60)) as connection:
        connection.execute(statement)


@contextmanager
def table_away(folder: Path, table: str) -> Iterator[None]:
    """Whatever needs the table fails at once, as it would on a full disk, and works again after the block."""
    execute(folder, f"ALTER TABLE {table} RENAME TO away")
    try:
        yield
    finally:
        execute(folder, f"ALTER TABLE away RENAME TO {table}")


@contextmanager
def moves_refused(folder: Path, condition: str) -> Iterator[None]:
    """Moves of deployments for which ``condition`` (SQL over NEW and OLD) holds are not written."""
    execute(
        folder,
        f"CREATE TRIGGER refusal BEFORE UPDATE ON deployments WHEN {condition} BEGIN SELECT RAISE(ABORT, 'away'); END",
    )
    try:
        yield
    finally:
        execute(folder, "DROP TRIGGER refusal")
