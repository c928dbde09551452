"""``values.yaml`` with the changes of the command line: read as Helm reads it, merged as Helm merges, in memory."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .exits import WrongUsage
from .set_values import BadSetExpression, apply_set, apply_set_json, typed
from .values_yaml import Values, dump_values, load_values

_LARGEST_FILE = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ValueChanges:
    """What ``--values-file``, ``--set-json``, ``--set`` and ``--set-file`` ask for, each in the order given."""

    files: tuple[Path, ...] = ()
    jsons: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    set_files: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.jsons or self.sets or self.set_files)

    @property
    def first_option(self) -> str:
        """The name of an option that was given, for messages."""
        given = {
            "--values-file": self.files,
            "--set": self.sets,
            "--set-json": self.jsons,
            "--set-file": self.set_files,
        }
        return next((option for option, uses in given.items() if uses), "")


def changed_values(content: bytes, changes: ValueChanges) -> bytes:
    """``values.yaml`` with ``changes`` in it. Comments are lost. Raises WrongUsage naming the option."""
    chart = load_values(content, "CHART: values.yaml")
    return dump_values(coalesced(chart, overrides(changes)))


def overrides(changes: ValueChanges) -> Values:
    """The changes as one mapping, in Helm's order: files, then ``--set-json``, ``--set``, ``--set-file``."""
    values: Values = {}
    for path in changes.files:
        values = merged(values, load_values(read_file(path, "--values-file"), f"--values-file {path}"))
    for expression in changes.jsons:
        _apply("--set-json", expression, lambda text: apply_set_json(text, values))
    for expression in changes.sets:
        _apply("--set", expression, lambda text: apply_set(text, values, typed))
    for expression in changes.set_files:
        _apply("--set-file", expression, lambda text: apply_set(text, values, _file_text))
    return values


def merged(below: Values, above: Values) -> Values:
    """Two values files as one: maps are merged, everything else of ``above`` replaces."""
    result = copy.deepcopy(below)
    for key, value in above.items():
        under = result.get(key)
        result[key] = merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return result


def coalesced(chart: Values, above: Values) -> Values:
    """The chart's own values under those of the user, where null deletes what the chart has.

    A null without a default to delete stays: it may delete the default of a subchart.
    """
    result = copy.deepcopy(chart)
    for key, value in above.items():
        under = result.get(key)
        if value is None and key in result:
            del result[key]
        elif isinstance(under, dict) and isinstance(value, dict):
            result[key] = coalesced(under, value)
        else:
            result[key] = value
    return result


def read_file(path: Path, option: str) -> bytes:
    """The content of a file that ``option`` names. Raises WrongUsage."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise WrongUsage(f"{option} {path}: {error.strerror or error}") from error
    if len(content) > _LARGEST_FILE:
        raise WrongUsage(f"{option} {path}: larger than {_LARGEST_FILE} bytes, the most that Helm reads from one file")
    return content


def _file_text(name: str) -> str:
    try:
        return read_file(Path(name), "--set-file").decode()
    except UnicodeDecodeError as error:
        raise WrongUsage(f"--set-file {name}: not UTF-8 text") from error


def _apply(option: str, expression: str, apply: Callable[[str], None]) -> None:
    try:
        apply(expression)
    except BadSetExpression as error:
        raise WrongUsage(f"{option}: {error}") from error
