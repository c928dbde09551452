"""The files of a chart archive, read in memory; nothing is ever extracted to disk."""

from io import BytesIO
from typing import BinaryIO

from .inflate import Inflated
from .limits import Limits, Meter
from .paths import Claims, safe_path
from .refusal import InvalidChart, shown
from .tar import entries

CHART_YAML = "Chart.yaml"


def read_files(archive: BinaryIO | bytes, limits: Limits) -> dict[str, bytes]:
    """Relative POSIX path -> content, without the single top folder that ``helm package`` writes.

    Raises InvalidChart when the archive breaks a rule or has no ``Chart.yaml``, ChartTooLarge over a limit.
    """
    return read_metered(archive, Meter(limits))


def read_metered(archive: BinaryIO | bytes, meter: Meter) -> dict[str, bytes]:
    """The same for one of several archives that share the limits of ``meter``."""
    source = BytesIO(archive) if isinstance(archive, bytes) else archive
    files: dict[str, bytes] = {}
    claims = Claims(most=meter.limits.entries)
    for entry in entries(Inflated(source, meter), meter):
        path = safe_path(entry.name)
        if entry.content is not None:
            files[_file_path(entry.name, path)] = entry.content
        if path:
            claims.add(path, folder=entry.content is None)
    return _without_top_folder(files)


def _file_path(name: bytes, path: str) -> str:
    if not path or name.endswith(b"/"):
        raise InvalidChart(f"{shown(name)} is a file with the name of a folder")
    return path


def _without_top_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    if CHART_YAML in files:
        return files
    tops = [path.removesuffix(f"/{CHART_YAML}") for path in files if path.endswith(f"/{CHART_YAML}")]
    top = next((folder for folder in tops if "/" not in folder), None)
    if top is None:
        raise InvalidChart("there is no Chart.yaml, neither at the root of the archive nor in a single top folder")
    outside = next((path for path in files if not path.startswith(f"{top}/")), None)
    if outside is not None:
        raise InvalidChart(f"{shown(outside)} is outside of the folder of the chart, {shown(top)}")
    return {path.removeprefix(f"{top}/"): content for path, content in files.items()}
