"""Which objects belong to a rollout, how far it is, and what stops it: pure rules over lists of plain objects."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dag_gateway.config import PatienceSettings
from dag_gateway.model.health import Health, Verdict, healthy, progressing, worst

from . import diagnose, rules, warnings
from .diagnose import Problem
from .gaps import pods as counted
from .gaps import replicas
from .objects import Object, annotation, condition, created, holds, key, meta, moment, name, status, title, uid
from .revisions import THROUGH_REPLICA_SETS, current_pods, new_replica_set, outdated_pods, owned

_BAD_NEWS = {
    ("Progressing", "False"),
    ("ReplicaFailure", "True"),
    ("Failed", "True"),
    ("Stalled", "True"),
    ("InvalidSpec", "True"),
}
"""Conditions that stay behind from an earlier rollout until the controller has seen the new one."""

_NAMED = 5
"""Objects that a message names one by one."""


@dataclass(frozen=True, slots=True)
class Workloads:
    """What a release consists of, and everything in its namespaces that may belong to it."""

    owners: Sequence[Object] = ()
    replica_sets: Sequence[Object] = ()
    pods: Sequence[Object] = ()
    missing: Sequence[Health] = ()
    """One entry per object that should be there and is not."""
    unjudged: Sequence[Object] = ()
    """What belongs to the release and nobody can judge: of a kind without a rule, or not to be read."""
    gone: Sequence[Object] = ()
    """Jobs that are not there and that Kubernetes removes once they have finished."""
    warnings: Sequence[Object] = ()
    """Events of controllers that can not create pods and have no other way to tell it; see ``warnings``."""
    notes: Sequence[str] = ()
    """What else there is to say of the release once it runs well."""


def judge(workloads: Workloads, since: datetime | None, now: datetime) -> Health:
    """How well the release runs, its pods counted.

    Bad news older than ``since`` is of an earlier rollout and does not count; with None all of it is. What nobody can
    judge stops nothing, so that it is healthy is not said either: it is named.
    """
    parts = [_judge_owner(owner, workloads, since, now) for owner in workloads.owners if not is_hook(owner)]
    whole = worst((*parts, *workloads.missing))
    if not parts and not workloads.missing and not workloads.gone and not workloads.notes:
        whole = healthy("the release has no workloads")
    if whole.verdict is not Verdict.HEALTHY:
        return whole
    words = (whole.message, *workloads.notes, _unjudged(workloads))
    return replace(whole, message="; ".join(filter(None, words)))


def problems(
    workloads: Workloads,
    since: datetime | None,
    now: datetime,
    older: Collection[str],
    patience: PatienceSettings,
) -> tuple[Problem, ...]:
    """What stops the rollout, behind it what only explains: of the newest pods of what is not healthy.

    Nothing older than ``since`` counts. The API's times are whole seconds: ``older`` are the uids of pods that were
    there before that second was over.
    """
    found: list[Problem] = []
    for owner in workloads.owners:
        if not is_hook(owner) and rules.judge(owner, now).verdict is not Verdict.HEALTHY:
            found.extend(_problems_of(owner, workloads, since, older, patience))
    return tuple(sorted(found, key=lambda problem: problem.grace is None))


def without_news(workloads: Workloads, untouched: Collection[str]) -> Workloads:
    """Without the bad news of the owners whose uids are in ``untouched``: our rollout has not come to them yet."""
    owners = [_without_old_news(owner, None) if uid(owner) in untouched else owner for owner in workloads.owners]
    return replace(workloads, owners=owners)


def is_hook(obj: Object) -> bool:
    """Helm's hooks come and go around a release; they are not part of it."""
    return bool(annotation(obj, "helm.sh/hook"))


def _judge_owner(owner: Object, workloads: Workloads, since: datetime | None, now: datetime) -> Health:
    health = _without_old_pods(rules.judge(_without_old_news(owner, since), now), owner, workloads.pods)
    if health.verdict is Verdict.FAILED and owner.get("kind") == "Pod" and not _new(created(owner), since):
        return progressing(f"{name(owner)}: failed before this release")
    desired = _desired(owner)
    if desired is None:
        return health
    if health.verdict is Verdict.HEALTHY:
        rest = health.message.removeprefix(f"{name(owner)}: ready")
        return healthy(f"{name(owner)}: {desired}/{desired} pods ready{rest}", ready=desired, desired=desired)
    pods = current_pods(owner, workloads.replica_sets, workloads.pods)
    ready = sum(1 for pod in pods if holds(pod, "Ready") and not meta(pod).get("deletionTimestamp"))
    if health.verdict is Verdict.FAILED:
        return replace(health, ready=ready, desired=desired)
    gap = health.message.removeprefix(f"{name(owner)}: ")
    return progressing(f"{name(owner)}: {ready}/{desired} pods ready ({gap})", ready=ready, desired=desired)


def _without_old_pods(health: Health, owner: Object, pods: Sequence[Object]) -> Health:
    """The status of a ReplicaSet counts the pods of an earlier template too, and it replaces none of them."""
    old = outdated_pods(owner, pods) if owner.get("kind") == "ReplicaSet" else ()
    if not old or health.verdict is not Verdict.HEALTHY:
        return health
    return progressing(f"{name(owner)}: {counted(len(old), 'old ')} with other images, until somebody deletes them")


def _desired(owner: Object) -> int | None:
    """How many pods it should run; None for kinds whose pods are not counted."""
    kind = owner.get("kind")
    if kind in (*THROUGH_REPLICA_SETS, "StatefulSet", "ReplicaSet"):
        return replicas(owner)
    if kind == "DaemonSet":
        return int(status(owner).get("desiredNumberScheduled") or 0)
    return None


def _unjudged(workloads: Workloads) -> str:
    """``not judged: Gadget shop/web (no rule for its kind)``; empty where everything was."""
    named = [
        f"{title(obj)} ({'it could not be read' if key(obj) in rules.RULES else 'no rule for its kind'})"
        for obj in workloads.unjudged
    ] + [f"{title(obj)} (gone)" for obj in workloads.gone]
    others = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"not judged: {', '.join(named[:_NAMED])}{others}" if named else ""


def _without_old_news(owner: Object, since: datetime | None) -> Object:
    """The phase of a Rollout sums its conditions up, so it goes with those that are not of this rollout."""
    conditions = status(owner).get("conditions") or ()
    kept = [entry for entry in conditions if not _is_old_news(entry, since)]
    summed_up = {"phase": None} if len(kept) < len(conditions) and owner.get("kind") == "Rollout" else {}
    return {**owner, "status": {**status(owner), "conditions": kept, **summed_up}}


def _is_old_news(entry: Object, since: datetime | None) -> bool:
    return (entry.get("type"), entry.get("status")) in _BAD_NEWS and not _new(
        moment(entry.get("lastUpdateTime") or entry.get("lastTransitionTime")), since
    )


def _new(when: datetime | None, since: datetime | None) -> bool:
    return since is not None and when is not None and when >= since


def _problems_of(
    owner: Object,
    workloads: Workloads,
    since: datetime | None,
    older: Collection[str],
    patience: PatienceSettings,
) -> list[Problem]:
    through_a_set = owner.get("kind") in THROUGH_REPLICA_SETS
    creator = new_replica_set(owner, workloads.replica_sets) if through_a_set else owner
    found: list[Problem] = []
    if creator and _new(moment(condition(creator, "ReplicaFailure").get("lastTransitionTime")), since):
        found.extend(diagnose.of_creator(creator, patience))
    found.extend(diagnose.of_warnings(owner, _refusals(owner, workloads, since), patience))
    for pod in current_pods(owner, workloads.replica_sets, workloads.pods):
        is_older = created(pod) == since and uid(pod) in older
        if _new(created(pod), since) and not is_older and not diagnose.deleted_or_ready(pod):
            found.extend(diagnose.of_pod(pod, patience))
    return found


def _refusals(owner: Object, workloads: Workloads, since: datetime | None) -> list[Object]:
    """Events stay for an hour: they count while pods are missing, and none was created after them."""
    pods = owned(owner, workloads.pods)
    wanted = _desired(owner)
    if len(pods) >= (1 if wanted is None else wanted):
        return []
    about = [event for event in workloads.warnings if warnings.concerns(event, uid(owner))]
    after = [event for event in about if warnings.last_seen(event) > warnings.newest(pods)]
    return [event for event in after if _new(warnings.last_seen(event), since)]
