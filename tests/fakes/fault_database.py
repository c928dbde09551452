"""The database of the gateways, asked behind their back."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import asyncpg


async def rows(url: str, statement: str) -> Sequence[Sequence[Any]]:
    """Run one statement in a transaction of its own."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as file:
            return file.execute(statement).fetchall()
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def outlive(url: str, process: int) -> None:
    """As if the lease of a process that was killed had passed, and the others had noticed."""
    if url.startswith("postgresql://"):
        await rows(url, f"UPDATE replicas SET until = 0 WHERE name LIKE '%/{process}'")
        await rows(url, "SELECT pg_notify('dag_gateway', 'test accepted')")
