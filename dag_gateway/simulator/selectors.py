"""Label and field selectors: text to predicate."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from .kinds import Object
from .refusals import bad_request

Selector = Callable[[Object], bool]

_SET_BASED = re.compile(r"(?P<key>\S+)\s+(?P<verb>in|notin)\s*\((?P<values>[^)]*)\)")
_EQUALITY = re.compile(r"(?P<key>[^\s=!]+)\s*(?P<verb>==|=|!=)\s*(?P<value>[^\s=!]*)")
_EXISTENCE = re.compile(r"(?P<not>!?)\s*(?P<key>[^\s=!()]+)")
_COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^(]*\))")
_FIELDS = {
    "metadata.name", "metadata.namespace", "status.phase", "spec.nodeName", "spec.restartPolicy", "type", "reason",
    "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
}  # fmt: skip


def label_selector(text: str) -> Selector:
    """``a=b,c!=d,e in (f,g),h notin (i),j,!k``; the empty selector takes everything."""
    requirements = [_requirement(part.strip()) for part in _COMMA_OUTSIDE_PARENTHESES.split(text) if part.strip()]
    return lambda item: all(holds(_labels(item)) for holds in requirements)


def field_selector(text: str) -> Selector:
    """``metadata.name=x,status.phase!=Running``; a field that the real API does not offer is refused."""
    terms = [_field_term(part.strip()) for part in text.split(",") if part.strip()]
    return lambda item: all((_field(item, path) == value) is wanted for path, value, wanted in terms)


def matches_selector(selector: Object, labels: dict[str, str]) -> bool:
    """A ``LabelSelector`` object (``matchLabels``, ``matchExpressions``) against labels."""
    pairs = (selector.get("matchLabels") or {}).items()
    expressions = selector.get("matchExpressions") or []
    return all(labels.get(key) == value for key, value in pairs) and all(
        _expression(expression, labels) for expression in expressions
    )


def _expression(expression: Object, labels: dict[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case _:
            return value is None


def _labels(item: Object) -> dict[str, str]:
    labels: dict[str, str] = item["metadata"].get("labels") or {}
    return labels


def _requirement(text: str) -> Callable[[dict[str, str]], bool]:
    if match := _SET_BASED.fullmatch(text):
        values = {value.strip() for value in match["values"].split(",")}
        return partial(_one_of, match["key"], values, match["verb"] == "in")
    if match := _EQUALITY.fullmatch(text):
        return partial(_one_of, match["key"], {match["value"]}, match["verb"] != "!=")
    if match := _EXISTENCE.fullmatch(text):
        return partial(_present, match["key"], not match["not"])
    raise bad_request(f"unable to parse requirement: found {text!r} in the label selector")


def _one_of(key: str, values: set[str], wanted: bool, labels: dict[str, str]) -> bool:
    return (labels.get(key) in values) is wanted


def _present(key: str, wanted: bool, labels: dict[str, str]) -> bool:
    return (key in labels) is wanted


def _field_term(text: str) -> tuple[str, str, bool]:
    match = _EQUALITY.fullmatch(text)
    if match is None:
        raise bad_request(f"invalid field selector: {text!r}; can't understand it")
    if match["key"] not in _FIELDS:
        raise bad_request(f"field label not supported: {match['key']}")
    return match["key"], match["value"], match["verb"] != "!="


def _field(item: Object, path: str) -> str:
    value: Any = item
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return str(value)
