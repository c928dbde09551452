"""The yardsticks: pushing what is ready, by the two bare HTTP round trips and by ``git push``."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.fakes.git_cli import ENVIRONMENT, git

from .charts import chart
from .repositories import fast_import

_READY = "refs/heads/ready"
_CONTENT = "application/x-git-receive-pack-request"


@dataclass(frozen=True)
class Ready:
    """A commit on the tip of the remote, and a pack of exactly the objects that are new in it."""

    old: str
    new: str
    pack: bytes


class Workshop:
    """Makes ready commits for one bare repository of the server, reading its objects from the disk."""

    def __init__(self, path: Path, served: Path) -> None:
        self._path = path
        self._served = served
        git(served, "init", "--quiet", "--bare", str(path))
        (path / "objects/info/alternates").write_text(f"{served / 'objects'}\n")

    def prepare(self, folder: str, version: str) -> Ready:
        """What costs no side anything: it is done before the clock runs."""
        old = git(self._served, "rev-parse", "main")
        files = ((f"{folder}/{name}", content) for name, content in chart(version).items())
        fast_import(self._path, _READY, old, files, emptied=folder)
        new = git(self._path, "rev-parse", _READY)
        command = ["git", "pack-objects", "--quiet", "--revs", "--stdout"]
        wanted = f"{new}\n^{old}\n".encode()
        packed = subprocess.run(
            command, cwd=self._path, env=ENVIRONMENT, input=wanted, stdout=subprocess.PIPE, check=True, timeout=60
        )
        return Ready(old, new, packed.stdout)

    def push(self, url: str) -> float:
        """Seconds of a ``git push`` of the commit that was prepared last."""
        began = time.perf_counter()
        git(self._path, "push", "--quiet", url, f"{_READY}:refs/heads/main")
        return time.perf_counter() - began


class RoundTrips:
    """The two requests of a push over one connection, and nothing else."""

    def __init__(self, connection: HTTPConnection, path: str) -> None:
        self._connection = connection
        self._path = path

    def push(self, ready: Ready) -> float:
        """Seconds."""
        command = f"{ready.old} {ready.new} refs/heads/main\0report-status\n".encode()
        body = b"%04x%s0000%s" % (len(command) + 4, command, ready.pack)
        began = time.perf_counter()
        self._ask("GET", "info/refs?service=git-receive-pack", None)
        said = self._ask("POST", "git-receive-pack", body)
        seconds = time.perf_counter() - began
        if b"ok refs/heads/main" not in said:
            raise RuntimeError(f"the server did not take the push: {said!r}")
        return seconds

    def _ask(self, method: str, what: str, body: bytes | None) -> bytes:
        headers = {"Content-Type": _CONTENT} if body else {}
        self._connection.request(method, f"{self._path}/{what}", body, headers)
        return self._connection.getresponse().read()


@contextmanager
def round_trips(url: str) -> Iterator[RoundTrips]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=60)
    try:
        yield RoundTrips(connection, parts.path)
    finally:
        connection.close()
