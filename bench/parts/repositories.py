"""IaC repositories of any size, made in seconds by ``git fast-import``.

Every app is a folder ``clusters/production/app-0000`` with a chart of eight files; there are up to 1,000 of them side
by side. 20 files are two apps with two documents beside each chart, 20,000 files are 1,000 apps with 12, and 200,000
files are 1,000 apps with 192. The number of folders matters to the server: to check a push, git's ``rev-list
--objects --not --all`` walks through all folders of the old commit, whoever pushes.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.fakes.git_cli import ENVIRONMENT, git

from .charts import chart

SIZES = (20, 20_000, 200_000)

_MOST_APPS = 1_000
_VARIANTS = 10
_SERVER_SETTINGS = {"gc.auto": "0", "receive.autogc": "false", "core.logAllRefUpdates": "true"}
# The same for all sides: no housekeeping in the middle of a measurement, and a reflog to count the pushes by.


def app_path(number: int) -> str:
    return f"clusters/production/app-{number:04}"


def make_repository(path: Path, files: int) -> Path:
    """A bare repository with one commit of ``files`` files."""
    git(path.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(path))
    for name, value in _SERVER_SETTINGS.items():
        git(path, "config", name, value)
    fast_import(path, "refs/heads/main", None, _contents(files))
    return path


def copy_repository(path: Path, name: str) -> Path:
    """One for a side of its own, beside the other."""
    return shutil.copytree(path, path.with_name(name))


def fast_import(
    path: Path, ref: str, parent: str | None, files: Iterator[tuple[str, bytes]], emptied: str = ""
) -> None:
    """One commit on ``ref``: ``files`` on top of what ``parent`` has outside of the folder ``emptied``."""
    command = ["git", "fast-import", "--quiet", "--force"]
    with subprocess.Popen(command, cwd=path, env=ENVIRONMENT, stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(f"commit {ref}\ncommitter Rival <rival@example.com> 1700000000 +0000\n".encode())
        process.stdin.write(b"data 5\nready\n" + (f"from {parent}\n".encode() if parent else b""))
        process.stdin.write(f"D {emptied}\n".encode() if emptied else b"")
        for name, content in files:
            process.stdin.write(b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(content), content))
    if process.returncode:
        raise RuntimeError(f"git fast-import ended with {process.returncode}")


def _contents(files: int) -> Iterator[tuple[str, bytes]]:
    apps = min(_MOST_APPS, files // len(chart("any")))
    documents = files // apps - len(chart("any"))
    for app in range(apps):
        for name, content in chart(f"1.0.{app}", variant=app % _VARIANTS).items():
            yield f"{app_path(app)}/{name}", content
        for number in range(documents):
            yield f"{app_path(app)}/docs/{number:03}.md", f"# App {app}, page {number}\n".encode()
