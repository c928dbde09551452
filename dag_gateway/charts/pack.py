"""A chart as a .tgz that Helm loads: the same files, the same bytes."""

import gzip
import tarfile
from collections.abc import Iterator, Mapping
from io import BytesIO


def pack(name: str, files: Mapping[str, bytes]) -> bytes:
    """``files`` (path -> content) in one top folder ``name``, sorted, without times, owners or modes of their own."""
    return b"".join(packing(name, files))


def packing(name: str, files: Mapping[str, bytes]) -> Iterator[bytes]:
    """The bytes of ``pack`` in pieces, each file compressed when it is asked for."""
    packed = BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(files):
            tar.addfile(_entry(f"{name}/{path}", len(files[path])), BytesIO(files[path]))
            yield _taken(packed)
    yield _taken(packed)


def _taken(packed: BytesIO) -> bytes:
    """What was written since the last time."""
    piece = packed.getvalue()
    packed.seek(0)
    packed.truncate()
    return piece


def _entry(path: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.size = size
    entry.mode = 0o644
    return entry
