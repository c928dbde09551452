"""Which workloads our rollout has not come to yet: while a hook or an earlier wave runs, the old ones go on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from .objects import Object, created, images, meta, spec, status, uid
from .revisions import THROUGH_REPLICA_SETS, current_pods, new_replica_set
from .workloads import Workloads

_BEHIND = timedelta(seconds=30)
"""Watches of different kinds run behind one another: what came so shortly before our rollout may be of it."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_Children = Mapping[str, Sequence[Object]]


@dataclass(frozen=True, slots=True)
class Standing:
    """What ran when our rollout had not begun yet, at ``at``: by uid what the pods of an owner are made from, and since
    when that was seen."""

    made_from: Mapping[str, tuple[object, datetime]] = field(default_factory=dict)
    at: datetime = _NEVER

    def seeing(self, held: Workloads, now: datetime) -> "Standing":
        """As it is at ``now``, when our rollout still has not begun."""
        return Standing({uid(owner): self._noted(owner, now) for owner in held.owners}, now)

    def _noted(self, owner: Object, now: datetime) -> tuple[object, datetime]:
        source = _source(owner)
        known = self.made_from.get(uid(owner))
        return known if known and known[0] == source else (source, now)

    def untouched(self, held: Workloads, since: datetime) -> frozenset[str]:
        """The uids of the owners that are as they were, and of their pods; ``since`` is when our rollout began.

        Of what was not seen long enough before, those whose newest pods are made by something older than ``since``.
        """
        sets, pods = _by_owner(held.replica_sets), _by_owner(held.pods)
        owners = [uid(owner) for owner in held.owners if self._is_untouched(owner, sets, pods, since)]
        creators = (*owners, *(uid(each) for owner in owners for each in sets.get(owner, ())))
        return frozenset((*owners, *(uid(pod) for creator in creators for pod in pods.get(creator, ()))))

    def _is_untouched(self, owner: Object, sets: _Children, pods: _Children, since: datetime) -> bool:
        source, seen_at = self.made_from.get(uid(owner), (None, None))
        if seen_at is not None and source != _source(owner):
            return False
        if seen_at is not None and self.at - seen_at >= _BEHIND:
            return True
        return not _is_new(owner, sets.get(uid(owner), ()), pods.get(uid(owner), ()), since)


def _source(owner: Object) -> object:
    """What its pods are made from: a bare pod from its images, a Rollout perhaps from the template of another object,
    of which it only has the hash."""
    template = spec(owner).get("template")
    return (images(spec(owner)) if template is None else template), status(owner).get("currentPodHash")


def _is_new(owner: Object, sets: Sequence[Object], pods: Sequence[Object], since: datetime) -> bool:
    if _not_older(owner, since):
        return True
    if owner.get("kind") in THROUGH_REPLICA_SETS:
        newest = new_replica_set(owner, sets)
        return newest is not None and _not_older(newest, since)
    made = current_pods(owner, (), pods)
    return bool(made) and all(_not_older(pod, since) for pod in made)


def _not_older(obj: Object, since: datetime) -> bool:
    when = created(obj)
    return when is not None and when >= since


def _by_owner(objects: Iterable[Object]) -> _Children:
    found: defaultdict[str, list[Object]] = defaultdict(list)
    for obj in objects:
        for reference in meta(obj).get("ownerReferences") or ():
            found[str(reference.get("uid"))].append(obj)
    return found
