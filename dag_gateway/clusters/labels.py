"""Label selectors: written as the API takes them, and matched here as the API matches them.

The grammar is that of https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^(]*\))")
_TERM = re.compile(
    r"(?P<absent>!?)(?P<key>[^\s=!,()]+)"
    r"(?:\s*(?P<sign>==|=|!=)\s*(?P<value>[^\s=!,()]*)|\s+(?P<verb>in|notin)\s*\((?P<values>[^()]*)\))?"
)


@dataclass(frozen=True, slots=True)
class _Term:
    """``values`` None asks for the key alone; ``wanted`` False turns the answer around."""

    key: str
    values: frozenset[str] | None
    wanted: bool

    def holds(self, labels: Mapping[str, str]) -> bool:
        if self.values is None:
            return (self.key in labels) is self.wanted
        return (labels.get(self.key) in self.values) is self.wanted


def of_selector(selector: Mapping[str, Any]) -> str:
    """A ``LabelSelector`` (``matchLabels``, ``matchExpressions``) as the text of a query; empty for the empty one.

    Raises ValueError for an operator that does not exist.
    """
    pairs = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    return ",".join([*pairs, *(_written(expression) for expression in selector.get("matchExpressions") or ())])


def matches(text: str, labels: Mapping[str, str]) -> bool:
    """Whether an object with these labels is selected; the empty text takes everything. ValueError: no selector."""
    return all(term.holds(labels) for term in _terms(text))


def first_pair(text: str) -> tuple[str, str] | None:
    """The first label with the one value that it must have, to look candidates up by; None where there is none."""
    for term in _terms(text):
        if term.wanted and term.values is not None and len(term.values) == 1:
            return term.key, next(iter(term.values))
    return None


def _written(expression: Mapping[str, Any]) -> str:
    key, values = expression["key"], ",".join(expression.get("values") or ())
    match expression["operator"]:
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "Exists":
            return str(key)
        case "DoesNotExist":
            return f"!{key}"
        case operator:
            raise ValueError(
                f"{operator!r} is not an operator of a label selector; use In, NotIn, Exists, DoesNotExist"
            )


@lru_cache(maxsize=4096)
def _terms(text: str) -> tuple[_Term, ...]:
    return tuple(_term(part.strip()) for part in _COMMA_OUTSIDE_PARENTHESES.split(text) if part.strip())


def _term(text: str) -> _Term:
    match = _TERM.fullmatch(text)
    if match is None or (match["absent"] and (match["sign"] or match["verb"])):
        raise ValueError(f"{text!r} is not a term of a label selector")
    if match["sign"]:
        return _Term(match["key"], frozenset({match["value"]}), match["sign"] != "!=")
    if match["verb"]:
        values = frozenset(value.strip() for value in match["values"].split(","))
        return _Term(match["key"], values, match["verb"] == "in")
    return _Term(match["key"], None, not match["absent"])
