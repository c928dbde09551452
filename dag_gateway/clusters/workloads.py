"""Which objects belong to a rollout, how far it is, and what stops it: pure rules over lists of plain objects."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dag_gateway.model.health import Health, Verdict, healthy, progressing, worst

from . import diagnose, rules
from .diagnose import Problem
from .objects import (
    Object,
    annotation,
    condition,
    created,
    holds,
    label,
    meta,
    moment,
    name,
    observed,
    owned_by,
    status,
    uid,
)

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "controller-revision-hash"

_BAD_NEWS = {("Progressing", "False"), ("ReplicaFailure", "True"), ("Failed", "True"), ("Stalled", "True")}
"""Conditions that stay behind from an earlier rollout until the controller has seen the new one."""


@dataclass(frozen=True, slots=True)
class Workloads:
    """What a release consists of, and everything in its namespaces that may belong to it."""

    owners: Sequence[Object] = ()
    replica_sets: Sequence[Object] = ()
    pods: Sequence[Object] = ()
    missing: Sequence[Health] = ()
    """One entry per object that should be there and is not."""


def judge(workloads: Workloads, since: datetime | None) -> Health:
    """How well the release runs, its pods counted.

    Bad news older than ``since`` is of an earlier rollout and does not count; with None all of it is.
    """
    parts = [_judge_owner(owner, workloads, since) for owner in workloads.owners if not is_hook(owner)]
    if not parts and not workloads.missing:
        return healthy("the release has no workloads")
    return worst((*parts, *workloads.missing))


def problems(workloads: Workloads, since: datetime | None, older: Collection[str] = frozenset()) -> tuple[Problem, ...]:
    """What stops the rollout, behind it what only explains: of the newest pods of what is not healthy.

    Nothing older than ``since`` counts. The API's times are whole seconds: ``older`` are the uids of pods that were
    there before that second was over.
    """
    found: list[Problem] = []
    for owner in workloads.owners:
        if not is_hook(owner) and rules.judge(owner).verdict is not Verdict.HEALTHY:
            found.extend(_problems_of(owner, workloads, since, older))
    return tuple(sorted(found, key=lambda problem: problem.grace is None))


def is_hook(obj: Object) -> bool:
    """Helm's hooks come and go around a release; they are not part of it."""
    return bool(annotation(obj, "helm.sh/hook"))


def current_pods(owner: Object, workloads: Workloads) -> tuple[Object, ...]:
    """The pods of the newest revision of ``owner``; none while its controller has not seen the newest spec."""
    if not observed(owner):
        return ()
    if owner.get("kind") == "Pod":
        return (owner,)
    if owner.get("kind") == "Deployment":
        newest = new_replica_set(owner, workloads.replica_sets)
        return _owned(newest, workloads.pods) if newest else ()
    pods = _owned(owner, workloads.pods)
    revision = _newest_revision(owner, pods)
    return tuple(pod for pod in pods if label(pod, _HASH) == revision)


def new_replica_set(deployment: Object, replica_sets: Iterable[Object]) -> Object | None:
    """The one whose revision is the Deployment's (``deployment.kubernetes.io/revision``); None before there is one."""
    revision = annotation(deployment, _REVISION)
    for candidate in replica_sets:
        if revision and owned_by(candidate, deployment) and annotation(candidate, _REVISION) == revision:
            return candidate
    return None


def _newest_revision(owner: Object, pods: Sequence[Object]) -> str:
    """Of a StatefulSet as it says itself; of others that of the youngest pod, as each new pod has the newest template.

    Pods of a Job or of a bare ReplicaSet have no revision: all of them count.
    """
    if owner.get("kind") == "StatefulSet":
        return str(status(owner).get("updateRevision", ""))
    youngest = max(pods, key=lambda pod: str(meta(pod).get("creationTimestamp", "")), default=None)
    return label(youngest, _HASH) if youngest else ""


def _owned(owner: Object, objects: Iterable[Object]) -> tuple[Object, ...]:
    return tuple(obj for obj in objects if owned_by(obj, owner))


def _judge_owner(owner: Object, workloads: Workloads, since: datetime | None) -> Health:
    health = rules.judge(_without_old_news(owner, since))
    if health.verdict is Verdict.FAILED and owner.get("kind") == "Pod" and not _new(created(owner), since):
        return progressing(f"{name(owner)}: failed before this release")
    desired = _desired(owner)
    if desired is None:
        return health
    if health.verdict is Verdict.HEALTHY:
        return healthy(f"{name(owner)}: {desired}/{desired} pods ready", ready=desired, desired=desired)
    pods = current_pods(owner, workloads)
    ready = sum(1 for pod in pods if holds(pod, "Ready") and not meta(pod).get("deletionTimestamp"))
    if health.verdict is Verdict.FAILED:
        return replace(health, ready=ready, desired=desired)
    gap = health.message.removeprefix(f"{name(owner)}: ")
    return progressing(f"{name(owner)}: {ready}/{desired} pods ready ({gap})", ready=ready, desired=desired)


def _desired(owner: Object) -> int | None:
    """How many pods it should run; None for kinds whose pods are not counted."""
    kind = owner.get("kind")
    if kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        replicas = (owner.get("spec") or {}).get("replicas")
        return 1 if replicas is None else int(replicas)
    if kind == "DaemonSet":
        return int(status(owner).get("desiredNumberScheduled") or 0)
    return None


def _without_old_news(owner: Object, since: datetime | None) -> Object:
    conditions = [entry for entry in status(owner).get("conditions") or () if not _is_old_news(entry, since)]
    return {**owner, "status": {**status(owner), "conditions": conditions}}


def _is_old_news(entry: Object, since: datetime | None) -> bool:
    return (entry.get("type"), entry.get("status")) in _BAD_NEWS and not _new(
        moment(entry.get("lastUpdateTime") or entry.get("lastTransitionTime")), since
    )


def _new(when: datetime | None, since: datetime | None) -> bool:
    return since is not None and when is not None and when >= since


def _problems_of(owner: Object, workloads: Workloads, since: datetime | None, older: Collection[str]) -> list[Problem]:
    found: list[Problem] = []
    creator = new_replica_set(owner, workloads.replica_sets) if owner.get("kind") == "Deployment" else owner
    if creator and _new(moment(condition(creator, "ReplicaFailure").get("lastTransitionTime")), since):
        found.extend(diagnose.of_creator(creator))
    for pod in current_pods(owner, workloads):
        is_older = created(pod) == since and uid(pod) in older
        if _new(created(pod), since) and not is_older and not diagnose.deleted_or_ready(pod):
            found.extend(diagnose.of_pod(pod))
    return found
