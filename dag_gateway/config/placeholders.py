"""``${env:NAME}`` and ``${file:/path}`` in the strings of the config file, and how not to show what they stand for."""

import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from .document import Path

_PLACEHOLDER = re.compile(r"\$\{(env|file):([^}]+)\}")


class Placeholders:
    """Fills them in. ``problems`` are those that could not be filled in, with their places."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[tuple[Path, str]] = []
        self._environ = environ
        self._written: dict[str, str] = {}

    def filled(self, value: Any, path: Path = ()) -> Any:
        """``value``, which stands at ``path``, with all that is in it; the keys of mappings become strings."""
        if isinstance(value, Mapping):
            return {str(key): self.filled(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item, (*path, index)) for index, item in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) else value

    def as_written(self, message: str) -> str:
        """A message that quotes what the file says, where it quoted what was filled in: that may be a secret."""
        for filled, written in self._written.items():
            message = message.replace(repr(filled), repr(written))
        return message

    def _text(self, text: str, path: Path) -> str:
        try:
            filled = _PLACEHOLDER.sub(lambda match: _value(match[1], match[2], self._environ), text)
        except LookupError as error:
            self.problems.append((path, str(error.args[0])))
            return text
        if filled != text:
            self._written[filled] = text
        return filled


def _value(kind: str, name: str, environ: Mapping[str, str]) -> str:
    """The value of one placeholder. Raises LookupError with the sentence for the user."""
    return _variable(name, environ) if kind == "env" else _content(name)


def _variable(name: str, environ: Mapping[str, str]) -> str:
    try:
        return environ[name]
    except (KeyError, UnicodeEncodeError) as error:
        raise LookupError(f"the environment variable {name} is not set") from error


def _content(name: str) -> str:
    try:
        return FilePath(name).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise LookupError(f"the file {name} can not be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LookupError(f"the file {name} can not be read: it is not UTF-8") from error
    except ValueError as error:
        raise LookupError(f"{name!r} can not be the name of a file") from error
