"""Values documents: read as Helm reads them, written so that Helm reads the same again."""

import math
import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import yaml

from .exits import WrongUsage

Values = dict[str, Any]


def load_values(content: bytes, source: str) -> Values:
    """A values document as a mapping; an empty one is ``{}``. Raises WrongUsage naming ``source`` and the place."""
    try:
        # HelmLoader is a SafeLoader: it makes plain data only.
        loaded = yaml.load(content, Loader=HelmLoader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        raise WrongUsage(f"{source}: not valid YAML: {_problem(error)}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise WrongUsage(f"{source}: not valid YAML: {error}") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise WrongUsage(f"{source}: values must be a mapping such as 'name: value', not a {type(loaded).__name__}")
    return loaded


def dump_values(values: Mapping[str, Any]) -> bytes:
    """YAML that Helm reads back as the same values."""
    text = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=math.inf, encoding=None)
    return str(text).encode()


def _problem(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{place}{error.problem or error.context}"


class HelmLoader(yaml.SafeLoader):
    """Plain scalars as Helm resolves them (sigs.k8s.io/yaml, goyaml.v2/resolve.go).

    Other than PyYAML's: ``12:30`` and ``2024-01-01`` are text, ``1e3``, ``0o14`` and ``08`` are numbers, ``y`` is true.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (declared so by PyYAML)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """All keys are text, as Helm's are: ``8080: x`` is found by ``--set 8080=y``."""
        return {_key(node, key): value for key, value in super().construct_mapping(node, deep).items()}


def _key(node: yaml.MappingNode, key: Hashable) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    if not isinstance(key, str | int | float):
        raise yaml.constructor.ConstructorError(None, None, f"{key!r} can not be a name of a value", node.start_mark)
    return str(key)


def _integer(loader: HelmLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "").lower()
    digits = text.lstrip("+-")
    number = int(digits, 8 if digits.isdigit() and digits.startswith("0") else 0)
    return -number if text.startswith("-") else number


def _float(loader: HelmLoader, node: yaml.ScalarNode) -> float | str:
    """Out of range it is text, as a commit id such as ``12e4567`` should be."""
    text = str(loader.construct_scalar(node))
    number = float(text.replace("_", ""))
    return number if math.isfinite(number) else text


def _boolean(loader: HelmLoader, node: yaml.ScalarNode) -> bool:
    return str(loader.construct_scalar(node)).lower() in {"y", "yes", "true", "on"}


def _resolve(tag: str, pattern: str, first: Iterable[str]) -> None:
    """Give plain scalars that match ``pattern`` the ``tag``; ``first`` are the characters they begin with."""
    HelmLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})\Z"), list(first))


_resolve("bool", "y|Y|n|N|[Yy]es|YES|[Nn]o|NO|[Tt]rue|TRUE|[Ff]alse|FALSE|[Oo]n|ON|[Oo]ff|OFF", "yYnNtTfFoO")
_resolve("null", "|~|null|Null|NULL", ["~", "n", "N", ""])
_resolve("int", r"[-+]?(?:0[bB][01_]+|0[oO]?_*[0-7][0-7_]*|0[xX][0-9a-fA-F_]+|[1-9][0-9_]*|0)", "-+0123456789")
_resolve("float", r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789")
_resolve("merge", "<<", "<")
HelmLoader.add_constructor("tag:yaml.org,2002:int", _integer)
HelmLoader.add_constructor("tag:yaml.org,2002:float", _float)
HelmLoader.add_constructor("tag:yaml.org,2002:bool", _boolean)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


# Words that every YAML reader takes for text as they are; all other text is quoted. No single letters (y, n).
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]+")
_NOT_TEXT = {"true", "false", "yes", "no", "on", "off", "null"}


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return None
    return "|" if "\n" in text else '"'


_Dumper.add_representer(str, _text)
