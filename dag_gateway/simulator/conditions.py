"""Conditions: the list in a status, changed the way that Kubernetes changes it."""

from collections.abc import Mapping
from typing import Any

from .kinds import Object


def condition(status: Mapping[str, Any], kind: str) -> Object | None:
    """The condition of a type, or None."""
    conditions: list[Object] = status.get("conditions") or []
    return next((found for found in conditions if found["type"] == kind), None)


def holds(status: Mapping[str, Any], kind: str) -> bool:
    """Whether a condition is True."""
    found = condition(status, kind)
    return found is not None and found["status"] == "True"


def with_condition(status: Object, now: str, kind: str, value: str, **fields: Any) -> Object:
    """The status with a condition set; the transition time moves only when its value does."""
    old = condition(status, kind)
    since = old["lastTransitionTime"] if old and old["status"] == value else now
    new = {"type": kind, "status": value, "lastTransitionTime": since, **fields}
    conditions = status.get("conditions") or []
    if old is None:
        return {**status, "conditions": [*conditions, new]}
    return {**status, "conditions": [new if found["type"] == kind else found for found in conditions]}


def without_condition(status: Object, *kinds: str) -> Object:
    """The status without conditions of these types."""
    kept = [found for found in status.get("conditions") or [] if found["type"] not in kinds]
    return {**status, "conditions": kept}
