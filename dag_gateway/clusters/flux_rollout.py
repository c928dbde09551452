"""The tracker ``flux``: a HelmRelease whose chart comes from a GitRepository."""

from collections.abc import Collection
from datetime import datetime

from dag_gateway.model.health import Health
from dag_gateway.model.target import Baseline, Goal, Target
from dag_gateway.model.timestamps import rfc3339

from . import flux, flux_kustomization, flux_release
from .diagnose import Problem
from .flux_release import REQUESTED_AT, RESET_AT
from .live import Snapshot
from .objects import Object, meta
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


class FluxRollout:
    """See ``rollout.Rollout``."""

    def __init__(self, target: Target) -> None:
        self._namespace, self._name = target.resource_namespace, target.resource_name
        self._release = Selection(HELM_RELEASES, self._namespace, name=self._name)

    def proof(self, seen: Snapshot) -> tuple[Selection, ...]:
        release = _one(seen, self._release)
        if release is None or not flux.takes_from_git(release):
            return (self._release,)
        return (self._release, _repository(release), _chart(release))

    def running(self, seen: Snapshot) -> tuple[Selection, ...]:
        release = _one(seen, self._release)
        if release is None:
            return ()
        return (*self._labelled(release, *OWNERS, REPLICA_SETS, PODS), *pods_of(self._owners(seen)))

    def helpful(self, seen: Snapshot) -> tuple[Selection, ...]:
        """The Kustomization that applied the release, Argo Rollouts, which few clusters have, and warnings."""
        release = _one(seen, self._release)
        if release is None:
            return ()
        return (*_kustomization(release), *self._labelled(release, ROLLOUTS), *refused_pods(self._owners(seen)))

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
        return workloads_of(self._owners(seen), seen)

    def _owners(self, seen: Snapshot) -> list[Object]:
        """What carries the labels of helm-controller; what others create below it is found by owner references."""
        release = _one(seen, self._release)
        if release is None:
            return []
        labelled = self._labelled(release, *OWNERS, ROLLOUTS, REPLICA_SETS, PODS)
        found = [obj for selection in labelled for obj in seen.get(selection, ())]
        return [obj for obj in found if obj.get("kind") not in _CREATED or not meta(obj).get("ownerReferences")]

    def _labelled(self, release: Object, *resources: Resource) -> tuple[Selection, ...]:
        labels = f"{_NAME}={self._name},{_NAMESPACE}={self._namespace}"
        namespace = flux.workload_namespace(release)
        return tuple(Selection(resource, namespace, labels) for resource in resources)

    def _chain(self, seen: Snapshot) -> flux.Chain:
        release = _one(seen, self._release)
        if release is None:
            return flux.Chain(None, None, None)
        kustomization = next((_one(seen, selection) for selection in _kustomization(release)), None)
        return flux.Chain(_one(seen, _repository(release)), _one(seen, _chart(release)), release, kustomization)


def _one(seen: Snapshot, selection: Selection) -> Object | None:
    return next(iter(seen.get(selection, ())), None)


def _repository(release: Object) -> Selection:
    namespace, name = flux.source_name(release)
    return Selection(GIT_REPOSITORIES, namespace, name=name)


def _chart(release: Object) -> Selection:
    namespace, name = flux.chart_name(release)
    return Selection(HELM_CHARTS, namespace, name=name)


def _kustomization(release: Object) -> tuple[Selection, ...]:
    """The one that applied the release; none where another tool did."""
    address = flux_kustomization.address(release)
    return (Selection(KUSTOMIZATIONS, address[0], name=address[1]),) if address else ()
