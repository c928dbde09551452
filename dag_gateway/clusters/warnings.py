"""Events of the type Warning: what controllers tell nowhere else, and what the kubelet adds to a pod's trouble."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from .objects import Object, created, key, moment, namespace
from .redact import quoted
from .resources import DAEMON_SETS, EVENTS, JOBS, STATEFUL_SETS, Selection

_TOLD = 5
_LONGEST = 300
_NEVER = datetime.min.replace(tzinfo=UTC)
_TELL_BY_EVENT = frozenset({STATEFUL_SETS.key, DAEMON_SETS.key, JOBS.key})
"""Controllers that have no condition for pods that they can not create; a ReplicaSet has ``ReplicaFailure``."""


def refused_pods(owners: Iterable[Object]) -> tuple[Selection, ...]:
    """Where these owners tell that they can not create pods: what is ``helpful`` to a rollout, each place once."""
    places = {namespace(owner): None for owner in owners if key(owner) in _TELL_BY_EVENT}
    return tuple(Selection(EVENTS, place, fields="reason=FailedCreate,type=Warning") for place in places)


def about(place: str, uid: str) -> Selection:
    """The warnings about one object."""
    return Selection(EVENTS, place, fields=f"involvedObject.uid={uid},type=Warning")


def last_seen(event: Object) -> datetime:
    """When it happened last: the old and the new API of events write it into different fields."""
    series = event.get("series") or {}
    told = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return moment(told) or created(event) or _NEVER


def concerns(event: Object, uid: str) -> bool:
    return bool(uid) and (event.get("involvedObject") or {}).get("uid") == uid


def told(events: Iterable[Object], since: datetime | None, known: str = "") -> list[str]:
    """``FailedMount: no such secret (7 times)``, the newest of them, oldest first.

    What happened before ``since`` (None: any time) or is already said in ``known`` is left out.
    """
    recent = [event for event in events if since is None or last_seen(event) >= since]
    fresh = {_words(event): last_seen(event) for event in recent if not _is_said(event, known)}
    return sorted(fresh, key=lambda words: fresh[words])[-_TOLD:]


def _is_said(event: Object, known: str) -> bool:
    """Whole, or behind its beginning (``Error: ErrImagePull``); that the kubelet pauses is said by the state itself."""
    message = quoted(str(event.get("message") or ""))
    _, _, cause = message.partition(": ")
    return event.get("reason") == "BackOff" or any(bool(part) and part in known for part in (message, cause))


def _words(event: Object) -> str:
    message = " ".join(quoted(str(event.get("message") or "")).split())[:_LONGEST]
    words = ": ".join(part for part in (str(event.get("reason") or "Warning"), message) if part)
    times = _times(event)
    return words + (f" ({times} times)" if times > 1 else "")


def _times(event: Object) -> int:
    return int((event.get("series") or {}).get("count") or event.get("count") or 1)


def newest(objects: Sequence[Object]) -> datetime:
    """When the youngest was created; the beginning of time without any."""
    return max((created(obj) or _NEVER for obj in objects), default=_NEVER)
