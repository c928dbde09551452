"""The tracker ``flux``: a HelmRelease whose chart comes from a GitRepository."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from dag_gateway.model.health import Health
from dag_gateway.model.target import Baseline, Goal, Target
from dag_gateway.model.timestamps import rfc3339

from . import flux, flux_release
from .diagnose import Problem
from .flux_places import Places
from .flux_release import REQUESTED_AT, RESET_AT
from .live import Snapshot
from .objects import Object, key, meta, name, namespace
from .pods_of import pods_of, workloads_of
from .resources import HELM_RELEASES, Selection
from .rollout import Nudge
from .warnings import refused_pods
from .workloads import Workloads

_CREATED = frozenset({"ReplicaSet", "Pod"})
"""Kinds that a chart may hold itself, and that controllers create, perhaps with the labels of their own object."""

_UNKNOWN_PARTS = "not judged: which objects belong to the release is not known"
"""Where helm-controller keeps no inventory and nothing carries its labels: nothing there, or everything deleted."""


class FluxRollout:
    """See ``rollout.Rollout``."""

    def __init__(self, target: Target) -> None:
        self._release = Selection(HELM_RELEASES, target.resource_namespace, name=target.resource_name)
        self._read: Places | None = None
        self._tried_before: bool | None = None

    def proof(self, seen: Snapshot) -> tuple[Selection, ...]:
        places = self._places(seen)
        if places is None or not flux.takes_from_git(places.release):
            return (self._release,)
        return (self._release, places.repository, places.chart)

    def running(self, seen: Snapshot) -> tuple[Selection, ...]:
        places = self._places(seen)
        if places is None:
            return ()
        listed = places.inventory.followed if places.inventory else ()
        return (*places.owners, *places.created, *listed, *pods_of(_owners(places, seen)))

    def helpful(self, seen: Snapshot) -> tuple[Selection, ...]:
        """The Kustomization that applied the release, and warnings.

        Without an inventory also Argo Rollouts, which few clusters have; an inventory names those that there are.
        """
        places = self._places(seen)
        if places is None:
            return ()
        others = places.inventory.optional if places.inventory else places.rollouts
        return (*places.kustomization, *others, *refused_pods(_owners(places, seen)))

    def nudges(self, seen: Snapshot, goal: Goal, now: datetime) -> tuple[Nudge, ...]:
        """The source as soon as it is there, and the release where it may have given up before we came.

        It forgets its failures by itself when there is another version (helm-controller ``internal/action/reset.go``).
        Asked to forget them before, it tries the chart that it has, and ours waits behind that.
        """
        places = self._places(seen)
        if places is None:
            return ()
        chain, at = self._chain(seen), rfc3339(now)
        if self._tried_before is None:
            self._tried_before = flux.was_tried(chain, goal)
        asked = [Nudge("source", places.repository, {REQUESTED_AT: at})] if chain.git_repository else []
        if flux_release.never_begins(places.release):
            asked.append(Nudge("look", self._release, {REQUESTED_AT: at}))
        if self._tried_before and flux.is_built(chain, goal):
            asked.append(Nudge("release", self._release, {REQUESTED_AT: at, RESET_AT: at}))
        return tuple(asked)

    def obstacle(self, seen: Snapshot, path: str) -> Health | None:
        return flux.obstacle(self._chain(seen), path)

    def baseline(self, seen: Snapshot) -> Baseline:
        places = self._places(seen)
        entries = flux_release.history(places.release) if places else []
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
        places = self._places(seen)
        owners = _owners(places, seen) if places else []
        held = workloads_of(owners, seen)
        if places is not None and places.inventory is not None:
            listed = places.inventory.workloads(seen)
            return replace(held, missing=listed.missing, unjudged=listed.unjudged, gone=listed.gone)
        return held if owners or places is None else replace(held, notes=(_UNKNOWN_PARTS,))

    def _places(self, seen: Snapshot) -> Places | None:
        """Made once for each version of the release, which may list hundreds of objects. None: there is no release."""
        release = _one(seen, self._release)
        if release is None:
            return None
        if self._read is None or self._read.release is not release:
            self._read = Places.of(release, self._release)
        return self._read

    def _chain(self, seen: Snapshot) -> flux.Chain:
        places = self._places(seen)
        if places is None:
            return flux.Chain(None, None, None)
        kustomization = next((_one(seen, selection) for selection in places.kustomization), None)
        return flux.Chain(_one(seen, places.repository), _one(seen, places.chart), places.release, kustomization)


def _owners(places: Places, seen: Snapshot) -> list[Object]:
    """Each object once; what others create below these is found by owner references."""
    labelled = (*places.owners, *places.rollouts, *places.created)
    own = [obj for obj in _held(labelled, seen) if obj.get("kind") not in _CREATED or not _has_owner(obj)]
    listed = places.inventory.workloads(seen).owners if places.inventory else ()
    return list({(key(obj), namespace(obj), name(obj)): obj for obj in (*own, *listed)}.values())


def _held(selections: Iterable[Selection], seen: Snapshot) -> list[Object]:
    return [obj for selection in selections for obj in seen.get(selection, ())]


def _has_owner(obj: Object) -> bool:
    return bool(meta(obj).get("ownerReferences"))


def _one(seen: Snapshot, selection: Selection) -> Object | None:
    return next(iter(seen.get(selection, ())), None)
