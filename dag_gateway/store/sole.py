"""One process per SQLite file: a lock beside the file, which goes with the process, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dag_gateway.errors import GatewayError

from .dialects import is_postgresql, sqlite_file
from .trouble import StoreUnavailable


class DatabaseInUse(GatewayError):
    """Another process has the SQLite file."""

    code = "database_in_use"


@contextmanager
def sole_user(url: str) -> Iterator[None]:
    """Nobody else uses the SQLite file meanwhile; PostgreSQL is for many. Raises DatabaseInUse or StoreUnavailable."""
    if is_postgresql(url):
        yield
        return
    # The lock is the file's own, whatever links lead to it.
    database = Path(os.path.realpath(sqlite_file(url)))
    lock = database.with_name(f"{database.name}.lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"the lock file {str(lock)!r} can not be opened: {error.strerror}") from error
    try:
        _take(descriptor, database)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, database: Path) -> None:
    """Lock it, and leave the number of this process in it. The file stays: to remove it would open a race."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        raise DatabaseInUse(
            f"the database {str(database)!r} is in use by process {holder}: only one process may use a SQLite file; "
            "stop that one first, or move to PostgreSQL (database.url)"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
