"""A disk of a few megabytes that can be filled, emptied and made read-only while somebody uses it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_MAY_MOUNT = os.geteuid() == 0 or os.environ.get("CI") == "true"
needs_mounts = pytest.mark.skipif(not _MAY_MOUNT, reason="only root may mount a disk of its own for this test")


@contextmanager
def small_disk(folder: Path, size: str = "8m") -> Iterator[Path]:
    """``folder``, made if need be, as a file system of its own in memory."""
    folder.mkdir(exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        _run("umount", "--lazy", str(folder))


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """No byte more fits in the block."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        _fill(file.fileno())
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """For whoever opens a file from now on; the kernel refuses while one is open for writing, so try that first."""
    _run("mount", "-o", "remount,ro", str(disk))
    try:
        yield
    finally:
        _run("mount", "-o", "remount,rw", str(disk))


def _fill(file: int) -> None:
    for size in (65536, 1):
        while True:
            try:
                os.write(file, b"x" * size)
            except OSError:
                break


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
