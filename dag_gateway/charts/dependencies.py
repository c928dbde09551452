"""The dependencies of a chart: declared well, and all of them inside the chart."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .archive import CHART_YAML, read_metered
from .limits import Limits, Meter
from .refusal import ChartTooLarge, InvalidChart, shown
from .yaml_json import read_mapping

# Helm 4, pkg/chart/v2/dependency.go.
_ALIAS = re.compile(r"[A-Za-z0-9_-]+")
_FOLDER = "charts/"
# Of all Chart.yaml in charts/ together: far more than a hundred charts have.
_LONGEST_TOGETHER = 1024 * 1024


def check_dependencies(document: Mapping[str, Any], api_version: str) -> None:
    """The form of ``dependencies`` in ``Chart.yaml``: names, aliases, nothing twice; InvalidChart otherwise."""
    used: set[str] = set()
    for entry in _declared(document):
        if api_version == "v1":
            raise InvalidChart("Chart.yaml: dependencies is a key of apiVersion v2; this chart says v1")
        name = _effective_name(entry)
        if name in used:
            raise InvalidChart(f"Chart.yaml: more than one dependency has the name or alias {shown(name)}; use alias")
        used.add(name)


def check_vendored(document: Mapping[str, Any], files: Mapping[str, bytes], limits: Limits) -> None:
    """Every declared dependency is in ``charts/``, as a folder or a .tgz; InvalidChart names one that is not.

    What is missing there would have to be downloaded when the chart is installed, from wherever and whatever then.
    ``condition`` and ``enabled`` do not matter: values can switch a dependency on at any time.
    """
    declared = [entry["name"] for entry in _declared(document)]
    if not declared:
        return
    vendored = set(_vendored_names(files, limits))
    missing = next((name for name in declared if name not in vendored), None)
    if missing is not None:
        raise InvalidChart(
            f"Chart.yaml: the dependency {shown(missing)} is not in charts/; "
            "run `helm dependency build` before the chart is uploaded"
        )


def _declared(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    entries = document.get("dependencies")
    if entries is None:
        return []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidChart("Chart.yaml: dependencies is not a list of mappings with a name")
    return entries


def _effective_name(entry: Mapping[str, Any]) -> str:
    name, alias = entry.get("name"), entry.get("alias")
    if not isinstance(name, str) or not name:
        raise InvalidChart("Chart.yaml: a dependency has no name")
    if alias is None or alias == "":
        return name
    if not isinstance(alias, str) or not _ALIAS.fullmatch(alias):
        raise InvalidChart(
            f"Chart.yaml: the alias {shown(str(alias))} of the dependency {shown(name)} "
            "has something other than letters, digits, '_' and '-'"
        )
    return alias


def _vendored_names(files: Mapping[str, bytes], limits: Limits) -> Iterator[str]:
    """The names that the charts in ``charts/`` give themselves."""
    room = _LONGEST_TOGETHER
    for where, chart_yaml in _vendored(files, limits):
        room -= len(chart_yaml)
        if room < 0:
            raise ChartTooLarge(
                f"with {shown(where)} the Chart.yaml in charts/ have more than {_LONGEST_TOGETHER} bytes"
            )
        yield str(read_mapping(chart_yaml, where, InvalidChart, unique_keys=False).get("name"))


def _vendored(files: Mapping[str, bytes], limits: Limits) -> Iterator[tuple[str, bytes]]:
    """Where each ``Chart.yaml`` in ``charts/`` stands, and it; all archives share what ``limits`` allow for one."""
    meter = Meter(limits)
    for path, content in files.items():
        parts = path.removeprefix(_FOLDER).split("/")
        # Helm skips these (pkg/chart/v2/loader/load.go).
        if not path.startswith(_FOLDER) or parts[0].startswith(("_", ".")):
            continue
        if len(parts) == 1 and path.endswith(".tgz"):
            yield f"{path}: {CHART_YAML}", _nested(path, content, meter)[CHART_YAML]
        elif len(parts) == 2 and parts[1] == CHART_YAML:
            yield path, content


def _nested(path: str, content: bytes, meter: Meter) -> dict[str, bytes]:
    try:
        return read_metered(content, meter)
    except (InvalidChart, ChartTooLarge) as error:
        raise type(error)(f"{shown(path)}: {error.message}") from error
