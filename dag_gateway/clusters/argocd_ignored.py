"""Argo CD: which ``ignoreDifferences`` of an Application hide whether its pods run what was pushed.

Fields that are ignored are not compared, so an Application is Synced and Healthy with an old image in them
(``argo-cd: util/argo/normalizers/diff_normalizer.go``; kinds are globs there).
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from .objects import Object, spec

_Path = tuple[str, ...]

_TEMPLATES: tuple[tuple[str, _Path], ...] = (
    *((kind, ("spec", "template")) for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")),
    *((kind, ("spec", "template")) for kind in ("Rollout", "Job")),
    ("CronJob", ("spec", "jobTemplate")),
    ("Pod", ("spec", "containers")),
    ("Pod", ("spec", "initContainers")),
)
"""Where an object of a kind says what its pods run."""

_ANY = "*"
_RESTARTED = ("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
"""What ``kubectl rollout restart`` writes: it starts the same content again."""

_SCALERS = frozenset({"kube-controller-manager"})
"""Managers of fields that never write a template: of an autoscaler, only ``replicas``."""

_STEP = r'(?:\.(?:"[^"\\]*"|[A-Za-z_]\w*)|\.?\["[^"\\]*"\]|\.?\[\d*\])\??'
_KEY = re.compile(r'"[^"\\]*"|[A-Za-z_]\w*|\[\d*\]')
_SELECT = r'select\((?:[^()",|]|"[^"\\]*")*\)'
_PIECE = re.compile(rf"(?P<steps>(?:{_STEP})+)|{_SELECT}|\|")


def mistake(application: Object) -> str | None:
    """What is ignored although it may be what the pods run, worded to follow the Application's title."""
    for rule in spec(application).get("ignoreDifferences") or ():
        for place in _hiding(rule):
            return (
                f"ignores differences of {str(rule.get('kind'))[:100]} in {place[:200]!r} (spec.ignoreDifferences), so"
                " it can not tell whether the pods run our content; leave pod templates out of what it ignores"
            )
    return None


def _hiding(rule: Mapping[str, Any]) -> Iterator[str]:
    """What in one entry of ``ignoreDifferences`` goes into a pod template, or may."""
    templates = [path for kind, path in _TEMPLATES if fnmatchcase(kind, str(rule.get("kind", "")))]
    if not templates:
        return
    pointers = ((str(text), _of_pointer(str(text))) for text in rule.get("jsonPointers") or ())
    expressions = ((str(text), _of_expression(str(text))) for text in rule.get("jqPathExpressions") or ())
    for text, path in (*pointers, *expressions):
        if path != _RESTARTED and any(_meet(path, template) for template in templates):
            yield text
    managers = (str(manager) for manager in rule.get("managedFieldsManagers") or ())
    yield from (f"fields of {manager}" for manager in managers if manager not in _SCALERS)


def _meet(path: _Path, template: _Path) -> bool:
    """Whether one of them is in the other."""
    return all(step in (_ANY, key) for step, key in zip(path, template, strict=False))


def _of_pointer(text: str) -> _Path:
    """RFC 6901."""
    keys = text.strip("/").split("/") if text.strip("/") else []
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in keys)


def _of_expression(text: str) -> _Path:
    """The path of a jq expression of keys, indexes and ``select``; of any other the path to everything."""
    rest, found = text.strip(), []
    while rest:
        piece = _PIECE.match(rest)
        if piece is None:
            return ()
        found += _keys(piece["steps"] or "")
        rest = rest[piece.end() :].lstrip()
    return tuple(found)


def _keys(steps: str) -> list[str]:
    return [_ANY if key[0].startswith("[") else key[0].strip('"') for key in _KEY.finditer(steps)]
