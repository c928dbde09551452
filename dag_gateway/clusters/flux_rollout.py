"""The tracker ``flux``: a HelmRelease whose chart comes from a GitRepository."""

from collections.abc import Collection
from datetime import datetime

from dag_gateway.model.health import Health
from dag_gateway.model.target import Baseline, Goal, Target

from . import flux, flux_release
from .live import Snapshot
from .objects import Object, label, meta
from .resources import GIT_REPOSITORIES, HELM_CHARTS, HELM_RELEASES, OWNERS, PODS, REPLICA_SETS, Selection
from .workloads import Workloads

_NAME = "helm.toolkit.fluxcd.io/name"
_NAMESPACE = "helm.toolkit.fluxcd.io/namespace"


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
        namespace = flux.workload_namespace(release)
        owners = (Selection(resource, namespace, labels=self._labels) for resource in OWNERS)
        return (*owners, Selection(REPLICA_SETS, namespace), Selection(PODS, namespace))

    def nudged(self, seen: Snapshot) -> tuple[Selection, ...]:
        release = _one(seen, self._release)
        return (_repository(release), self._release) if release else ()

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

    def released(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> Health:
        return flux.judge(self._chain(seen), goal, known_good)

    def since(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> datetime | None:
        return flux.attempted_since(self._chain(seen), goal, known_good)

    def workloads(self, seen: Snapshot) -> Workloads:
        """Controllers carry the labels of helm-controller; what they create is found by owner references."""
        held = {selection: seen.get(selection, ()) for selection in self.running(seen)}
        owners = [obj for selection, objects in held.items() if selection.labels for obj in objects]
        pods = [pod for selection, objects in held.items() if selection.resource == PODS for pod in objects]
        sets = [obj for selection, objects in held.items() if selection.resource == REPLICA_SETS for obj in objects]
        return Workloads((*owners, *filter(self._is_bare, (*sets, *pods))), sets, pods)

    @property
    def _labels(self) -> str:
        return f"{_NAME}={self._name},{_NAMESPACE}={self._namespace}"

    def _is_bare(self, obj: Object) -> bool:
        """Whether the chart itself holds this pod or replica set."""
        labelled = (label(obj, _NAME), label(obj, _NAMESPACE)) == (self._name, self._namespace)
        return labelled and not meta(obj).get("ownerReferences")

    def _chain(self, seen: Snapshot) -> flux.Chain:
        release = _one(seen, self._release)
        if release is None:
            return flux.Chain(None, None, None)
        return flux.Chain(_one(seen, _repository(release)), _one(seen, _chart(release)), release)


def _one(seen: Snapshot, selection: Selection) -> Object | None:
    return next(iter(seen.get(selection, ())), None)


def _repository(release: Object) -> Selection:
    namespace, name = flux.source_name(release)
    return Selection(GIT_REPOSITORIES, namespace, name=name)


def _chart(release: Object) -> Selection:
    namespace, name = flux.chart_name(release)
    return Selection(HELM_CHARTS, namespace, name=name)
