"""Whether a live object is what a chart asks for: everything that the chart says is there, and means the same.

The API server fills in defaults, and controllers add what is theirs, so more may be there than the chart says. Where
that is never so (the variables and arguments of a container, the data of a ConfigMap) more is a difference: what is
live may be an older version that said more. Field names and zero values are those of ``k8s.io/api`` (``types.go``).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .quantities import same_quantity


class _Unsettled:
    """See ``UNSETTLED``."""

    def __repr__(self) -> str:
        return "UNSETTLED"


UNSETTLED: Final = _Unsettled()
"""Stands in an expected object for what is another thing each time the chart is rendered; anything equals it."""

_COMPARED_METADATA = ("labels", "annotations")
_NOT_COMPARED = frozenset({"apiVersion", "kind", "metadata", "status"})

_QUANTITIES = frozenset(
    {"resources", "limits", "requests", "storage", "sizeLimit", "capacity", "hard", "divisor", "averageValue"}
)
"""Fields whose values are quantities, here or below."""

_GROWING = frozenset({"containers", "initContainers", "volumes", "volumeMounts", "tolerations", "imagePullSecrets"})
"""Lists to which admission and sidecar injectors add."""

_COMPLETE = frozenset({"data", "binaryData", "nodeSelector", "matchLabels"})
"""Mappings to which nobody adds."""

_OURS_ALONE = _COMPLETE | {
    "env", "envFrom", "command", "args", "workingDir", "ports", "livenessProbe", "readinessProbe", "startupProbe",
    "lifecycle", "affinity", "topologySpreadConstraints", "hostAliases", "dnsConfig",
}  # fmt: skip
"""Fields that nobody fills where the chart leaves them out."""

_LITERAL = frozenset({"value", "data", "binaryData", "labels", "annotations", "nodeSelector", "matchLabels"})
"""Fields in which, and below which, an empty text is a value; in all others it asks for the default."""

_PRESENT = frozenset({"emptyDir", "podSelector", "namespaceSelector"})
"""Fields that mean something by being there, however empty."""

_OMITTED_ZEROS = frozenset(
    {
        "hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly", "paused",
        "publishNotReadyAddresses", "minReadySeconds", "initialDelaySeconds", "hostPort", "nodePort",
    }
)  # fmt: skip
"""Fields whose ``false`` or ``0`` is the default and not stored (``omitempty`` without a pointer)."""

_ASSIGNED = frozenset({"clusterIPs", "ipFamilies", "nodePort"})
"""Fields that the API server fills when they are empty."""

_DEFAULTS = {
    "imagePullPolicy": ("Always", "IfNotPresent"),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "restartPolicy": ("Always",),
    "dnsPolicy": ("ClusterFirst",),
    "schedulerName": ("default-scheduler",),
    "serviceAccountName": ("default",),
    "protocol": ("TCP",),
    "scheme": ("HTTP",),
    "path": ("/",),
    "type": ("ClusterIP", "RollingUpdate"),
    "sessionAffinity": ("None",),
    "externalTrafficPolicy": ("Cluster",),
    "podManagementPolicy": ("OrderedReady",),
    "concurrencyPolicy": ("Allow",),
    "apiVersion": ("v1",),
    "whenDeleted": ("Retain",),
    "whenScaled": ("Retain",),
}
"""What the API server makes of an empty text (``zz_generated.defaults.go``)."""

_NAMED_BY_CLUSTER = frozenset({"clusterIP", "volumeName"})
"""Fields of which the cluster decides where the chart leaves them empty."""

_KEYS = {"volumeMounts": ("mountPath",), "metrics": ("resource", "name")}
"""Where the items of a list have what tells them apart, if that is not ``name``. The metrics of an autoscaler may come
back in another order, because they may be stored in another version."""

Path = tuple[str, ...]
"""Fields from the outside in; an item of a list is ``containers[app]``."""


def difference(expected: Mapping[str, Any], live: Mapping[str, Any]) -> str | None:
    """The path of the first part of ``expected`` that ``live`` does not have, such as
    ``spec.template.spec.containers[app].image``; None when it has all of them.

    Values may be secrets, so none is told but that of an image.
    """
    return next(_differences(expected, live), None)


def agreed(first: Any, second: Any, field: str = "") -> Any:
    """What two renderings of the same chart have in common, ``UNSETTLED`` where they differ; ``field`` holds both."""
    if isinstance(first or second, Mapping) and isinstance(second or first, Mapping):
        one, other = first or {}, second or {}
        return {key: agreed(one.get(key), other.get(key), str(key)) for key in {**one, **other}}
    if isinstance(first, list) and isinstance(second, list):
        return _agreed_lists(first, second, _KEYS.get(field, ("name",)))
    return first if type(first) is type(second) and first == second else UNSETTLED


def _agreed_lists(first: list[Any], second: list[Any], where: Path) -> Any:
    """Where only one has more items, those that both have, and ``UNSETTLED`` for all others."""
    if len(first) == len(second):
        return [agreed(one, other) for one, other in zip(first, second, strict=True)]
    ones, others = _by_key(first, where) or {}, _by_key(second, where) or {}
    both = [agreed(item, others[key]) for key, item in ones.items() if key in others]
    return [*both, UNSETTLED] if both else UNSETTLED


def is_unsettled(expected: Any) -> bool:
    """Whether any part of it is ``UNSETTLED``."""
    if isinstance(expected, Mapping):
        return any(map(is_unsettled, expected.values()))
    if isinstance(expected, list):
        return any(map(is_unsettled, expected))
    return expected is UNSETTLED


def _differences(expected: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[str]:
    told, held = expected.get("metadata") or {}, live.get("metadata") or {}
    for key in _COMPARED_METADATA:
        yield from _compare(told.get(key), held.get(key), ("metadata", key))
    body = {key: value for key, value in expected.items() if key not in _NOT_COMPARED}
    yield from _compare_mappings(body, live, ())


def _compare(expected: Any, live: Any, path: Path) -> Iterator[str]:
    if expected is UNSETTLED or expected is None:
        return
    if live is None:
        if not _same_as_nothing(expected, path):
            yield _told(path, expected, live)
    elif isinstance(expected, Mapping) and isinstance(live, Mapping):
        yield from _compare_mappings(expected, live, path)
    elif isinstance(expected, list) and isinstance(live, list):
        yield from _compare_lists(expected, live, path)
    elif not _same_value(expected, live, path):
        yield _told(path, expected, live)


def _compare_mappings(expected: Mapping[str, Any], live: Mapping[str, Any], path: Path) -> Iterator[str]:
    for key, value in expected.items():
        yield from _compare(value, live.get(key), (*path, str(key)))
    yield from (_surplus((*path, key)) for key in live if expected.get(key) is None and _is_surplus(live, key, path))


def _is_surplus(live: Mapping[str, Any], key: str, path: Path) -> bool:
    if _COMPLETE.isdisjoint(path[-1:]):
        return key in _OURS_ALONE and bool(live[key])
    return live[key] is not None


def _compare_lists(expected: list[Any], live: list[Any], path: Path) -> Iterator[str]:
    """By name where the items have one, otherwise one after the other."""
    if not expected and path[-1] in _ASSIGNED:
        return
    where = _KEYS.get(path[-1], ("name",))
    settled = [item for item in expected if item is not UNSETTLED]
    named, held = _by_key(settled, where), _by_key(live, where)
    is_open = len(settled) < len(expected)
    if not named or held is None:
        named, held, is_open = _by_place(expected), _by_place(live), False
    for key, item in named.items():
        yield from _compare(item, held.get(key), (*path[:-1], f"{path[-1]}[{key}]"))
    if path[-1] not in _GROWING and not is_open:
        yield from (_surplus((*path[:-1], f"{path[-1]}[{key}]")) for key in held if key not in named)


def _by_key(items: Sequence[Any], where: Path) -> dict[str, Any] | None:
    """None where an item has no such field, or two have the same."""
    keys = [_at(item, where) for item in items]
    if not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
        return None
    return dict(zip(map(str, keys), items, strict=True))


def _at(item: Any, where: Path) -> Any:
    for field in where:
        item = item.get(field) if isinstance(item, Mapping) else None
    return item


def _by_place(items: Sequence[Any]) -> dict[str, Any]:
    return {str(place): item for place, item in enumerate(items)}


def _same_value(expected: Any, live: Any, path: Path) -> bool:
    if isinstance(expected, bool) is isinstance(live, bool) and expected == live:
        return True
    if expected == "" and not _is_literal(path):
        return path[-1] in _NAMED_BY_CLUSTER or live in _DEFAULTS.get(path[-1], ())
    if expected == 0 and path[-1] in _ASSIGNED:
        return True
    return not _QUANTITIES.isdisjoint(path) and same_quantity(expected, live)


def _same_as_nothing(expected: Any, path: Path) -> bool:
    """Whether it is what an absent field stands for."""
    if path[-1] in _PRESENT:
        return False
    if isinstance(expected, Mapping):
        return all(_same_as_nothing(value, (*path, str(key))) for key, value in expected.items())
    if expected is False or (expected == 0 and type(expected) is int):
        return path[-1] in _OMITTED_ZEROS
    if expected == "":
        return path[-1] == "value" or _LITERAL.isdisjoint(path)
    return expected is None or expected is UNSETTLED or expected == []


def _is_literal(path: Path) -> bool:
    """Whether an empty text is meant: in items of a list (arguments) it is, as in the fields of ``_LITERAL``."""
    return path[-1].endswith("]") or not _LITERAL.isdisjoint(path)


def _told(path: Path, expected: Any, live: Any) -> str:
    if path[-1] == "image" and isinstance(expected, str):
        return f"{_text(path)} is {str(live or 'missing')[:200]}, not {expected[:200]}"
    return _text(path)


def _surplus(path: Path) -> str:
    return f"{_text(path)}, which is not in the chart"


def _text(path: Path) -> str:
    return ".".join(path)
