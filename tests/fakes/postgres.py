"""A real PostgreSQL of the tests' own on loopback, that can be killed and started again, and never outlives them."""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO

import asyncpg
import pytest

from dag_gateway.store import Database, upgrade

from .needs import needs

_INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
_PROGRAMS = os.pathsep.join([os.environ["PATH"], *map(str, _INSTALLED)])
INITDB = shutil.which("initdb", path=_PROGRAMS) or "initdb"

PASSWORD = "open-sesame"
TWO_DATABASES = ("sqlite", pytest.param("postgresql", marks=needs(INITDB)))
"""For tests that hold for both; see ``new_database_url``."""

_TEMPLATE = "migrated"
_PATIENCE = 60.0
_SETTINGS = ("fsync=off", "shared_buffers=16MB", "max_connections=200", "unix_socket_directories=")

# Root may not run the server, and a server whose tests were killed has to go by itself: both have to be arranged
# between fork and exec, in this order, because a change of the user forgets the signal.
_WRAPPER = """
import ctypes, os, signal, sys
parent, user, *command = sys.argv[1:]
if int(user) != os.getuid():
    os.setgroups([])
    os.setgid(int(user))
    os.setuid(int(user))
ctypes.CDLL(None).prctl(1, signal.SIGQUIT)
if os.getppid() == int(parent):
    os.execv(command[0], command)
"""


class PostgresServer:
    """A server in a folder and on a port of its own; ``start`` returns when it takes connections."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = str(folder / "data")
        self._user = os.getuid() or 65534  # nobody
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._names = (f"test_{number}" for number in count())
        self._has_template = False
        self._make()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://dag:{PASSWORD}@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Start it, also after a crash, and wait until it takes connections."""
        assert self._process is None
        settings = [word for setting in (*_SETTINGS, f"port={self._port}") for word in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            self._process = self._run(["postgres", "-D", self._data, *settings], log)
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop it as for a restart: connections are ended at once, nothing is lost."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """kill -9, of the server and of every process that serves a connection."""
        assert self._process
        with ExitStack() as stack:
            serving = [_handle(stack, pid) for pid in _children(self._process.pid)]
            self._end(signal.SIGKILL)
            for process in serving:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                select.select([process], [], [], _PATIENCE)

    def close(self) -> None:
        """End it, whatever it does."""
        if self._process:
            self._end(signal.SIGQUIT)

    async def new_database(self) -> str:
        """The URL of a database with all tables, which nobody else uses."""
        if not self._has_template:
            await self.execute(f"CREATE DATABASE {_TEMPLATE}")
            async with Database(self.url(_TEMPLATE)) as database:
                await upgrade(database)
            self._has_template = True
        return await self._created(f"TEMPLATE {_TEMPLATE}")

    async def empty_database(self) -> str:
        """The URL of a database without tables."""
        return await self._created("")

    async def _created(self, how: str) -> str:
        name = next(self._names)
        await self.execute(f"CREATE DATABASE {name} {how}")
        return self.url(name)

    async def execute(self, statement: str) -> None:
        """Run it as the administrator."""
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _make(self) -> None:
        os.chown(self._folder, self._user, -1)
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        how = ["-U", "dag", "--auth=scram-sha-256", f"--pwfile={secret}", "--locale=C", "--encoding=UTF8", "--no-sync"]
        assert self._run(["initdb", "-D", self._data, *how], None).wait(_PATIENCE) == 0

    def _run(self, command: list[str], errors: IO[bytes] | None) -> subprocess.Popen[bytes]:
        program = shutil.which(command[0], path=_PROGRAMS) or command[0]
        wrapped = [sys.executable, "-c", _WRAPPER, str(os.getpid()), str(self._user), program, *command[1:]]
        return subprocess.Popen(wrapped, cwd="/", stdout=subprocess.DEVNULL, stderr=errors)

    def _wait_until_ready(self) -> None:
        while not self._is_ready():
            assert self._process
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.01)
            assert self._process.returncode is None, (self._folder / "log").read_text()

    def _is_ready(self) -> bool:
        """As pg_ctl finds out: this file has the server's process in the first line, its state in the eighth."""
        try:
            lines = (self._folder / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        assert self._process
        return len(lines) > 7 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready"

    def _end(self, how: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(how)
        self._process.wait(_PATIENCE)
        self._process = None


@contextmanager
def serving_postgres() -> Iterator[PostgresServer]:
    """A server that runs."""
    # Not below pytest's folder, which no other user may enter.
    with tempfile.TemporaryDirectory(prefix="dag-postgres-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.close()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _handle(stack: ExitStack, pid: int) -> int:
    """A file descriptor that can be read once the process is gone."""
    handle = os.pidfd_open(pid)
    stack.callback(os.close, handle)
    return handle


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
