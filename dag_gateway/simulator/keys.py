"""From an object to its kind and key."""

from collections.abc import Mapping
from typing import Any

from .kinds import Key, Kind, Object, by_name
from .refusals import bad_request


def kind_of(item: Mapping[str, Any]) -> Kind:
    """The kind that an object says it is; a refusal when it says nothing or something unknown."""
    kind = by_name(str(item.get("apiVersion")), str(item.get("kind")))
    if kind is None:
        name = f"{item.get('kind')!r} in version {item.get('apiVersion')!r}"
        raise bad_request(f"no kind {name} is known to the simulated cluster; see simulator/kinds.py")
    return kind


def key_of(item: Mapping[str, Any]) -> Key:
    """The key of an object; namespaced ones without a namespace are in ``default``."""
    kind = kind_of(item)
    metadata = item.get("metadata") or {}
    namespace = metadata.get("namespace") or "default" if kind.namespaced else ""
    return Key(kind, namespace, metadata.get("name", ""))


def placed(item: Object, namespace: str) -> Object:
    """The object in ``namespace``, unless it says where it belongs or belongs to the whole cluster."""
    if not kind_of(item).namespaced:
        return item
    return {**item, "metadata": {"namespace": namespace, **item["metadata"]}}
