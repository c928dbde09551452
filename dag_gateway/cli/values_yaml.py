"""Values documents: read as Helm reads them, written so that Helm reads the same again."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import yaml

from dag_gateway.charts.yaml_json import read_mapping

from .exits import WrongUsage

Values = dict[str, Any]


def load_values(content: bytes, source: str) -> Values:
    """A values document as a mapping; an empty one is ``{}``. Raises WrongUsage naming ``source`` and the place."""
    values = read_mapping(content, source, WrongUsage, unique_keys=False)
    # What is written once and meant twice (``&a``, ``*a``) can be changed apart, as in Helm, which goes through JSON.
    plain: Values = json.loads(json.dumps(values))
    return plain


def dump_values(values: Mapping[str, Any]) -> bytes:
    """YAML that Helm reads back as the same values."""
    text = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=math.inf, encoding=None)
    return str(text).encode()


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
