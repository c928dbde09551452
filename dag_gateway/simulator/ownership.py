"""Server-side apply: whose field is it, and what happens when two managers want different values."""

import json
from typing import Any

from .kinds import Object
from .patches import merge_key
from .refusals import apply_conflict
from .store import copied

Step = tuple[str, str]
"""``("f", field)``, or ``("k", canonical JSON of the merge key)`` for an item of a list."""
Path = tuple[Step, ...]
_MISSING = object()
_SERVER_FIELDS = frozenset({("f", "apiVersion"), ("f", "kind")})
_SERVER_METADATA = frozenset({"name", "namespace", "managedFields", "resourceVersion", "uid", "creationTimestamp"})


def applied(live: Object | None, config: Object, manager: str, *, force: bool, now: str) -> Object:
    """``live`` with ``config`` applied on behalf of ``manager``.

    What the manager applied before and left out now is removed, unless another manager applied it too. Ownership is
    kept for appliers only; plain updates own nothing. Refused with a conflict when a value of another applier would
    change, unless ``force``, which takes the field away from that applier.
    """
    wanted = _owned_leaves(config)
    entries = {entry["manager"]: _paths(entry["fieldsV1"]) for entry in _entries(live)}
    before = entries.pop(manager, set())
    result: Object = copied(live) if live is not None else {}
    for other, owned in entries.items():
        disputed = sorted(path for path in owned & wanted.keys() if _value_at(result, path) != wanted[path])
        if disputed and not force:
            raise apply_conflict(other, [_readable(path) for path in disputed])
        entries[other] = owned - set(disputed)
    for path in before - wanted.keys() - set().union(*entries.values()):
        _remove(result, path)
    result = _merged("", result, config)
    entries[manager] = set(wanted)
    result["metadata"]["managedFields"] = [
        _entry(name, paths, config["apiVersion"], now) for name, paths in entries.items() if paths
    ]
    return result


def _entries(live: Object | None) -> list[Object]:
    entries: list[Object] = (live or {}).get("metadata", {}).get("managedFields") or []
    return entries


def _entry(manager: str, paths: set[Path], api_version: str, now: str) -> Object:
    return {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": api_version,
        "time": now,
        "fieldsType": "FieldsV1",
        "fieldsV1": _tree(paths),
    }


def _owned_leaves(config: Object) -> dict[Path, Any]:
    leaves = _leaves("", config, ())
    return {path: value for path, value in leaves.items() if path[0] not in _SERVER_FIELDS and not _by_server(path)}


def _by_server(path: Path) -> bool:
    return path[0] == ("f", "metadata") and len(path) > 1 and path[1][1] in _SERVER_METADATA


def _leaves(field: str, value: Any, path: Path) -> dict[Path, Any]:
    if isinstance(value, dict) and value:
        parts = [_leaves(key, item, (*path, ("f", key))) for key, item in value.items()]
    elif isinstance(value, list) and value and (key := merge_key(field, value)):
        parts = [_leaves("", item, (*path, ("k", _item_key(key, item)))) for item in value]
    else:
        return {path: value}
    return {leaf: item for part in parts for leaf, item in part.items()}


def _item_key(key: str, item: Object) -> str:
    return json.dumps({key: item[key]}, separators=(",", ":"))


def _merged(field: str, live: Any, config: Any) -> Any:
    if isinstance(config, dict) and isinstance(live, dict):
        return {**live, **{key: _merged(key, live.get(key), value) for key, value in config.items()}}
    if isinstance(config, list) and isinstance(live, list) and (key := merge_key(field, [*live, *config])):
        known = {item[key]: item for item in live}
        return list({**known, **{item[key]: _merged("", known.get(item[key]), item) for item in config}}.values())
    return copied(config)


def _tree(paths: set[Path]) -> Object:
    tree: Object = {}
    for path in sorted(paths):
        node = tree
        for kind, name in path:
            node = node.setdefault(f"{kind}:{name}", {})
    return tree


def _paths(tree: Object, prefix: Path = ()) -> set[Path]:
    if not tree:
        return {prefix}
    below = [_paths(child, (*prefix, (name[0], name[2:]))) for name, child in tree.items()]
    return set().union(*below)


def _child(value: Any, step: Step) -> Any:
    kind, name = step
    if kind == "f":
        return value.get(name, _MISSING) if isinstance(value, dict) else _MISSING
    ((key, wanted),) = json.loads(name).items()
    items = value if isinstance(value, list) else []
    return next((item for item in items if isinstance(item, dict) and item.get(key) == wanted), _MISSING)


def _value_at(value: Any, path: Path) -> Any:
    for step in path:
        value = _child(value, step)
    return value


def _remove(document: Object, path: Path) -> None:
    """Take a leaf out, and what became empty above it."""
    parents: list[Any] = [document]
    for step in path[:-1]:
        parents.append(_child(parents[-1], step))
    for parent, step in zip(reversed(parents), reversed(path), strict=True):
        child = _child(parent, step)
        if isinstance(parent, list):
            parent.remove(child) if child is not _MISSING else None
        elif isinstance(parent, dict):
            parent.pop(step[1], None)
        if parent:
            return


def _readable(path: Path) -> str:
    return "".join(f".{name}" if kind == "f" else f"[{name}]" for kind, name in path)
