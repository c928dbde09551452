"""A SQLite file has one process; the lock goes with the process, however it ends."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dag_gateway.store import DatabaseInUse, StoreUnavailable, sole_user

_ROOT = Path(__file__).parents[2]
_HOLDER = """
import sys
from dag_gateway.store import sole_user
with sole_user(sys.argv[1]):
    print("mine", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the file."""
    command = [sys.executable, "-c", _HOLDER, url]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "mine\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_told_who_has_the_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    with holder(url) as process:
        message = rf"gateway\.db' is in use by process {process.pid}: only one process may use a SQLite file; stop that"
        with pytest.raises(DatabaseInUse, match=message), sole_user(url):
            pass


def test_another_name_of_the_file_does_not_help(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "gateway.db")
    with sole_user(f"sqlite:///{tmp_path}/gateway.db"):
        message = f"is in use by process {os.getpid()}"
        with pytest.raises(DatabaseInUse, match=message), sole_user(f"sqlite:///{tmp_path}/link.db"):
            pass
        with sole_user(f"sqlite:///{tmp_path}/other.db"):
            pass


def test_the_lock_goes_with_a_process_that_is_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    with holder(url) as process:
        process.kill()
        process.wait()
        for _ in range(2):
            with sole_user(url):
                assert (tmp_path / "gateway.db.lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "gateway.db.lock").mkdir()
    message = r"gateway\.db\.lock' can not be opened: Is a directory"
    with pytest.raises(StoreUnavailable, match=message), sole_user(f"sqlite:///{tmp_path}/gateway.db"):
        pass


def test_postgresql_is_for_many() -> None:
    with sole_user("postgresql://host/dag"), sole_user("postgresql://host/dag"):
        pass
