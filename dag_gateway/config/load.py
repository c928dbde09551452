"""From a file to a ``Config``, or to the list of everything that is wrong with it."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

import yaml
from pydantic import ValidationError

from dag_gateway.errors import GatewayError

from .document import Document, Path, read_document
from .placeholders import Placeholders
from .references import check_references
from .settings import Config


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One mistake, where it stands and what would be right."""

    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.key}: {self.message}" if self.key else f"line {self.line}: {self.message}"


class BadConfig(GatewayError):
    """The config file can not be used; ``problems`` has every mistake, in the order of the file."""

    code = "bad_config"

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        lines = "\n".join(f"  {problem}" for problem in problems)
        counted = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{name}: {counted}\n{lines}")
        self.problems = problems


def load(path: FilePath, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file. Raises BadConfig, with all problems at once."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadConfig(str(path), (Problem(1, "", f"the file can not be read: {why}"),)) from error
    return parse(text, environ, name=str(path))


def parse(text: str, environ: Mapping[str, str], *, name: str = "config") -> Config:
    """Like ``load``, from text. ``environ`` is what ``${env:NAME}`` reads."""
    try:
        document = read_document(text)
    except yaml.YAMLError as error:
        raise BadConfig(name, (_syntax(error),)) from error
    if not isinstance(document.data, Mapping):
        raise BadConfig(name, (Problem(1, "", "the file is not a mapping of sections such as server: and apps:"),))
    return _checked(document, environ, name)


def _checked(document: Document, environ: Mapping[str, str], name: str) -> Config:
    placeholders = Placeholders(environ)
    data = placeholders.filled(document.data)
    findings = [(path, "this key stands twice") for path in document.duplicates] + placeholders.problems
    findings += check_references(data)
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        reported = {path for path, _ in findings}
        # What is wrong with a section as a whole is not known while one of its values is missing.
        reported |= {path[:length] for path, _ in placeholders.problems for length in range(len(path))}
        findings += [finding for finding in _validation(error) if finding[0] not in reported]
    if findings:
        told = ((path, placeholders.as_written(message)) for path, message in findings)
        problems = {Problem(document.line(path), _dotted(path), message) for path, message in told}
        raise BadConfig(name, tuple(sorted(problems)))
    return config


def _validation(error: ValidationError) -> Iterator[tuple[Path, str]]:
    items = error.errors(include_url=False, include_input=False, include_context=False)
    for item in items:
        # An item that is wrong also counts as absent: only an empty list is told to be empty.
        if item["type"] == "too_short" and any(_below(other["loc"], item["loc"]) for other in items):
            continue
        yield _file_path(item["loc"]), _MESSAGES.get(item["type"], item["msg"].removeprefix("Value error, "))


def _below(path: Path, above: Path) -> bool:
    return len(path) > len(above) and path[: len(above)] == above


def _file_path(location: Path) -> Path:
    """pydantic marks a key that is wrong, and names the chosen kind of a forge; the file has no such levels."""
    if location[-1:] == (_KEY,):
        return location[:-1]
    if location[:1] == ("forges",) and len(location) > 2:
        return location[:2] + location[3:]
    return location


_KEY = "[key]"

_MESSAGES = {
    "extra_forbidden": "there is no such key",
    "missing": "this key is required",
    "too_short": "at least one is required",
}


def _syntax(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or "it can not be parsed"
    column = f", column {mark.column + 1}" if mark else ""
    return Problem(mark.line + 1 if mark else 1, "", f"not YAML{column}: {what}")


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)
