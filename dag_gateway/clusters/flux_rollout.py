"""The tracker ``flux``: a HelmRelease whose chart comes from a GitRepository."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from dag_gateway.model.health import Health
from dag_gateway.model.target import Baseline, Goal, Target
from dag_gateway.model.timestamps import rfc3339

from . import flux, flux_inventory, flux_kustomization, flux_release
from .diagnose import Problem
from .flux_release import REQUESTED_AT, RESET_AT
from .live import Snapshot
from .manifest import Manifest
from .objects import Object, key, meta, name, namespace
from .pods_of import pods_of, workloads_of
from .resources import (
    GIT_REPOSITORIES,
    HELM_CHARTS,
    HELM_RELEASES,
    KUSTOMIZATIONS,
    OWNERS,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    Resource,
    Selection,
)
from .rollout import Nudge
from .warnings import refused_pods
from .workloads import Workloads

_NAME = "helm.toolkit.fluxcd.io/name"
_NAMESPACE = "helm.toolkit.fluxcd.io/namespace"

_CREATED = frozenset({"ReplicaSet", "Pod"})
"""Kinds that a chart may hold itself, and that controllers create, perhaps with the labels of their own object."""

_UNKNOWN_PARTS = "not judged: which objects belong to the release is not known"
"""Where helm-controller keeps no inventory and nothing carries its labels: nothing there, or everything deleted."""


class FluxRollout:
    """See ``rollout.Rollout``."""

    def __init__(self, target: Target) -> None:
        self._namespace, self._name = target.resource_namespace, target.resource_name
        self._release = Selection(HELM_RELEASES, self._namespace, name=self._name)
        self._read: tuple[Object | None, Manifest | None] = (None, None)

    def proof(self, seen: Snapshot) -> tuple[Selection, ...]:
        release = _one(seen, self._release)
        if release is None or not flux.takes_from_git(release):
            return (self._release,)
        return (self._release, _repository(release), _chart(release))

    def running(self, seen: Snapshot) -> tuple[Selection, ...]:
        release = _one(seen, self._release)
        if release is None:
            return ()
        inventory = self._inventory(release)
        listed = inventory.followed if inventory else ()
        return (*self._labelled(release, *OWNERS, REPLICA_SETS, PODS), *listed, *pods_of(self._owners(seen)))

    def helpful(self, seen: Snapshot) -> tuple[Selection, ...]:
        """The Kustomization that applied the release, and warnings.

        Without an inventory also Argo Rollouts, which few clusters have; an inventory names those that there are.
        """
        release = _one(seen, self._release)
        if release is None:
            return ()
        inventory = self._inventory(release)
        others = inventory.optional if inventory else self._labelled(release, ROLLOUTS)
        return (*_kustomization(release), *others, *refused_pods(self._owners(seen)))

    def nudges(self, seen: Snapshot, goal: Goal, now: datetime) -> tuple[Nudge, ...]:
        """The source as soon as it is there, and the release, which may have given up on the same content before."""
        release = _one(seen, self._release)
        if release is None:
            return ()
        at = rfc3339(now)
        again = Nudge("release", self._release, {REQUESTED_AT: at, RESET_AT: at})
        repository = _repository(release)
        return (Nudge("source", repository, {REQUESTED_AT: at}), again) if _one(seen, repository) else (again,)

    def obstacle(self, seen: Snapshot, path: str) -> Health | None:
        return flux.obstacle(self._chain(seen), path)

    def baseline(self, seen: Snapshot) -> Baseline:
        release = _one(seen, self._release)
        entries = flux_release.history(release) if release else []
        if not entries:
            return Baseline()
        return Baseline(str(entries[0].get("chartVersion", "")), int(entries[0].get("version") or 0))

    def hashes(self, seen: Snapshot) -> tuple[str, ...]:
        return flux.source_hashes(self._chain(seen))

    def released(self, seen: Snapshot, goal: Goal, known_good: Collection[str], now: datetime) -> Health:
        return flux.judge(self._chain(seen), goal, known_good)

    def problems(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> tuple[Problem, ...]:
        return ()

    def since(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> datetime | None:
        return flux.attempted_since(self._chain(seen), goal, known_good)

    def workloads(self, seen: Snapshot) -> Workloads:
        """What carries the labels of helm-controller, and what the inventory lists, in whichever namespace."""
        release, owners = _one(seen, self._release), self._owners(seen)
        held = workloads_of(owners, seen)
        inventory = self._inventory(release) if release else None
        if inventory is not None:
            listed = inventory.workloads(seen)
            return replace(held, missing=listed.missing, unjudged=listed.unjudged)
        return held if owners or release is None else replace(held, notes=(_UNKNOWN_PARTS,))

    def _owners(self, seen: Snapshot) -> list[Object]:
        """Each object once; what others create below these is found by owner references."""
        release = _one(seen, self._release)
        if release is None:
            return []
        inventory = self._inventory(release)
        labelled = self._labelled(release, *OWNERS, ROLLOUTS, REPLICA_SETS, PODS)
        own = [obj for obj in _held(labelled, seen) if obj.get("kind") not in _CREATED or not _has_owner(obj)]
        listed = inventory.workloads(seen).owners if inventory else ()
        return list({(key(obj), namespace(obj), name(obj)): obj for obj in (*own, *listed)}.values())

    def _inventory(self, release: Object) -> Manifest | None:
        """Made once for each version of the release: it may list hundreds of objects. None: the release has none."""
        if release is not self._read[0]:
            parts = flux_inventory.objects(release)
            place = flux.workload_namespace(release)
            self._read = (release, None if parts is None else Manifest(parts, place))
        return self._read[1]

    def _labelled(self, release: Object, *resources: Resource) -> tuple[Selection, ...]:
        labels = f"{_NAME}={self._name},{_NAMESPACE}={self._namespace}"
        place = flux.workload_namespace(release)
        return tuple(Selection(resource, place, labels) for resource in resources)

    def _chain(self, seen: Snapshot) -> flux.Chain:
        release = _one(seen, self._release)
        if release is None:
            return flux.Chain(None, None, None)
        kustomization = next((_one(seen, selection) for selection in _kustomization(release)), None)
        return flux.Chain(_one(seen, _repository(release)), _one(seen, _chart(release)), release, kustomization)


def _held(selections: Iterable[Selection], seen: Snapshot) -> list[Object]:
    return [obj for selection in selections for obj in seen.get(selection, ())]


def _has_owner(obj: Object) -> bool:
    return bool(meta(obj).get("ownerReferences"))


def _one(seen: Snapshot, selection: Selection) -> Object | None:
    return next(iter(seen.get(selection, ())), None)


def _repository(release: Object) -> Selection:
    place, own_name = flux.source_name(release)
    return Selection(GIT_REPOSITORIES, place, name=own_name)


def _chart(release: Object) -> Selection:
    place, own_name = flux.chart_name(release)
    return Selection(HELM_CHARTS, place, name=own_name)


def _kustomization(release: Object) -> tuple[Selection, ...]:
    """The one that applied the release; none where another tool did."""
    address = flux_kustomization.address(release)
    return (Selection(KUSTOMIZATIONS, address[0], name=address[1]),) if address else ()
