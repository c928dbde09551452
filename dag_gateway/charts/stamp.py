"""The version in ``Chart.yaml``, replaced without touching another byte."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml

from dag_gateway.model.chart import is_semver

from .archive import CHART_YAML
from .metadata import read_chart_yaml
from .refusal import InvalidChart, shown
from .yaml_json import decode, yaml_events

_BYTE_ORDER_MARK = "\ufeff"
# As long as the longest that the store takes.
_ANY_VERSION = "0.0.0-".ljust(400, "a")
_HOW = "write it on one line, such as `version: 1.2.3`"


@dataclass(frozen=True, slots=True)
class _Span:
    """Where the value stands, in characters, and the quote that it is written in, ``""`` for none."""

    start: int
    end: int
    quote: str


def stamp(files: Mapping[str, bytes], version: str) -> dict[str, bytes]:
    """The same files with ``version``, which is SemVer 2, in ``Chart.yaml``; the rest of it byte for byte as it was.

    Raises InvalidChart when there is no ``version`` line at the top level, or it is written in a way that can not be
    replaced alone; ValueError when ``version`` is not SemVer.
    """
    if not is_semver(version):
        raise ValueError(f"{shown(version)} is not SemVer, so it is not written into Chart.yaml")
    chart_yaml = files[CHART_YAML]
    return {**files, CHART_YAML: _stamped(chart_yaml, read_chart_yaml(chart_yaml), version)}


def check_stampable(chart_yaml: bytes, document: Mapping[str, Any]) -> None:
    """Whether ``stamp`` can be done with every version; InvalidChart otherwise. ``document`` is what was read of it."""
    _stamped(chart_yaml, document, _ANY_VERSION)


def _stamped(chart_yaml: bytes, document: Mapping[str, Any], version: str) -> bytes:
    text = decode(chart_yaml, CHART_YAML, InvalidChart)
    span = _version_span(text)
    new = f"{text[: span.start]}{span.quote}{version}{span.quote}{text[span.end :]}".encode()
    if read_chart_yaml(new) != {**document, "version": version}:
        raise InvalidChart(f"Chart.yaml: the version can not be replaced alone; {_HOW}")
    return new


def _version_span(text: str) -> _Span:
    offset = len(_BYTE_ORDER_MARK) if text.startswith(_BYTE_ORDER_MARK) else 0
    for key, value in _top_level(yaml_events(text)):
        if isinstance(key, yaml.ScalarEvent) and key.value == "version":
            return _span(value, offset)
    raise InvalidChart(f"Chart.yaml: there is no version line of its own; {_HOW}")


def _span(value: yaml.Event, offset: int) -> _Span:
    if not isinstance(value, yaml.ScalarEvent) or value.anchor or value.tag or value.style in ("|", ">"):
        raise InvalidChart(f"Chart.yaml: version is an alias, a block, or has an anchor or tag; {_HOW}")
    start, end = cast("yaml.Mark", value.start_mark), cast("yaml.Mark", value.end_mark)
    return _Span(start.index + offset, end.index + offset, value.style or "")


def _top_level(events: Iterator[yaml.Event]) -> Iterator[tuple[yaml.Event, yaml.Event]]:
    """The first event of each key and each value of the mapping at the top of the first document."""
    depth, starts = 0, list[yaml.Event]()
    for event in events:
        if isinstance(event, yaml.DocumentEndEvent):
            return
        if depth == 1 and isinstance(event, yaml.NodeEvent):
            starts.append(event)
        if len(starts) == 2:
            yield starts[0], starts[1]
            starts.clear()
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
