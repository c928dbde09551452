"""Why a pod does not start: pure rules that name what waiting can not mend, and how long to wait before saying so."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from dag_gateway.config import PatienceSettings
from dag_gateway.model.reason import Reason

from . import warnings
from .objects import Object, condition, created, holds, meta, name, namespace, status, uid
from .redact import quoted


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that waiting does not mend once it has lasted ``grace`` seconds.

    ``grace`` None: the controller of the pod tries again, and says itself when it has given up; till then this only
    explains. ``key`` is the same while the problem lasts. ``container`` is the one whose last words explain it, None
    where no container ran; ``previous`` says that those words are of its last run, not of the current one. ``about``
    are the uids of the objects whose events since ``since`` explain more.
    """

    key: str
    reason: Reason
    message: str
    grace: float | None = 0.0
    namespace: str = ""
    pod: str = ""
    container: str | None = None
    previous: bool = False
    about: tuple[str, ...] = ()
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """When each problem was first seen, by the gateway's own clock: other machines' clocks do not matter here."""

    first_seen: Mapping[str, datetime]

    @classmethod
    def fresh(cls) -> "Patience":
        return cls({})

    def seeing(self, problems: Iterable[Problem], now: datetime) -> "Patience":
        """With the new ones noted, and those forgotten that have gone."""
        return Patience({problem.key: self.first_seen.get(problem.key, now) for problem in problems})

    def until(self, problem: Problem) -> datetime | None:
        """When the grace of a problem that was noted ends; None for never."""
        return None if problem.grace is None else self.first_seen[problem.key] + timedelta(seconds=problem.grace)


def of_pod(pod: Object, patience: PatienceSettings) -> tuple[Problem, ...]:
    """Everything that is wrong with one pod, in the order of its containers."""
    found = (_of_container(pod, entry, patience) for entry in _containers(pod))
    about = (uid(pod), *(str(ref.get("uid", "")) for ref in _owners(pod)))
    all_of_them = (*_unschedulable(pod, patience), *(problem for problem in found if problem))
    return tuple(replace(problem, about=about, since=created(pod)) for problem in all_of_them)


def of_creator(owner: Object, patience: PatienceSettings) -> tuple[Problem, ...]:
    """Why a controller can not create pods (``ReplicaFailure``): a quota, or admission that refuses them."""
    failure = condition(owner, "ReplicaFailure")
    if failure.get("status") != "True":
        return ()
    return (_refused(owner, _said(failure, str(failure.get("reason", ""))), patience),)


def of_warnings(owner: Object, events: Sequence[Object], patience: PatienceSettings) -> tuple[Problem, ...]:
    """The same of a controller that tells it by events (``FailedCreate``) only: by the newest of ``events``."""
    if not events:
        return ()
    latest = max(events, key=warnings.last_seen)
    return (_refused(owner, _said(latest, str(latest.get("reason", ""))), patience),)


def _refused(owner: Object, text: str, patience: PatienceSettings) -> Problem:
    reason = Reason.QUOTA if "exceeded quota" in text else Reason.CONFIG_ERROR
    words = f"{name(owner)} in namespace {namespace(owner)} can not create pods: {text}"
    return Problem(f"{uid(owner)}/create", reason, words, patience.create, namespace(owner))


def _containers(pod: Object) -> Iterator[Mapping[str, Any]]:
    yield from status(pod).get("initContainerStatuses") or ()
    yield from status(pod).get("containerStatuses") or ()


def _unschedulable(pod: Object, patience: PatienceSettings) -> Iterator[Problem]:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        words = f"{_where(pod)} can not be scheduled: {_said(scheduled, 'no node fits')}"
        yield Problem(f"{uid(pod)}/schedule", Reason.UNSCHEDULABLE, words, patience.unschedulable, namespace(pod))


def _of_container(pod: Object, entry: Mapping[str, Any], patience: PatienceSettings) -> Problem | None:
    waiting = (entry.get("state") or {}).get("waiting") or {}
    if waiting.get("reason") == "CrashLoopBackOff":
        return _crash_loop(pod, entry, patience.crashes)
    return _waiting(pod, entry, patience) or _dead(pod, entry)


def _waiting(pod: Object, entry: Mapping[str, Any], patience: PatienceSettings) -> Problem | None:
    """What a container waits for (kubelet ``images/types.go``, ``kuberuntime``), and how long that may last."""
    waiting = (entry.get("state") or {}).get("waiting") or {}
    word = str(waiting.get("reason", ""))
    if word in _NO_IMAGE:
        reason, grace = Reason.IMAGE_PULL, patience.image_pull
    elif word in _NEVER_AN_IMAGE:
        reason, grace = Reason.IMAGE_PULL, 0.0
    elif word in _NOT_CONFIGURED:
        reason, grace = Reason.CONFIG_ERROR, patience.config
    else:
        return None
    return _problem(pod, entry, reason, f"{word}: {_said(waiting, _image(entry))}", grace)


_NO_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff"})
_NEVER_AN_IMAGE = frozenset({"ErrImageNeverPull", "InvalidImageName"})
_NOT_CONFIGURED = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


def _crash_loop(pod: Object, entry: Mapping[str, Any], crashes: int) -> Problem | None:
    restarts = int(entry.get("restartCount") or 0)
    if restarts < crashes:
        return None
    last = (entry.get("lastState") or {}).get("terminated") or {}
    words = f"CrashLoopBackOff after {restarts} restarts{_exit(last)}"
    grace = None if "Job" in _owner_kinds(pod) else 0.0  # a Job has a budget of its own, its backoffLimit
    return _problem(pod, entry, Reason.CRASH_LOOP, words, grace, str(entry.get("name", "")), previous=True)


def _dead(pod: Object, entry: Mapping[str, Any]) -> Problem | None:
    """A container that ended badly in a pod that has failed for good; only its controller can make another pod."""
    ended = (entry.get("state") or {}).get("terminated") or {}
    if status(pod).get("phase") != "Failed" or not ended.get("exitCode"):
        return None
    grace = None if _owner_kinds(pod) else 0.0
    return _problem(pod, entry, Reason.CRASH_LOOP, f"ended{_exit(ended)}", grace, str(entry.get("name", "")))


def _owners(pod: Object) -> Sequence[Mapping[str, Any]]:
    return meta(pod).get("ownerReferences") or ()


def _owner_kinds(pod: Object) -> set[str]:
    return {str(ref.get("kind")) for ref in _owners(pod)}


def _exit(ended: Mapping[str, Any]) -> str:
    """``, out of memory (OOMKilled), exit code 137``; empty where nothing is known."""
    if not ended:
        return ""
    why = "out of memory (OOMKilled)" if ended.get("reason") == "OOMKilled" else ended.get("reason", "Error")
    return f", {why}, exit code {ended.get('exitCode', '?')}"


def _problem(
    pod: Object,
    entry: Mapping[str, Any],
    reason: Reason,
    words: str,
    grace: float | None = 0.0,
    container: str | None = None,
    previous: bool = False,
) -> Problem:
    where = f"{_where(pod)}, container {entry.get('name', '?')}"
    key = f"{uid(pod)}/{entry.get('name', '?')}/{reason}"
    return Problem(key, reason, f"{where}: {words}", grace, namespace(pod), name(pod), container, previous)


def _said(source: Mapping[str, Any], otherwise: str) -> str:
    """Its message, as it may be told; ``otherwise`` where it has none."""
    return quoted(str(source.get("message") or "")) or otherwise


def _where(pod: Object) -> str:
    return f"pod {name(pod)} (namespace {namespace(pod)})"


def _image(entry: Mapping[str, Any]) -> str:
    return f"image {entry.get('image', '?')}"


def deleted_or_ready(pod: Object) -> bool:
    """A pod that says nothing about trouble: it works, or it is on its way out."""
    return bool(meta(pod).get("deletionTimestamp")) or holds(pod, "Ready")
