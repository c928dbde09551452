"""YAML read the way Helm reads it: to JSON, the first document only, bounded in depth and size."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

import yaml

from dag_gateway.errors import Invalid

from .yaml_scalar import Scalar, resolve

_DEEPEST = 100
# Values with aliases written out; far above any real file, and small enough to hold in memory.
_MOST_VALUES = 100_000
_TAG = "tag:yaml.org,2002:"
_SCALAR_TYPES: dict[str, tuple[type, ...]] = {
    f"{_TAG}int": (int,),
    f"{_TAG}float": (int, float),
    f"{_TAG}bool": (bool,),
    f"{_TAG}null": (type(None),),
}
_STRINGS = (f"{_TAG}str", f"{_TAG}timestamp")
# Helm writes a key that is a number with the six digits and the range of a 32 bit float.
_LARGEST_KEY = 1e38
_MERGE = "<<"
_Node = yaml.ScalarEvent | yaml.CollectionStartEvent


def read_mapping(content: bytes, name: str, error: type[Invalid], *, unique_keys: bool) -> dict[str, Any]:
    """The mapping in ``content``, an empty file being an empty one; everything in it can be written as JSON.

    Raises ``error`` with ``name``, line and column for malformed YAML, for what JSON does not have, for more than
    100 levels or 100 000 values (aliases written out), with ``unique_keys`` also for a key that is there twice
    (otherwise the last one counts, as in Helm), and when there is anything but a mapping.
    """
    text = decode(content, name, error)
    try:
        value = _Reader(yaml_events(text), unique_keys).document()
    except yaml.MarkedYAMLError as problem:
        raise error(f"{name} is not valid YAML: {_place(problem)}") from problem
    except yaml.YAMLError as problem:
        raise error(f"{name} is not valid YAML: {str(problem).splitlines()[0]}") from problem
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise error(f"{name} holds {_kind(value)} where a mapping of keys to values is expected")
    return value


def decode(content: bytes, name: str, error: type[Invalid]) -> str:
    """``content`` as text; a byte order mark stays in it."""
    try:
        return content.decode()
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise error(f"{name} is not UTF-8 in line {line}") from problem


def yaml_events(text: str) -> Iterator[yaml.Event]:
    """The events of all documents in ``text``, without its byte order mark. Raises yaml.YAMLError on the way."""
    return iter(yaml.parse(text.removeprefix("\ufeff"), Loader=yaml.CSafeLoader))


def _place(problem: yaml.MarkedYAMLError) -> str:
    mark = problem.problem_mark or problem.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{problem.problem or problem.context}"


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "a single value"


@dataclass(slots=True)
class _Anchored:
    value: Any
    size: int


@dataclass(slots=True)
class _Reader:
    """Turns events into values; ``_count`` is how many there are, with aliases written out."""

    _events: Iterator[yaml.Event]
    _unique_keys: bool
    _count: int = 0
    _depth: int = 0
    _anchors: dict[str, _Anchored | None] = field(default_factory=dict)

    def document(self) -> Any:
        """The value of the first document, None when there is none."""
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                return self._value(next(self._events))
        return None

    def _value(self, event: yaml.Event) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        # The grammar of the events leaves nothing else where a value begins (yaml/parser.py).
        node = cast("_Node", event)
        before, anchor = self._count, node.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        self._add(1, node)
        value = self._built(node)
        if anchor is not None:
            self._anchors[anchor] = _Anchored(value, self._count - before)
        return value

    def _built(self, event: _Node) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        self._depth += 1
        if self._depth > _DEEPEST:
            _fail(event, f"more than {_DEEPEST} levels deep")
        value = self._mapping(event) if isinstance(event, yaml.MappingStartEvent) else self._sequence(event)
        self._depth -= 1
        return value

    def _alias(self, event: yaml.AliasEvent) -> Any:
        if event.anchor not in self._anchors:
            _fail(event, f"the anchor {event.anchor!r} is not defined before this alias")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            _fail(event, f"the value of the anchor {event.anchor!r} contains itself")
        self._add(anchored.size, event)
        return anchored.value

    def _add(self, size: int, event: yaml.Event) -> None:
        self._count += size
        if self._count > _MOST_VALUES:
            _fail(event, f"more than {_MOST_VALUES} values, aliases written out")

    def _sequence(self, start: yaml.CollectionStartEvent) -> list[Any]:
        _check_tag(start, f"{_TAG}seq")
        return [self._value(event) for event in self._until(yaml.SequenceEndEvent)]

    def _mapping(self, start: yaml.CollectionStartEvent) -> dict[str, Any]:
        _check_tag(start, f"{_TAG}map")
        result: dict[str, Any] = {}
        for event in self._until(yaml.MappingEndEvent):
            is_merge = _is_merge(event)
            key = self._value(event)
            value_event = next(self._events)
            value = self._value(value_event)
            if is_merge:
                _merge(result, value, value_event)
            else:
                self._put(result, _key(key, event), value, event)
        return result

    def _put(self, result: dict[str, Any], key: str, value: Any, event: yaml.Event) -> None:
        if self._unique_keys and key in result:
            _fail(event, f"the key {key!r} is there twice")
        result[key] = value

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        while not isinstance(event := next(self._events), end):
            yield event


def _scalar(event: yaml.ScalarEvent) -> Scalar:
    if event.tag in _STRINGS or (event.tag is None and not event.implicit[0]):
        return event.value
    try:
        value = resolve(event.value)
    except ValueError as error:
        _fail(event, str(error), error)
    if event.tag is None:
        return value
    if event.tag not in _SCALAR_TYPES:
        _fail(event, f"the tag {event.tag!r} is not one that JSON has a type for")
    if type(value) not in _SCALAR_TYPES[event.tag]:
        _fail(event, f"{event.value!r} is not of the type {event.tag.removeprefix(_TAG)}")
    return value


def _key(key: Any, event: yaml.Event) -> str:
    """Keys of JSON are strings: numbers and booleans are written out, as Helm does."""
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, int):
        return str(key)
    if not isinstance(key, float) or float(f"{key:g}") != key or abs(key) >= _LARGEST_KEY:
        _fail(event, "a key is a string, a boolean or a short number; write it in quotes")
    return f"{key:g}"


def _is_merge(event: yaml.Event) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.value == _MERGE and event.tag is None and event.implicit[0]


def _merge(result: dict[str, Any], value: Any, event: yaml.Event) -> None:
    """The key ``<<``. Of several mappings the first one counts; over keys before it the merge wins, as in Helm."""
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, dict) for source in sources):
        _fail(event, "only a mapping, or a list of mappings, can be merged with '<<'")
    for source in reversed(sources):
        result.update(source)


def _check_tag(event: yaml.CollectionStartEvent, expected: str) -> None:
    if event.tag not in (None, expected):
        _fail(event, f"the tag {event.tag!r} is not one that JSON has a type for")


def _fail(event: yaml.Event, problem: str, cause: Exception | None = None) -> NoReturn:
    mark = cast("yaml.Mark", event.start_mark)
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark) from cause
