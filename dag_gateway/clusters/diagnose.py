"""Why a pod does not start: pure rules that name what waiting can not mend, and how long to wait before saying so."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dag_gateway.model.reason import Reason

from .objects import Object, condition, holds, meta, name, namespace, status, uid

CRASHES = 2
"""Restarts of a container before its CrashLoopBackOff counts: one crash may be a dependency that comes up later."""

PULL_GRACE = 20.0
"""Seconds that an image may fail to be pulled: the second attempt of the kubelet comes after 10 s."""

SCHEDULE_GRACE = 120.0
"""Seconds that a pod may be unschedulable: an autoscaler may need as long for a node (kstatus waits 15 s only)."""

CREATE_GRACE = 15.0
"""Seconds that pods may be refused: old pods that leave free quota."""

CONFIG_GRACE = 30.0
"""Seconds that a container's configuration may be missing: Secrets of other controllers come a while later."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that waiting does not mend once it has lasted ``grace`` seconds.

    ``grace`` None: the controller of the pod tries again, and says itself when it has given up; till then this only
    explains. ``key`` is the same while the problem lasts. ``container`` is the one whose last words explain it, None
    where no container ran; ``previous`` says that those words are of its last run, not of the current one.
    """

    key: str
    reason: Reason
    message: str
    grace: float | None = 0.0
    namespace: str = ""
    pod: str = ""
    container: str | None = None
    previous: bool = False


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


def of_pod(pod: Object) -> tuple[Problem, ...]:
    """Everything that is wrong with one pod, in the order of its containers."""
    found = (_of_container(pod, entry) for entry in _containers(pod))
    return (*_unschedulable(pod), *(problem for problem in found if problem))


def of_creator(owner: Object) -> tuple[Problem, ...]:
    """Why a controller can not create pods (``ReplicaFailure``): a quota, or admission that refuses them."""
    failure = condition(owner, "ReplicaFailure")
    if failure.get("status") != "True":
        return ()
    text = str(failure.get("message", ""))
    reason = Reason.QUOTA if "exceeded quota" in text else Reason.CONFIG_ERROR
    words = f"{name(owner)} in namespace {namespace(owner)} can not create pods: {text or failure.get('reason', '')}"
    return (Problem(f"{uid(owner)}/create", reason, words, CREATE_GRACE),)


def _containers(pod: Object) -> Iterator[Mapping[str, Any]]:
    yield from status(pod).get("initContainerStatuses") or ()
    yield from status(pod).get("containerStatuses") or ()


def _unschedulable(pod: Object) -> Iterator[Problem]:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        words = f"{_where(pod)} can not be scheduled: {scheduled.get('message', 'no node fits')}"
        yield Problem(f"{uid(pod)}/schedule", Reason.UNSCHEDULABLE, words, SCHEDULE_GRACE)


def _of_container(pod: Object, entry: Mapping[str, Any]) -> Problem | None:
    waiting = (entry.get("state") or {}).get("waiting") or {}
    word = str(waiting.get("reason", ""))
    if word == "CrashLoopBackOff":
        return _crash_loop(pod, entry)
    if word in _WAITING:
        reason, grace = _WAITING[word]
        return _problem(pod, entry, reason, f"{word}: {waiting.get('message') or _image(entry)}", grace)
    return _dead(pod, entry)


_WAITING: Mapping[str, tuple[Reason, float]] = {
    "ErrImagePull": (Reason.IMAGE_PULL, PULL_GRACE),
    "ImagePullBackOff": (Reason.IMAGE_PULL, PULL_GRACE),
    "ErrImageNeverPull": (Reason.IMAGE_PULL, 0.0),
    "InvalidImageName": (Reason.IMAGE_PULL, 0.0),
    "CreateContainerConfigError": (Reason.CONFIG_ERROR, CONFIG_GRACE),
    "CreateContainerError": (Reason.CONFIG_ERROR, CONFIG_GRACE),
    "RunContainerError": (Reason.CONFIG_ERROR, CONFIG_GRACE),
}
"""What a container waits for (kubelet ``images/types.go``, ``kuberuntime``), and how long that may last."""


def _crash_loop(pod: Object, entry: Mapping[str, Any]) -> Problem | None:
    restarts = int(entry.get("restartCount") or 0)
    if restarts < CRASHES:
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


def _owner_kinds(pod: Object) -> set[str]:
    return {str(ref.get("kind")) for ref in meta(pod).get("ownerReferences") or ()}


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


def _where(pod: Object) -> str:
    return f"pod {name(pod)} (namespace {namespace(pod)})"


def _image(entry: Mapping[str, Any]) -> str:
    return f"image {entry.get('image', '?')}"


def deleted_or_ready(pod: Object) -> bool:
    """A pod that says nothing about trouble: it works, or it is on its way out."""
    return bool(meta(pod).get("deletionTimestamp")) or holds(pod, "Ready")
