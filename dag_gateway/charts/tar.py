"""The entries of a tar stream, read strictly: files and folders, and nothing else.

The formats are POSIX ustar and pax (IEEE Std 1003.1, pax, "ustar Interchange Format" and "pax Header Block") and the
long names of GNU tar (its manual, "Basic Tar Format").
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .inflate import Inflated
from .limits import Meter
from .refusal import ChartTooLarge, InvalidChart, shown

_BLOCK = 512
_PIECE = 64 * 1024
_LONGEST_EXTENSION = 64 * 1024
_FILE = (b"0", b"\0", b"7")
_FOLDER = b"5"
_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK = b"x", b"g", b"L", b"K"
_REFUSED = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a FIFO",
    b"S": "a sparse file",
    _GNU_LINK: "a link",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """``name`` as it stands in the archive; ``content`` is None for a folder."""

    name: bytes
    content: bytes | None


@dataclass(frozen=True, slots=True)
class _Header:
    name: bytes
    size: int
    kind: bytes


def entries(stream: Inflated, meter: Meter) -> Iterator[Entry]:
    """Every file and folder of the archive, in its order.

    Raises InvalidChart for what is not tar and for every other kind of entry, ChartTooLarge over a limit.
    """
    for header in _headers(stream, meter):
        _check_kind(header)
        _check_limits(header, meter)
        content = _payload(stream, header)
        yield Entry(header.name, None if _is_folder(header) else content)


def _check_kind(header: _Header) -> None:
    if header.kind in _REFUSED:
        raise InvalidChart(f"{shown(header.name)} is {_REFUSED[header.kind]}; a chart has files and folders only")
    if header.kind not in (*_FILE, _FOLDER):
        raise InvalidChart(f"{shown(header.name)} is an entry of the unknown type {shown(header.kind)}")
    if header.size and _is_folder(header):
        raise InvalidChart(f"{shown(header.name)} is a folder with content")


def _check_limits(header: _Header, meter: Meter) -> None:
    limits = meter.limits
    meter.entries += 1
    meter.unpacked += header.size
    if meter.entries > limits.entries:
        raise ChartTooLarge(f"{shown(header.name)} is over the limit of {limits.entries} entries (limits.entries)")
    if header.size > limits.file:
        name = shown(header.name)
        raise ChartTooLarge(f"{name} has {header.size} bytes, a file has at most {limits.file} (limits.file)")
    if meter.unpacked > limits.unpacked:
        name = shown(header.name)
        raise ChartTooLarge(f"with {name} the files have more than {limits.unpacked} bytes (limits.unpacked)")


def _is_folder(header: _Header) -> bool:
    """Before POSIX a folder was a file whose name ends with a slash."""
    return header.kind == _FOLDER or (header.kind == b"\0" and header.name.endswith(b"/"))


def _headers(stream: Inflated, meter: Meter) -> Iterator[_Header]:
    """The headers of the entries, with the long names and sizes that stand in extension headers before them."""
    extension: dict[bytes, bytes] = {}
    last = b""
    while (header := _next_header(stream, last)) is not None:
        if header.kind == _GNU_NAME:
            extension[b"path"] = _extension_data(stream, header, meter).rstrip(b"\0")
        elif header.kind == _PAX:
            extension |= _pax_records(_extension_data(stream, header, meter))
        elif header.kind == _PAX_GLOBAL:
            _check_global(_pax_records(_extension_data(stream, header, meter)))
        else:
            header = _extended(header, extension)
            yield header
            extension, last = {}, header.name
    if extension:
        raise InvalidChart("the archive ends after an extension header; the entry it belongs to is missing")


def _next_header(stream: Inflated, last: bytes) -> _Header | None:
    """None at the end of the archive, which is a block of zeros or the end of the stream, as Go's reader has it."""
    block = stream.read(_BLOCK)
    if not any(block):
        _expect_zeros(stream, block)
        return None
    if len(block) < _BLOCK or _octal(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * ord(" "):
        where = f"the header after {shown(last)} is damaged" if last else "there is no tar archive in the gzip stream"
        raise InvalidChart(where)
    size = _octal(block[124:136])
    if size is None:
        raise InvalidChart(f"{shown(_name(block))} has a size that is not an octal number")
    return _Header(_name(block), size, block[156:157])


def _expect_zeros(stream: Inflated, block: bytes) -> None:
    while block:
        if block.strip(b"\0"):
            raise InvalidChart("there is something behind the end of the tar archive")
        block = stream.read(_PIECE)


def _octal(field: bytes) -> int | None:
    """None when the field is no octal number. An empty field is zero."""
    digits = field.rstrip(b" \0").lstrip(b" ")
    if digits.strip(b"01234567"):
        return None
    return int(digits or b"0", 8)


def _name(block: bytes) -> bytes:
    name = block[:100].split(b"\0", 1)[0]
    is_posix = block[257:263] == b"ustar\0"
    prefix = block[345:500].split(b"\0", 1)[0] if is_posix else b""
    return prefix + b"/" + name if prefix else name


def _payload(stream: Inflated, header: _Header) -> bytes:
    padding = -header.size % _BLOCK
    data = stream.read(header.size + padding)
    if len(data) < header.size + padding:
        raise InvalidChart(f"the archive is cut off in {shown(header.name)}")
    return data[: header.size]


def _extension_data(stream: Inflated, header: _Header, meter: Meter) -> bytes:
    if header.size > _LONGEST_EXTENSION:
        raise InvalidChart(f"an extension header has {header.size} bytes, at most {_LONGEST_EXTENSION} are read")
    meter.extensions += _BLOCK + header.size
    if meter.extensions > meter.limits.extensions:
        raise ChartTooLarge(f"the extension headers have more than {meter.limits.extensions} bytes together")
    return _payload(stream, header)


def _pax_records(data: bytes) -> dict[bytes, bytes]:
    """Each record is ``<length> <key>=<value>\\n``, its length counted with all of it."""
    records: dict[bytes, bytes] = {}
    start = 0
    while start < len(data):
        digits, space, _ = data[start : start + 20].partition(b" ")
        end = start + int(digits) if digits.isdigit() else start
        record = data[start + len(digits) + 1 : end]
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        if not (space and equals and record.endswith(b"\n") and end <= len(data)):
            raise InvalidChart("a pax header of the archive is damaged")
        records[key] = value
        start = end
    return records


def _check_global(records: dict[bytes, bytes]) -> None:
    """A global header may carry a comment (git archive does), but not rename or resize what comes after it."""
    if records.keys() & {b"path", b"size", b"linkpath"} or _is_sparse(records):
        raise InvalidChart("a global pax header of the archive sets a path or a size")


def _is_sparse(records: dict[bytes, bytes]) -> bool:
    return any(key.startswith(b"GNU.sparse.") for key in records)


def _extended(header: _Header, extension: dict[bytes, bytes]) -> _Header:
    name = extension.get(b"path", header.name)
    if _is_sparse(extension):
        raise InvalidChart(f"{shown(name)} is a sparse file; a chart has files and folders only")
    size = extension.get(b"size")
    if size is None:
        return _Header(name, header.size, header.kind)
    if not size.isdigit() or len(size) > len("18446744073709551616"):
        raise InvalidChart(f"{shown(name)} has a size in its pax header that is not a number")
    return _Header(name, int(size), header.kind)
