"""The config file as data with a line for every key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]


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
    """Parse YAML. Raises yaml.YAMLError where the text is not YAML."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        return Document({})
    seen: dict[Path, int] = {}
    repeated: list[Path] = []
    for path, line in _keys(node, ()):
        if path in seen:
            repeated.append(path)
        seen[path] = line
    return Document(yaml.safe_load(text), seen, tuple(repeated))


def _keys(node: yaml.Node, path: Path) -> Iterator[tuple[Path, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _keys(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*path, index), item.start_mark.line + 1
            yield from _keys(item, (*path, index))
