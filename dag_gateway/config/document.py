"""The config file as data with a line for every key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

Path = tuple[str | int, ...]

_DEEPEST = 50
"""Levels; the settings have eight. An alias inside of what it stands for would go on for ever."""


@dataclass(frozen=True)
class Document:
    """``data`` is the parsed file; ``lines`` has the 1-based line of every key; ``duplicates`` the repeated ones."""

    data: Any
    lines: Mapping[Path, int] = field(default_factory=dict)
    duplicates: tuple[Path, ...] = ()

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest thing above it that stands in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_document(text: str) -> Document:
    """Parse YAML. Raises yaml.YAMLError where the text is not YAML, or no file of settings could look so."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError as error:
        raise yaml.MarkedYAMLError(problem=_TOO_DEEP) from error
    if node is None:
        return Document({})
    seen: dict[Path, int] = {}
    repeated: list[Path] = []
    for path, line in _keys(node, ()):
        if path in seen:
            repeated.append(path)
        seen[path] = line
    return Document(_Constructor().construct_document(node), seen, tuple(repeated))


_TOO_DEEP = f"it nests deeper than {_DEEPEST} levels, or without end"


def _keys(node: yaml.Node, path: Path) -> Iterator[tuple[Path, int]]:
    if len(path) > _DEEPEST:
        raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=node.start_mark)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is one word", problem_mark=key.start_mark)
            here = (*path, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _keys(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*path, index), item.start_mark.line + 1
            yield from _keys(item, (*path, index))


class _Constructor(SafeConstructor):
    """Says where a value stands that looks like a date or a number and is none."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, ArithmeticError, LookupError, AttributeError) as error:
            # What PyYAML lets through: of 2024-13-45, a year too many, !!bool maybe and !!timestamp today.
            raise yaml.MarkedYAMLError(problem=_NO_VALUE, problem_mark=node.start_mark) from error


_NO_VALUE = "this is no date and no number; in quotes it is text"
