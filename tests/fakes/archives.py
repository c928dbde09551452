"""Chart archives built byte by byte, also those that no honest tool writes."""

import gzip
from collections.abc import Mapping

from dag_gateway.charts import Limits

LIMITS = Limits(unpacked=1_000_000, file=100_000, entries=50)
CHART_YAML = b"apiVersion: v2\nname: demo\nversion: 1.0.0\n"
END_OF_TAR = bytes(1024)


def tar_entry(
    name: bytes,
    content: bytes = b"",
    *,
    kind: bytes = b"0",
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
    size: bytes | None = None,
) -> bytes:
    """Header and content of one entry with a right checksum; ``size`` replaces the twelve bytes of the size field."""
    fields = [
        name.ljust(100, b"\0"),
        b"0000644\0" + b"0000000\0" * 2,
        size or b"%011o\0" % len(content),
        b"%011o\0" % 0,
        b" " * 8,
        kind,
        bytes(100),
        magic.ljust(8, b"\0"),
        bytes(32 + 32 + 8 + 8),
        prefix.ljust(155, b"\0"),
        bytes(12),
    ]
    header = b"".join(fields)
    checksum = b"%06o\0 " % sum(header)
    return header[:148] + checksum + header[156:] + content + bytes(-len(content) % 512)


def pax(kind: bytes = b"x", **records: bytes) -> bytes:
    """A pax header with ``records``; a double underscore in a key is a dot."""
    data = b"".join(_record(key.replace("__", ".").encode(), value) for key, value in records.items())
    return tar_entry(b"PaxHeader", data, kind=kind)


def tgz(*entries: bytes, end: bytes = END_OF_TAR) -> bytes:
    """The entries as a gzipped tar archive."""
    return gzip.compress(b"".join(entries) + end, compresslevel=1)


def chart_tgz(files: Mapping[str, bytes] | None = None, *, top: str = "demo/") -> bytes:
    """``files`` beside a good ``Chart.yaml`` (or the one among them), below ``top``."""
    together = {"Chart.yaml": CHART_YAML, **(files or {})}
    return tgz(*(tar_entry(f"{top}{path}".encode(), content) for path, content in together.items()))


def _record(key: bytes, value: bytes) -> bytes:
    body = b" %b=%b\n" % (key, value)
    length = len(body) + len(b"%d" % len(body))
    return b"%d%b" % (length if len(b"%d" % length) == len(b"%d" % len(body)) else length + 1, body)
