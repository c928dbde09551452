"""Flux: what a HelmRelease says of the attempt to release our chart, row by row.

Sources: helm-controller ``docs/spec/v2/helmreleases.md``, ``internal/reconcile/atomic_release.go`` and
``internal/controller/helmrelease_controller.go``. Each reconciliation starts by marking the object Reconciling, which
also removes Stalled, so what stands beside Reconciling may be left over from an earlier attempt.
"""

from collections.abc import Callable, Mapping
from typing import Any

from dag_gateway.model.health import Health, failed, healthy, progressing
from dag_gateway.model.reason import Reason

from .objects import Object, annotation, condition, holds, meta, spec, status, title, why

IsOurs = Callable[[object], bool]

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
"""Annotation of any Flux object: look at once. What it says comes back in ``status.lastHandledReconcileAt``."""

RESET_AT = "reconcile.fluxcd.io/resetAt"
"""With the value of ``requestedAt``: forget how often it failed, so that what has failed is tried again."""

_RETRIES_LATER = "RetryAfterInterval"
"""Reason of ``Ready=False`` between two tries of ``RetryOnFailure``; older ones say nothing of the failure there
(helm-controller#1337)."""

WAITING = frozenset(
    {"HealthCheckCanceled", "DependencyNotReady", "SourceNotReady", "ProgressingWithRetry", _RETRIES_LATER}
)
"""Reasons of ``Ready=False`` after which the controller goes on by itself."""

_NEVER_BEGINS = frozenset({"AccessDenied", "InvalidCELExpression"})
"""Reasons of ``Stalled`` that are found before a chart is looked at: whatever is pushed, no attempt follows."""


def history(release: Object) -> list[Mapping[str, Any]]:
    """The releases, newest first."""
    entries = status(release).get("history") or ()
    return sorted(entries, key=lambda entry: int(entry.get("version") or 0), reverse=True)


def superseded(release: Object, is_ours: IsOurs, may_be_ours: IsOurs, baseline_revision: int | None) -> Health | None:
    """FAILED where ours was deployed after the push, and something else was after it, certainly not ours.

    The same version may also lie in the history from long before: only revisions newer than the baseline's count,
    none where that is unknown (None). Nor does what remediation puts after ours: the newest attempt is ours then.
    """
    if baseline_revision is None or is_ours(status(release).get("lastAttemptedRevision")):
        return None
    entries = history(release)
    if not entries or may_be_ours(entries[0].get("chartVersion")):
        return None
    for entry in entries[1:]:
        after_push = int(entry.get("version") or 0) > baseline_revision
        if after_push and entry.get("status") == "superseded" and is_ours(entry.get("chartVersion")):
            old, new = entry.get("chartVersion"), entries[0].get("chartVersion")
            return failed(Reason.SUPERSEDED, f"{title(release)}: {old} was deployed, then superseded by {new}")
    return None


def awaits_a_look(obj: Object) -> bool:
    """Whether somebody asked the controller to look and it has not yet: what it said before may not last."""
    asked = annotation(obj, REQUESTED_AT)
    return bool(asked) and status(obj).get("lastHandledReconcileAt") != asked


def judge(release: Object, is_ours: IsOurs) -> Health:
    """How the attempt goes; nothing that an earlier attempt left behind counts."""
    attempted = status(release).get("lastAttemptedRevision")
    if meta(release).get("deletionTimestamp"):
        return progressing(f"{title(release)} is being deleted")
    if not is_ours(attempted):
        if never_begins(release):
            return failed(Reason.STALLED, f"{title(release)} can not begin{_cause(release, 'Stalled')}")
        ready = condition(release, "Ready")
        trouble = why(ready) if ready.get("status") == "False" else ""
        return progressing(
            f"{title(release)} has not begun with our chart (last attempted: {attempted or 'none'}){trouble}"
        )
    if holds(release, "Reconciling"):
        return progressing(f"{title(release)} is being rolled out{why(condition(release, 'Reconciling'))}")
    return _ended_badly(release, is_ours) or _proven(release, is_ours)


def _ended_badly(release: Object, is_ours: IsOurs) -> Health | None:
    """The terminal rows; the attempt is ours and the controller does not work on it now.

    Remediated is final even when Ready turns True again: that is the old release. Where ours is the one deployed,
    it tells of an earlier attempt.
    """
    if not _current(release, "Ready") or awaits_a_look(release):
        return None
    if holds(release, "Stalled"):
        return failed(_reason(release, Reason.STALLED), f"{title(release)} gave up{_causes(release)}")
    if holds(release, "Remediated") and not _deployed(release, is_ours):
        words = f"{title(release)} failed and was taken back{_cause(release, 'Remediated')}{_failure(release)}"
        return failed(_reason(release, Reason.ROLLOUT_FAILED), words)
    ready = condition(release, "Ready")
    if ready.get("status") == "False" and ready.get("reason") not in WAITING and not _retries(release):
        return failed(_reason(release, Reason.ROLLOUT_FAILED), f"{title(release)} failed{why(ready)}")
    return None


def _retries(release: Object) -> bool:
    """Whether the last action is tried again for ever, at an interval (``RetryOnFailure``)."""
    action = str(status(release).get("lastAttemptedReleaseAction") or "upgrade")
    strategy = (spec(release).get(action) or {}).get("strategy") or {}
    return strategy.get("name") == "RetryOnFailure"


def never_begins(release: Object) -> bool:
    """Whether it was refused before its chart was looked at; no other chart changes that."""
    settled = _current(release, "Stalled") and not holds(release, "Reconciling") and not awaits_a_look(release)
    return settled and holds(release, "Stalled") and condition(release, "Stalled").get("reason") in _NEVER_BEGINS


def _proven(release: Object, is_ours: IsOurs) -> Health:
    """HEALTHY with every part of the proof; otherwise the first part that is missing."""
    newest = (history(release) or [{}])[0]
    version, state = newest.get("chartVersion"), newest.get("status")
    ready = condition(release, "Ready")
    if not is_ours(version):
        return progressing(f"{title(release)}: the newest release holds {version or 'nothing'}, not our chart")
    if state != "deployed":
        cause = _failure(release) if ready.get("reason") == _RETRIES_LATER else ""
        return progressing(f"{title(release)}: our release is {state}{why(ready)}{cause}")
    if ready.get("status") != "True" or not _current(release, "Ready"):
        return progressing(f"{title(release)} is not ready for its current spec{why(ready)}")
    if _tests_missing(release):
        return progressing(f"{title(release)}: its Helm tests have not succeeded{_cause(release, 'TestSuccess')}")
    return healthy(f"{title(release)} has released {version}")


def _deployed(release: Object, is_ours: IsOurs) -> bool:
    newest = (history(release) or [{}])[0]
    return newest.get("status") == "deployed" and is_ours(newest.get("chartVersion"))


def _current(release: Object, kind: str) -> bool:
    """Whether the condition speaks of the newest spec."""
    return condition(release, kind).get("observedGeneration") == meta(release).get("generation")


def _tests_missing(release: Object) -> bool:
    test = spec(release).get("test") or {}
    return bool(test.get("enable")) and not test.get("ignoreFailures") and not holds(release, "TestSuccess")


def _cause(release: Object, kind: str) -> str:
    return why(condition(release, kind))


def _causes(release: Object) -> str:
    """Why the controller gave up, and what it had tried: Stalled only counts the attempts."""
    ready = condition(release, "Ready")
    return _cause(release, "Stalled") + (why(ready) if ready.get("status") == "False" else "")


def _failure(release: Object) -> str:
    """What came before the remediation, which Ready no longer tells."""
    told = (condition(release, kind) for kind in ("TestSuccess", "Released"))
    return next((why(cause) for cause in told if cause.get("status") == "False"), "")


def _reason(release: Object, otherwise: Reason) -> Reason:
    """A hook or a Helm test that failed is the chart author's to mend, so it has a word of its own."""
    causes = [condition(release, kind) for kind in ("Ready", "Released", "TestSuccess")]
    if any(cause.get("reason") == "TestFailed" or _HOOK in str(cause.get("message", "")) for cause in causes):
        return Reason.HOOK_FAILED
    return otherwise


_HOOK = "hooks failed"
"""How Helm words it (``pkg/action/{install,upgrade}.go``): ``pre-upgrade hooks failed: ...``."""
