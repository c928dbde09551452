"""What was wrong with the workloads before our release came: it may be mended by it, and is no verdict on it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .objects import Object, condition, created, moment, status, uid
from .workloads import Workloads

_STATUSES = ("initContainerStatuses", "containerStatuses")


@dataclass(frozen=True, slots=True)
class OldNews:
    """``restarts`` by uid of the pod and container; ``missed`` says by uid when a Deployment missed its deadline.

    ``untouched`` are the uids of the owners and pods that were not of our rollout yet, whenever that was.
    """

    restarts: Mapping[tuple[str, str], int]
    missed: Mapping[str, str]
    untouched: Collection[str] = ()


def noted(held: Workloads, untouched: Collection[str] = ()) -> OldNews:
    """What can be said against the workloads now."""
    restarts = {
        (uid(pod), str(entry.get("name", ""))): _restarts(entry)
        for pod in held.pods
        for part in _STATUSES
        for entry in status(pod).get(part) or ()
    }
    return OldNews(restarts, {uid(owner): _missed(owner) for owner in held.owners if _missed(owner)}, untouched)


def without(held: Workloads, old: OldNews, since: datetime | None, older: Collection[str]) -> Workloads:
    """Restarts counted from those in ``old`` on, and no missed deadline that is in it.

    What is not older than ``since`` stays: then it is of our rollout, however early it was noted, unless it was
    untouched. The API's times are whole seconds: ``older`` are the uids of pods that were there before that second was
    over.
    """
    owners = [_without_missed(owner, old, since) for owner in held.owners]
    pods = [pod if _is_new(pod, old, since, older) else _with_new_restarts(pod, old) for pod in held.pods]
    return replace(held, owners=owners, pods=pods)


def _without_missed(owner: Object, old: OldNews, since: datetime | None) -> Object:
    missed = _missed(owner)
    if not missed or old.missed.get(uid(owner)) != missed:
        return owner
    if _not_older(moment(missed), since) and uid(owner) not in old.untouched:
        return owner
    kept = [entry for entry in status(owner)["conditions"] if entry.get("type") != "Progressing"]
    return {**owner, "status": {**status(owner), "conditions": kept}}


def _is_new(pod: Object, old: OldNews, since: datetime | None, older: Collection[str]) -> bool:
    was_there = uid(pod) in old.untouched or (created(pod) == since and uid(pod) in older)
    return _not_older(created(pod), since) and not was_there


def _with_new_restarts(pod: Object, old: OldNews) -> Object:
    counted = {
        part: [_counted_from(entry, old.restarts.get((uid(pod), str(entry.get("name", ""))), 0)) for entry in entries]
        for part in _STATUSES
        if (entries := status(pod).get(part))
    }
    return {**pod, "status": {**status(pod), **counted}} if counted else pod


def _counted_from(entry: Mapping[str, Any], before: int) -> Mapping[str, Any]:
    return {**entry, "restartCount": max(_restarts(entry) - before, 0)} if before else entry


def _restarts(entry: Mapping[str, Any]) -> int:
    return int(entry.get("restartCount") or 0)


def _missed(owner: Object) -> str:
    """When a Deployment missed its deadline, in the words of the API; empty where it did not.

    Of other kinds nothing is forgiven: without the condition the counts of a Rollout alone would make it healthy.
    """
    progress = condition(owner, "Progressing")
    if owner.get("kind") != "Deployment" or progress.get("status") != "False":
        return ""
    return str(progress.get("lastUpdateTime") or progress.get("lastTransitionTime") or "")


def _not_older(when: datetime | None, since: datetime | None) -> bool:
    return since is not None and when is not None and when >= since
