"""Whether the newest revision of a Helm release is ours, and how that goes: rules over Helm's own records.

The states are those of Helm ``pkg/release/common/status.go``.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dag_gateway.model.health import Health, failed, healthy, progressing
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Goal
from dag_gateway.model.timestamps import rfc3339

from .helm_record import Release
from .redact import quoted

_GONE = frozenset({"uninstalled", "uninstalling"})


def judge(releases: Sequence[Release], goal: Goal, now: datetime, patience: float) -> Health:
    """Whether the newest of ``releases`` (newest first) is ours and deployed. The workloads are another question.

    ``patience``: seconds after which an operation that has not ended never will.
    """
    if not releases:
        return progressing("there is no release yet")
    newest = releases[0]
    if is_ours(newest, goal) and (newest.status == "deployed" or _after_baseline(newest, goal)):
        return _ours(newest)
    ended = (_ended(older, newest) for older in releases[1:] if is_ours(older, goal) and _after_baseline(older, goal))
    return next(filter(None, ended), None) or _stuck(newest, now, patience) or _waiting(newest, goal)


def is_ours(release: Release, goal: Goal) -> bool:
    return (release.chart_name, release.chart_version) == (goal.chart_name, goal.chart_version)


def _words(release: Release) -> str:
    return f"revision {release.revision} of {release.chart_version} is {release.status}"


def _told(release: Release) -> str:
    return f": {quoted(release.description)}" if release.description else ""


def _ours(release: Release) -> Health:
    words = _words(release)
    if release.status == "deployed":
        return healthy(words)
    if release.status == "failed" or release.status in _GONE:
        return failed(_reason(release), words + _told(release))
    return progressing(words + _told(release))


def _ended(ours: Release, newest: Release) -> Health | None:
    """How ours ended, which came after the push and is not the newest any more; None where that is not told."""
    if ours.status == "superseded":
        words = f"{ours.chart_version} was deployed, then superseded by {newest.chart_version}"
        return failed(Reason.SUPERSEDED, f"revision {ours.revision}: {words}")
    if ours.status == "failed":
        then = f"; then came revision {newest.revision} with {newest.chart_version}{_told(newest)}"
        return failed(_reason(ours), _words(ours) + _told(ours) + then)
    return None


def _stuck(release: Release, now: datetime, patience: float) -> Health | None:
    """Helm begins nothing while an operation is under way, and one whose process has died stays so for ever."""
    if not _is_pending(release) or release.created is None:
        return None
    if now - release.created < timedelta(seconds=patience):
        return None
    words = f"{_words(release)} since {rfc3339(release.created)}, and Helm begins nothing else before that has ended"
    return failed(Reason.STALLED, f"{words}; if no Helm works on it, `{_MENDS[release.status]}` and deploy again")


_MENDS = {
    "pending-install": "helm uninstall",
    "pending-upgrade": "helm rollback",
    "pending-rollback": "helm rollback",
}
"""What ends the operation of a Helm that has died."""


def _waiting(newest: Release, goal: Goal) -> Health:
    """Ours is not there yet. A failure from before the push is no verdict on what was pushed."""
    if _is_pending(newest):
        return progressing(f"{_words(newest)}: another operation is under way")
    if is_ours(newest, goal):
        return progressing(f"{_words(newest)}, from before this deployment")
    return progressing(
        f"revision {newest.revision} holds {newest.chart_version} ({newest.status}), not {goal.chart_version}"
    )


def _is_pending(release: Release) -> bool:
    return release.status in _MENDS


def _reason(release: Release) -> Reason:
    return Reason.HOOK_FAILED if "hooks failed" in release.description else Reason.ROLLOUT_FAILED


def _after_baseline(release: Release, goal: Goal) -> bool:
    """The same version may lie in the history from long before the push. Unknown (no baseline) counts as before."""
    return goal.baseline is not None and release.revision > (goal.baseline.revision or 0)
