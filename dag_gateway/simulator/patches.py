"""The three patch formats that are pure functions: JSON merge patch, strategic merge patch, JSON patch."""

from collections.abc import Mapping
from typing import Any

from .kinds import Object
from .refusals import bad_request
from .store import copied

_MERGE_KEYS: Mapping[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "port"),
    "secrets": ("name",),
    "topologySpreadConstraints": ("topologyKey",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
"""By field name: the ``patchMergeKey`` of the Kubernetes API types. Every other list is replaced as a whole."""


def merge_key(field: str, items: list[Any]) -> str | None:
    """The key by which a list is merged, or None when it is replaced as a whole."""
    for candidate in _MERGE_KEYS.get(field, ()):
        if all(isinstance(item, dict) and (candidate in item or "$patch" in item) for item in items):
            return candidate
    return None


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copied(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def strategic_patch(target: Any, patch: Object) -> Object:
    """Like a merge patch, but lists of named things merge by name; understands ``$patch: delete`` and ``replace``."""
    if patch.get("$patch") == "replace":
        return {key: copied(value) for key, value in patch.items() if key != "$patch"}
    merged: Object = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            merged.pop(key, None)
        else:
            merged[key] = _strategic_value(key, merged.get(key), value)
    return merged


def json_patch(target: Object, operations: list[Object]) -> Object:
    """RFC 6902; ``test`` that fails is refused."""
    document: Object = copied(target)
    for operation in operations:
        document = _operate(document, operation)
    return document


def _strategic_value(field: str, target: Any, patch: Any) -> Any:
    if isinstance(patch, dict):
        return strategic_patch(target, patch)
    if isinstance(patch, list) and isinstance(target, list):
        key = merge_key(field, [*target, *patch])
        return _merge_lists(target, patch, key) if key else copied(patch)
    return copied(patch)


def _merge_lists(target: list[Object], patch: list[Object], key: str) -> list[Object]:
    if any(item.get("$patch") == "replace" for item in patch):
        return [copied(item) for item in patch if "$patch" not in item]
    merged = {item[key]: item for item in target}
    for item in patch:
        if item.get("$patch") == "delete":
            merged.pop(item.get(key), None)
        else:
            merged[item[key]] = strategic_patch(merged.get(item[key]), item)
    return list(merged.values())


def _operate(document: Object, operation: Object) -> Object:
    verb = operation.get("op")
    path = _pointer(operation.get("path", ""))
    match verb:
        case "add" | "replace":
            _set(document, path, copied(operation.get("value")), insert=verb == "add")
        case "remove":
            _take(document, path)
        case "move":
            _set(document, path, _take(document, _pointer(operation["from"])), insert=True)
        case "copy":
            _set(document, path, copied(_look(document, _pointer(operation["from"]))), insert=True)
        case "test":
            if _look(document, path) != operation.get("value"):
                raise bad_request(f"testing value {operation.get('path')} failed")
        case _:
            raise bad_request(f"unexpected JSON patch operation {verb!r}")
    return document


def _pointer(text: str) -> list[str]:
    if not text.startswith("/"):
        raise bad_request(f"a JSON patch path starts with a slash, not {text!r}")
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _look(document: Any, path: list[str]) -> Any:
    value = document
    for part in path:
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise bad_request(f"the JSON patch path /{'/'.join(path)} does not exist") from error
    return value


def _set(document: Object, path: list[str], value: Any, *, insert: bool) -> None:
    parent, last = _look(document, path[:-1]), path[-1]
    if not isinstance(parent, list):
        parent[last] = value
    elif last == "-":
        parent.append(value)
    elif insert:
        parent.insert(int(last), value)
    else:
        parent[int(last)] = value


def _take(document: Object, path: list[str]) -> Any:
    value = _look(document, path)
    parent, last = _look(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        del parent[int(last)]
    else:
        del parent[last]
    return value
