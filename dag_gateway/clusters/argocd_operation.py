"""Argo CD: what ``status.operationState`` says of the sync of our commit.

While Argo CD retries, the phase stays Running; a revision that has failed is not synced again by itself
(``argo-cd: controller/appcontroller.go``, ``autoSync``), so Failed and Error are final.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from dag_gateway.model.health import Health, failed, progressing
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Goal

from .argocd_source import commits, revisions
from .objects import Object, moment, status, title
from .redact import quoted

_BUSY = frozenset({"Running", "Terminating"})
_BROKEN = frozenset({"Failed", "Error"})
_TOLD_PARTS = 3


def judge(application: Object, goal: Goal, known_good: Collection[str]) -> Health | None:
    """None when nothing is under way and nothing has failed for our commit."""
    where, state = title(application), _state(application)
    ours = is_for_ours(application, goal, known_good)
    if is_running(application):
        told = _message(state) if state.get("phase") in _BUSY else ""
        return progressing(f"{where} {'is being synced' if ours else 'works on another operation'}{told}")
    old = old_failure(application, goal, known_good)
    if old:
        return progressing(f"{old.message}, before this deployment; it is tried again when you sync it by hand")
    return _failure(application, goal, known_good)


def old_failure(application: Object, goal: Goal, known_good: Collection[str]) -> Health | None:
    """The FAILED of our commit that is from before the deployment: the same content was deployed then, too."""
    ended = ended_at(application)
    if ended is None or goal.baseline is None or ended != goal.baseline.finished_at:
        return None
    return _failure(application, goal, known_good)


def is_running(application: Object) -> bool:
    """Whether an operation is asked for or under way."""
    return bool(application.get("operation")) or _state(application).get("phase") in _BUSY


def is_for_ours(application: Object, goal: Goal, known_good: Collection[str]) -> bool:
    """Whether the operation under way, or the last one, is that of our commit or of a descendant."""
    return any(at_ours(record, application, goal, known_good) for record in _records(application))


def at_ours(record: Mapping[str, Any], application: Object, goal: Goal, known_good: Collection[str]) -> bool:
    """Whether a record of Argo CD (see ``argocd_source.revisions``) is at commits of ``known_good``: with several
    sources from our folder, each of them, for any may be the one that is deployed last."""
    found = revisions(record, application, goal.path)
    return bool(found) and all(revision in known_good for revision in found)


def hashes(application: Object) -> tuple[str, ...]:
    """The commits that the operation names."""
    return tuple(commit for record in _records(application) for commit in commits(record, application))


def began_at(application: Object, goal: Goal, known_good: Collection[str]) -> datetime | None:
    """When the operation for our commit began, by Argo CD's clock; None before it does."""
    state = _state(application)
    ours = any(at_ours(record, application, goal, known_good) for record in _records_of(state))
    return moment(state.get("startedAt")) if ours else None


def ended_at(application: Object | None) -> str | None:
    """When the last operation ended, in Argo CD's own words."""
    told = _state(application or {}).get("finishedAt")
    return str(told) if told else None


def finished_at(application: Object) -> datetime | None:
    return moment(ended_at(application))


def part_words(part: Mapping[str, Any], message: object) -> str:
    """``Deployment web: message``."""
    named = f"{part.get('kind', 'object')} {part.get('name', '?')}"
    return f"{named}: {quoted(str(message))[:500]}" if message else named


def _failure(application: Object, goal: Goal, known_good: Collection[str]) -> Health | None:
    """FAILED when the last operation was for our commit and has failed."""
    state = _state(application)
    if state.get("phase") not in _BROKEN or not is_for_ours(application, goal, known_good):
        return None
    words = f"{title(application)} could not be synced{_message(state)}{_failed_parts(application)}"
    return failed(Reason.HOOK_FAILED if _hook_failed(application) else Reason.ROLLOUT_FAILED, words)


def _state(application: Object) -> Mapping[str, Any]:
    return dict(status(application).get("operationState") or {})


def _records(application: Object) -> tuple[Mapping[str, Any], ...]:
    """What was or is being synced, and what is asked for and has not begun."""
    asked = (application.get("operation") or {}).get("sync")
    return (*_records_of(_state(application)), *([asked] if asked else ()))


def _records_of(state: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    told = (state.get("syncResult"), (state.get("operation") or {}).get("sync"))
    return tuple(record for record in told if record)


def _message(state: Mapping[str, Any]) -> str:
    return f" ({quoted(str(state['message']))})" if state.get("message") else ""


def _failed_parts(application: Object) -> str:
    parts = [part_words(part, part.get("message")) for part in _parts(application)]
    others = len(parts) - _TOLD_PARTS
    told = "; ".join(parts[:_TOLD_PARTS]) + (f"; and {others} more" if others > 0 else "")
    return f": {told}" if told else ""


def _hook_failed(application: Object) -> bool:
    return any(part.get("hookType") for part in _parts(application))


def _parts(application: Object) -> list[Mapping[str, Any]]:
    """The objects and hooks that could not be synced. A hook that ran has a phase of its own."""
    parts = (_state(application).get("syncResult") or {}).get("resources") or ()
    return [part for part in parts if part.get("status") == "SyncFailed" or part.get("hookPhase") in _BROKEN]
