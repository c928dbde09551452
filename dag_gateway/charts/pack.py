"""A chart as a .tgz that Helm loads: the same files, the same bytes."""

import gzip
import tarfile
from collections.abc import Mapping
from io import BytesIO


def pack(name: str, files: Mapping[str, bytes]) -> bytes:
    """``files`` (path -> content) in one top folder ``name``, sorted, without times, owners or modes of their own."""
    packed = BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(files):
            tar.addfile(_entry(f"{name}/{path}", len(files[path])), BytesIO(files[path]))
    return packed.getvalue()


def _entry(path: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.size = size
    entry.mode = 0o644
    return entry
