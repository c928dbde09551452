"""A chart folder or ``.tgz`` as the bytes to upload; the folder itself is only read."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from dag_gateway import charts

from .exits import WrongUsage
from .helmignore import BadRule, Rule, ignored, rules_of
from .values import ValueChanges, changed_values

# Helm's own bound on a chart, unpacked (MaxDecompressedChartSize).
_LARGEST_CHART = 100 * 1024 * 1024
_MOST_FILES = 10_000
_GZIP = b"\x1f\x8b"
# Helm drops the name of the top folder.
_TOP = "chart"


def pack(chart: Path, changes: ValueChanges) -> bytes:
    """The ``.tgz`` to upload: ``chart`` itself, or a folder packed with ``changes`` in its ``values.yaml``.

    The same content gives the same bytes. Raises WrongUsage naming the option or the file.
    """
    # os.path and not Path.is_dir(), which raises for a name that is too long or a folder that is closed.
    if os.path.isdir(chart):
        files = read_folder(chart)
        if changes:
            files["values.yaml"] = changed_values(files.get("values.yaml", b""), changes)
        return charts.pack(_TOP, files)
    if changes:
        raise WrongUsage(f"{changes.first_option} needs a chart folder, and CHART {str(chart)!r} is not a folder")
    return _archive_file(chart)


def read_folder(folder: Path) -> dict[str, bytes]:
    """Relative POSIX path -> content of what belongs to the chart, as Helm packs it: ``.helmignore`` applies.

    ``.git`` is never part of it. A link is packed as what it points to and must stay inside the folder. Raises
    WrongUsage naming the entry.
    """
    if not os.path.isfile(folder / "Chart.yaml"):
        raise WrongUsage(f"CHART {str(folder)!r} is not a chart: it has no Chart.yaml")
    paths = list(islice(_entries(folder, _rules(folder)), _MOST_FILES + 1))
    if len(paths) > _MOST_FILES:
        raise WrongUsage(f"CHART {str(folder)!r} has more than {_MOST_FILES} files; leave some out in .helmignore")
    files: dict[str, bytes] = {}
    room = _LARGEST_CHART
    for path in paths:
        files[path] = _content(folder, path, room)
        room -= len(files[path])
    return files


def _archive_file(chart: Path) -> bytes:
    if not os.path.isfile(chart):
        raise WrongUsage(f"CHART {str(chart)!r} is neither a chart folder nor a .tgz file")
    content = _read(chart, _LARGEST_CHART, str(chart))
    if not content.startswith(_GZIP):
        raise WrongUsage(f"CHART {str(chart)!r} is not a .tgz: it is not compressed with gzip")
    return content


def _rules(folder: Path) -> tuple[Rule, ...]:
    file = folder / ".helmignore"
    try:
        return rules_of(_content(folder, ".helmignore", _LARGEST_CHART).decode() if file.exists() else "")
    except (BadRule, UnicodeDecodeError) as error:
        raise WrongUsage(f"CHART {str(folder)!r}: {error}") from error


def _entries(folder: Path, rules: tuple[Rule, ...]) -> Iterator[str]:
    """The paths that are packed. A folder that is left out is not looked into."""
    for here, folders, names in os.walk(folder, onerror=_unreadable):
        at = PurePosixPath(Path(here).relative_to(folder).as_posix())
        kept = [name for name in sorted(folders) if not _left_out(rules, str(at / name), folder=True)]
        for name in kept:
            if (Path(here) / name).is_symlink():
                raise WrongUsage(f"CHART: {str(at / name)!r} is a link to a folder; put the files themselves there")
        folders[:] = kept
        yield from (str(at / name) for name in sorted(names) if not _left_out(rules, str(at / name), folder=False))


def _left_out(rules: tuple[Rule, ...], path: str, *, folder: bool) -> bool:
    if not path.isprintable():
        raise WrongUsage(f"CHART: {path!r} has a name with unprintable characters")
    return PurePosixPath(path).name == ".git" or ignored(rules, path, folder=folder)


def _content(folder: Path, path: str, room: int) -> bytes:
    file = folder / path
    # realpath and not Path.resolve(), which raises RuntimeError for a link to itself.
    if not Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder)):
        raise WrongUsage(f"CHART: {path!r} is a link that leads outside of the chart folder")
    if not file.is_file():
        raise WrongUsage(f"CHART: {path!r} is not a regular file; leave it out in .helmignore")
    return _read(file, room, path)


def _read(file: Path, room: int, name: str) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(room + 1)
    except OSError as error:
        raise WrongUsage(f"CHART: {name!r} can not be read: {error.strerror or error}") from error
    if len(content) > room:
        raise WrongUsage(f"CHART: with {name!r} it is larger than {_LARGEST_CHART} bytes, the most that Helm takes")
    return content


def _unreadable(error: OSError) -> None:
    raise WrongUsage(f"CHART: {str(error.filename)!r} can not be read: {error.strerror}") from error
