"""Argo CD: whether an Application has synced our commit, and is healthy since: rules over plain objects.

Sources: ``argo-cd: pkg/apis/application/v1alpha1/types.go`` and ``controller/appcontroller.go``.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from dag_gateway.model.health import Health, failed, progressing
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Goal

from . import argocd_health, argocd_ignored, argocd_operation, argocd_source
from .argocd_health import degraded_parts, looked_at
from .argocd_operation import at_ours
from .argocd_source import commits
from .diagnose import Problem
from .objects import Object, annotation, condition, meta, spec, status, title, uid
from .redact import quoted

_SHORT_HASH = 12
_SKIP = "argocd.argoproj.io/skip-reconcile"

_COMPARISON = "ComparisonError"
_ERRORS = {
    "InvalidSpecError": Reason.CONFIG_ERROR,
    _COMPARISON: Reason.RENDER_FAILED,
    "SyncError": Reason.ROLLOUT_FAILED,
}
"""Conditions that stop an Application. Each stays until Argo CD looks again, and a repository that did not answer once
is among the causes, so none is a verdict before it has lasted."""


def obstacle(application: Object, path: str) -> Health | None:
    """Why this Application can never carry what is pushed to ``path``, known before it is pushed; None when it can."""
    mistake = argocd_source.mistake(application, path) or argocd_ignored.mistake(application)
    if mistake:
        return failed(Reason.CONFIG_ERROR, f"{title(application)} {mistake}")
    if annotation(application, _SKIP) == "true":
        way_out = f"remove its annotation {_SKIP} and deploy again"
        return failed(Reason.SUSPENDED, f"{title(application)} is not reconciled; {way_out}")
    return None


def judge(application: Object | None, goal: Goal, known_good: Collection[str]) -> Health:
    """How far our commit is on its way through Argo CD.

    ``known_good`` are the commits that are ours or descend from it. HEALTHY means: synced, and found healthy by
    Argo CD since. What may mend itself is among the ``problems`` until it has lasted.
    """
    if application is None:
        return progressing("the Application does not exist yet")
    if meta(application).get("deletionTimestamp"):
        return progressing(f"{title(application)} is being deleted")
    return (
        obstacle(application, goal.path)
        or argocd_operation.judge(application, goal, known_good)
        or _comparing(application, goal, known_good)
        or _stale(application, goal, known_good)
        or argocd_health.judge(application)
    )


def problems(
    application: Object | None, goal: Goal, known_good: Collection[str], grace: float, erred_at: str | None
) -> tuple[Problem, ...]:
    """What fails the rollout once it has lasted ``grace`` seconds: error conditions, and Degraded at our commit.

    ``erred_at`` is ``looked_at`` when ``is_in_error`` began: an error of one look alone only explains.
    """
    if application is None or meta(application).get("deletionTimestamp") or argocd_operation.is_running(application):
        return ()
    found = [
        Problem(f"{uid(application)}/{kind}", reason, f"{title(application)}{_trouble(application, kind)}", grace)
        for kind, reason in _ERRORS.items()
        if condition(application, kind) and _is_of_ours(kind, application, goal, known_good)
    ]
    if is_in_error(application, goal) and looked_at(application) == erred_at:
        found = [replace(one, grace=None) if one.reason is _ERRORS[_COMPARISON] else one for one in found]
    return tuple(found) or _lasting(application, goal, known_good, grace)


def is_in_error(application: Object | None, goal: Goal) -> bool:
    """Whether Argo CD could not compare what was pushed when it last looked."""
    return application is not None and bool(condition(application, _COMPARISON)) and _looked_since(application, goal)


def hashes(application: Object) -> tuple[str, ...]:
    """The commits whose ancestry decides: of what was compared, and of what was or will be synced."""
    return (*commits(_compared(application), application), *argocd_operation.hashes(application))


def _compared(application: Object) -> Mapping[str, Any]:
    """What Argo CD has compared with the cluster: the revisions, with the sources that they are of."""
    sync = status(application).get("sync") or {}
    return {**(sync.get("comparedTo") or {}), **sync}


def _comparing(application: Object, goal: Goal, known_good: Collection[str]) -> Health | None:
    """None once Argo CD has compared our commit with the cluster and found it there."""
    where, sync = title(application), _compared(application)
    if not at_ours(sync, application, goal, known_good):
        return progressing(f"{where} has not seen our commit {goal.commit[:_SHORT_HASH]} yet{_troubles(application)}")
    if sync.get("status") == "Synced":
        return None
    words = f"{where} is {sync.get('status') or 'not compared'} at our commit{_troubles(application)}"
    if _is_automated(application):
        return progressing(words)
    return progressing(f"{words}; sync it by hand, or switch spec.syncPolicy.automated on")


def _stale(application: Object, goal: Goal, known_good: Collection[str]) -> Health | None:
    """None once the health was told after everything that was done for our commit.

    Where nothing had to be done (nothing differs, or ``manifest-generate-paths`` leaves it out) there is no operation;
    then Argo CD must have looked since the push.
    """
    if argocd_health.is_stale(application):
        return progressing(f"{title(application)} has synced our commit and not told its health since")
    before = goal.baseline.looked_at if goal.baseline else None
    if looked_at(application) == before and not argocd_operation.is_for_ours(application, goal, known_good):
        return progressing(f"{title(application)} has not been looked at since the push")
    return None


def _is_of_ours(kind: str, application: Object, goal: Goal, known_good: Collection[str]) -> bool:
    """Whether the condition can be about what was pushed, and is not left over from before.

    InvalidSpecError is about the Application itself, and keeps Argo CD from looking any further.
    """
    if kind == "InvalidSpecError":
        return True
    if kind == _COMPARISON:
        return _looked_since(application, goal)
    before = goal.baseline is not None and not _looked_since(application, goal)
    return not before and at_ours(_compared(application), application, goal, known_good)


def _looked_since(application: Object, goal: Goal) -> bool:
    """Whether Argo CD has certainly looked since the push."""
    return goal.baseline is not None and looked_at(application) != goal.baseline.looked_at


def _lasting(application: Object, goal: Goal, known_good: Collection[str], grace: float) -> tuple[Problem, ...]:
    """A failure that no look since the push has brought Argo CD to mend, and Degraded."""
    old = argocd_operation.old_failure(application, goal, known_good)
    if old and _looked_since(application, goal) and _is_automated(application):
        words = f"{old.message}; Argo CD does not sync the same commit again by itself: sync it by hand"
        return (Problem(f"{uid(application)}/sync", old.reason or Reason.ROLLOUT_FAILED, words, grace),)
    if not _is_degraded(application, goal, known_good):
        return ()
    words = f"{title(application)} is Degraded{degraded_parts(application)}"
    return (Problem(f"{uid(application)}/Degraded", Reason.ROLLOUT_FAILED, words, grace),)


def _is_degraded(application: Object, goal: Goal, known_good: Collection[str]) -> bool:
    proven = _comparing(application, goal, known_good) or _stale(application, goal, known_good)
    return proven is None and argocd_health.told(application) == "Degraded"


def _is_automated(application: Object) -> bool:
    """``automated: {}`` is on; ``enabled`` may switch it off."""
    automated = (spec(application).get("syncPolicy") or {}).get("automated")
    return automated is not None and automated.get("enabled") is not False


def _troubles(application: Object) -> str:
    return "".join(_trouble(application, kind) for kind in _ERRORS if condition(application, kind))


def _trouble(application: Object, kind: str) -> str:
    return f" ({kind}: {quoted(str(condition(application, kind).get('message', '')))})"
