"""What the drivers raise is told in our words: what passes, what does not, and what no database ever takes."""

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.exc import CompileError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dag_gateway.errors import GatewayError
from dag_gateway.store import StoreUnavailable, Unstorable
from dag_gateway.store.trouble import CommitUnknown, Interrupted, committing, translated


def of_server(error: asyncpg.PostgresError) -> DBAPIError:
    """As SQLAlchemy wraps what the server says."""
    return DBAPIError("SELECT 1", None, error)


@pytest.mark.parametrize(
    ("foreign", "family", "text"),
    [
        (PoolTimeoutError(), Interrupted, "the database had no free connection for too long; try again"),
        (TimeoutError(), Interrupted, "the database can not be reached: no answer in time"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Interrupted, "can not be reached: refused"),
        (of_server(asyncpg.AdminShutdownError("going down")), Interrupted, "can not do it now: going down"),
        (of_server(asyncpg.ReadOnlySQLTransactionError("standby")), Interrupted, "can not do it now: standby"),
        (of_server(asyncpg.DeadlockDetectedError("deadlock")), Interrupted, "can not do it now: deadlock"),
        (of_server(asyncpg.DiskFullError("disk full")), StoreUnavailable, "can not do it now: disk full"),
        (CompileError("too clever"), StoreUnavailable, "can not do it now: CompileError"),
        (of_server(asyncpg.StringDataRightTruncationError("x" * 300)), Unstorable, "does not take a value: DBAPIError"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "bad"), Unstorable, "not take a value: UnicodeEncodeError"),
        (OverflowError("too large"), Unstorable, "does not take a value: OverflowError"),
    ],
)
def test_each_trouble_has_its_family(foreign: Exception, family: type[GatewayError], text: str) -> None:
    with pytest.raises(GatewayError, match=text) as caught, translated():
        raise foreign
    assert type(caught.value) is family
    assert caught.value.__cause__ is foreign


def test_a_sqlite_that_somebody_else_has_locked_is_tried_again(tmp_path: Path) -> None:
    connections = [sqlite3.connect(tmp_path / "gateway.db", timeout=0, isolation_level=None) for _ in range(2)]
    with closing(connections[0]) as one, closing(connections[1]) as other:
        one.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as locked:
            other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Interrupted, match="the database can not do it now: database is locked"), translated():
        raise DBAPIError("BEGIN IMMEDIATE", None, locked.value)


def test_what_passes_leaves_a_commit_unknown_and_what_does_not_means_that_there_was_none() -> None:
    with pytest.raises(CommitUnknown, match="the database can not be reached: no answer in time"), committing():
        raise TimeoutError
    with pytest.raises(StoreUnavailable, match="disk full") as caught, committing():
        raise of_server(asyncpg.DiskFullError("disk full"))
    assert type(caught.value) is StoreUnavailable
