"""Helm's ``--set`` syntax: ``a.b=1,list[0].name=x,c={1,2}`` as edits of a mapping (helm.sh/docs/intro/using_helm)."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NoReturn

from .scanner import Scanner

Convert = Callable[[str], Any]
"""What the text after ``=`` stands for."""

Path = tuple[str | int, ...]

# Helm's own bounds (strvals.MaxIndex, strvals.MaxNestedNameLevel).
_LARGEST_INDEX = 65536
_DEEPEST = 30
_INTEGER = re.compile(r"[-+]?[0-9]+")
_INT64 = range(-(2**63), 2**63)


class BadSetExpression(ValueError):
    """The expression breaks the syntax; the message never quotes a value, which may be a password."""


def apply_set(expression: str, values: dict[str, Any], convert: Convert) -> None:
    """Write every ``path=value`` of ``expression`` into ``values``, later ones over earlier ones.

    ``convert`` is ``typed`` for ``--set``, and reads a file for ``--set-file``. Raises BadSetExpression.
    """
    scanner = Scanner(expression)
    while not scanner.at_end:
        path = _path(scanner)
        assign(values, path, _value(scanner, path, convert))


def apply_set_json(expression: str, values: dict[str, Any]) -> None:
    """The same where every value is a JSON document; an empty one is null. Raises BadSetExpression."""
    scanner = Scanner(expression)
    while not scanner.at_end:
        path = _path(scanner)
        assign(values, path, _json(scanner, path))


def typed(text: str) -> Any:
    """The value that Helm sees: true, false, null and integers without leading zeros; otherwise the text."""
    words = {"true": True, "false": False, "null": None, "0": 0}
    if text.lower() in words:
        return words[text.lower()]
    if _INTEGER.fullmatch(text) and not text.startswith("0") and int(text) in _INT64:
        return int(text)
    return text


def assign(values: dict[str, Any], path: Path, value: Any) -> None:
    """Set ``values`` at ``path``; maps and lists on the way are made, gaps in lists are null.

    Raises BadSetExpression where a part of the path is already of another kind.
    """
    holder: Any = values
    for depth, (part, following) in enumerate(pairwise(path), start=1):
        inner = _slot(holder, part)
        if inner is None:
            inner = [] if isinstance(following, int) else {}
        if not isinstance(inner, list if isinstance(following, int) else dict):
            _refuse(path[:depth], f"is already something else than a {'list' if isinstance(following, int) else 'map'}")
        _put(holder, part, inner)
        holder = inner
    _put(holder, path[-1], value)


def _slot(holder: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return holder[part] if part < len(holder) else None
    return holder.get(part)


def _put(holder: Any, part: str | int, value: Any) -> None:
    if isinstance(part, int):
        holder.extend([None] * (part + 1 - len(holder)))
    holder[part] = value


def _path(scanner: Scanner) -> Path:
    parts: list[str | int] = []
    stop = "."
    while stop == ".":
        if len(parts) >= _DEEPEST:
            _refuse(tuple(parts), f"is nested deeper than {_DEEPEST} levels")
        name, stop = scanner.until("=[,.")
        if not name:
            raise BadSetExpression(f"a name is empty after {_spelled(tuple(parts))!r}" if parts else "a name is empty")
        parts.append(name)
        while stop == "[":
            parts.append(_index(scanner, tuple(parts)))
            stop = _after_index(scanner, tuple(parts))
    if stop != "=":
        _refuse(tuple(parts), "has no value: write name=value")
    return tuple(parts)


def _index(scanner: Scanner, path: Path) -> int:
    text, stop = scanner.until("]")
    if stop != "]" or not (text.isascii() and text.isdigit()):
        _refuse(path, "has an index that is not a number in square brackets")
    if len(text) > 5 or int(text) > _LARGEST_INDEX:
        _refuse(path, f"has an index above {_LARGEST_INDEX}")
    return int(text)


def _after_index(scanner: Scanner, path: Path) -> str:
    if len(path) > _DEEPEST:
        _refuse(path, f"is nested deeper than {_DEEPEST} levels")
    text, stop = scanner.until("[.=,")
    if text:
        _refuse(path, "is followed by text; after an index comes '=', '.' or '['")
    return stop


def _value(scanner: Scanner, path: Path, convert: Convert) -> Any:
    if not scanner.skip("{"):
        return convert(scanner.until(",")[0])
    items = [convert(text) for text in _list_items(scanner, path)]
    _end_of_value(scanner, path)
    return items


def _list_items(scanner: Scanner, path: Path) -> Iterator[str]:
    stop = ","
    while stop == ",":
        text, stop = scanner.until(",}")
        if not stop:
            _refuse(path, "is a list that does not end in '}'")
        yield text


def _json(scanner: Scanner, path: Path) -> Any:
    scanner.skip_spaces()
    if scanner.at_end or scanner.skip(","):
        return None
    try:
        value, scanner.position = _JSON.raw_decode(scanner.text, scanner.position)
    except (ValueError, RecursionError):
        # From None: the JSON error quotes the document, and so perhaps a password.
        raise BadSetExpression(f"{_spelled(path)!r} is not followed by a JSON value") from None
    scanner.skip_spaces()
    _end_of_value(scanner, path)
    return value


def _end_of_value(scanner: Scanner, path: Path) -> None:
    if not scanner.at_end and not scanner.skip(","):
        _refuse(path, "has text after its value; a comma separates two values")


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_JSON = json.JSONDecoder(parse_constant=_not_json)


def _refuse(path: Path, rule: str) -> NoReturn:
    raise BadSetExpression(f"{_spelled(path)!r} {rule}")


def _spelled(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
