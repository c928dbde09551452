"""Argo CD: what an Application says of its health, and whether that is from after its last sync.

Sources: for the freshness ``argo-cd: controller/appcontroller.go`` (``processAppRefreshQueueItem``) and
``kargo: pkg/health/checker/builtin/argocd.go``; for the words ``gitops-engine: pkg/health/health.go``.
"""

from collections.abc import Mapping
from typing import Any

from dag_gateway.model.health import Health, healthy, progressing

from . import argocd_operation
from .argocd_operation import part_words
from .objects import Object, moment, spec, status, title
from .rules import RULES

_TOLD_PARTS = 3
_HERE = frozenset({"https://kubernetes.default.svc", "in-cluster"})


def judge(application: Object) -> Health:
    """HEALTHY when Argo CD says so, and when what it calls Suspended is judged here instead."""
    where, word = title(application), told(application) or "not known"
    if word == "Healthy":
        return healthy(f"{where} is synced and Healthy")
    if word != "Suspended":
        return progressing(f"{where} is synced, its health is {word}{degraded_parts(application)}")
    if _is_judged_here(application):
        return healthy(f"{where} is synced, and all that is not Healthy is Suspended")
    return progressing(f"{where} is Suspended: something in it is paused and waits to be resumed")


def told(application: Object) -> str:
    """``Healthy``, ``Progressing`` and so on; empty while nothing is."""
    return _word(status(application))


def is_stale(application: Object) -> bool:
    """Whether the health may be from before the end of the last operation.

    Right after that end Argo CD looks by itself, mostly within the same second, and it writes whole seconds. Such a
    look is enough where the workloads are judged here too; of another cluster there is nothing but that word.
    """
    looked, finished = moment(looked_at(application)), argocd_operation.finished_at(application)
    if looked is None or finished is None:
        return looked is None
    return looked < finished or (looked == finished and not is_here(application))


def looked_at(application: Object | None) -> str | None:
    """When Argo CD last compared the Application with its source, in its own words."""
    when = status(application or {}).get("reconciledAt")
    return str(when) if when else None


def is_here(application: Object) -> bool:
    """Whether it deploys into the cluster that it is in itself."""
    destination = spec(application).get("destination") or {}
    return str(destination.get("server") or destination.get("name") or "") in _HERE


def is_part(part: Mapping[str, Any]) -> bool:
    """Whether an entry of ``status.resources`` belongs to the Application: hooks come and go around a sync, and what
    is to be pruned belongs to it no more."""
    return not part.get("hook") and not part.get("requiresPruning")


def degraded_parts(application: Object) -> str:
    """The first parts that Argo CD calls Degraded, with its words."""
    parts = [part for part in _parts(application) if _word(part) == "Degraded"]
    words = "; ".join(part_words(part, (part.get("health") or {}).get("message")) for part in parts[:_TOLD_PARTS])
    return f" ({words})" if words else ""


def _is_judged_here(application: Object) -> bool:
    """Whether each part that may be what is Suspended is of a kind with a rule: those have the last word.

    Argo CD need not tell the health of the parts (``controller.resource.health.persist``); then it may be any of them.
    """
    parts = [part for part in _parts(application) if is_part(part)]
    suspended = [part for part in parts if _word(part) == "Suspended"] or parts
    return is_here(application) and bool(suspended) and all(_kind(part) in RULES for part in suspended)


def _kind(part: Mapping[str, Any]) -> str:
    return "/".join(str(part[field]) for field in ("group", "kind") if part.get(field))


def _parts(application: Object) -> list[Mapping[str, Any]]:
    return list(status(application).get("resources") or ())


def _word(part: Mapping[str, Any]) -> str:
    return str((part.get("health") or {}).get("status", ""))
