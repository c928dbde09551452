"""All that a gateway leaves behind or shows to others, as one text to search."""

import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path


def database_text(file: Path) -> str:
    """Every row of every table."""
    with closing(sqlite3.connect(file)) as connection:
        return "\n".join(connection.iterdump())


def repository_text(bare: Path) -> str:
    """Every object, reachable or not, with every commit message."""
    command = ["git", "-C", str(bare), "cat-file", "--batch-all-objects", "--batch"]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode("latin-1")


def process_texts(pid: int) -> dict[int, str]:
    """Arguments and environments of a process and of all that it has started, on Linux."""
    return {process: _shown(Path("/proc") / str(process)) for process in _family(pid)}


def folder_text(folder: Path) -> str:
    """Every file below the folder, as it is on the disk."""
    return "\n".join(file.read_bytes().decode("latin-1") for file in folder.rglob("*") if file.is_file())


def _shown(process: Path) -> str:
    return "\n".join((process / name).read_bytes().decode("latin-1") for name in ("cmdline", "environ"))


def _family(pid: int) -> set[int]:
    parents = {int(status.parent.name): _parent(status) for status in Path("/proc").glob("[0-9]*/status")}
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _parent(status: Path) -> int:
    """0 for a process that has ended meanwhile."""
    with suppress(OSError):
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("PPid:"))
    return 0
