"""Where the pods of a release are: selected as their controllers select them, so that no neighbour is read."""

from collections.abc import Iterable, Sequence

from .labels import of_selector
from .live import Snapshot
from .objects import Object, key, name, namespace, spec
from .resources import (
    DAEMON_SETS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    STATEFUL_SETS,
    Resource,
    Selection,
)
from .warnings import refused_pods
from .workloads import Workloads

_THROUGH_REPLICA_SETS = frozenset({DEPLOYMENTS.key, ROLLOUTS.key})
_CONTROLLERS = frozenset({*_THROUGH_REPLICA_SETS, STATEFUL_SETS.key, DAEMON_SETS.key, REPLICA_SETS.key, JOBS.key})


def pods_of(owners: Iterable[Object]) -> tuple[Selection, ...]:
    """The pods of these objects, and the ReplicaSets between, each selection once.

    An owner without a selector has no pods yet: the API server fills that of a Job in, and refuses the others without.
    """
    found: dict[Selection, None] = {}
    for owner in owners:
        labels = of_selector(spec(owner).get("selector") or {}) if key(owner) in _CONTROLLERS else ""
        if labels and key(owner) in _THROUGH_REPLICA_SETS:
            found[Selection(REPLICA_SETS, namespace(owner), labels)] = None
        if labels:
            found[Selection(PODS, namespace(owner), labels)] = None
    return tuple(found)


def workloads_of(owners: Sequence[Object], seen: Snapshot) -> Workloads:
    """These objects, and what ``seen`` has of their ReplicaSets, pods and warnings."""
    selections = pods_of(owners)
    return Workloads(
        owners,
        replica_sets=_held(REPLICA_SETS, selections, seen),
        pods=_held(PODS, selections, seen),
        warnings=_held(EVENTS, refused_pods(owners), seen),
    )


def kinds_needed(running: Iterable[Selection]) -> tuple[Selection, ...]:
    """Each kind and place once, with the pods and ReplicaSets that may come there: what it must be allowed to list."""
    found: dict[Selection, None] = {}
    for selection in running:
        found[Selection(selection.resource, selection.namespace)] = None
        if selection.resource.key in _CONTROLLERS:
            found[Selection(REPLICA_SETS, selection.namespace)] = None
            found[Selection(PODS, selection.namespace)] = None
    return tuple(found)


def _held(resource: Resource, selections: Iterable[Selection], seen: Snapshot) -> tuple[Object, ...]:
    """Each object once: the selectors of two owners may overlap."""
    read = (obj for selection in selections if selection.resource == resource for obj in seen.get(selection, ()))
    return tuple({(namespace(obj), name(obj)): obj for obj in read}.values())
