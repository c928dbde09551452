"""A chart as the folder that Helm loads, which is how Flux and Argo CD have it: only there ``.helmignore`` applies."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import helm_python as helm

_ARCHIVE = Path("chart.tgz")
_FOLDER = Path("chart")
# The last words of Go's error where a file can not be written (syscall/zerrors_linux_amd64.go).
_DISK_TROUBLE = re.compile(r": (no space left on device|disk quota exceeded|read-only file system|input/output error)$")


@contextmanager
def unpacked(archive: bytes) -> Iterator[Path]:
    """The folder of the chart in the .tgz, below the working folder and gone at the end.

    Raises HelmError when Helm does not take the archive, OSError when there is no room for it.
    """
    try:
        _ARCHIVE.write_bytes(archive)
        _expand()
        yield next(_FOLDER.iterdir()).absolute()
    finally:
        remove_leftovers()


def remove_leftovers() -> None:
    """What a chart whose worker ends half way leaves in the working folder."""
    _ARCHIVE.unlink(missing_ok=True)
    shutil.rmtree(_FOLDER, ignore_errors=True)


def without_paths(text: str) -> str:
    """``text`` of Helm with paths as they are in the chart."""
    return text.replace(f"{_FOLDER.absolute()}/", "")


def _expand() -> None:
    try:
        helm.expand(_FOLDER, _ARCHIVE)
    except helm.HelmError as error:
        if trouble := _DISK_TROUBLE.search(str(error)):
            raise OSError(trouble[1]) from error
        raise
