"""Flux: where everything is that belongs to a HelmRelease, as one version of it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from . import flux, flux_inventory, flux_kustomization
from .gone_jobs import is_job
from .manifest import Manifest
from .objects import Object
from .resources import (
    GIT_REPOSITORIES,
    HELM_CHARTS,
    KUSTOMIZATIONS,
    OWNERS,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    Resource,
    Selection,
)

_NAME = "helm.toolkit.fluxcd.io/name"
_NAMESPACE = "helm.toolkit.fluxcd.io/namespace"


@dataclass(frozen=True, slots=True)
class Places:
    """``owners``, ``rollouts`` (of Argo) and ``created``, the ReplicaSets and pods, are what carries the release's
    labels.

    ``kustomization`` is the one that applied the release, none where another tool did. ``inventory`` None: the
    release has none.
    """

    release: Object
    repository: Selection
    chart: Selection
    kustomization: Sequence[Selection]
    owners: Sequence[Selection]
    rollouts: Sequence[Selection]
    created: Sequence[Selection]
    inventory: Manifest | None

    @classmethod
    def of(cls, release: Object, address: Selection) -> Self:
        """``address`` is where the release itself is."""
        return cls(
            release,
            _named(GIT_REPOSITORIES, flux.source_name(release)),
            _named(HELM_CHARTS, flux.chart_name(release)),
            tuple(_named(KUSTOMIZATIONS, found) for found in (flux_kustomization.address(release),) if found),
            _labelled(release, address, *OWNERS),
            _labelled(release, address, ROLLOUTS),
            _labelled(release, address, REPLICA_SETS, PODS),
            _inventory(release),
        )


def _named(resource: Resource, address: tuple[str, str]) -> Selection:
    place, own_name = address
    return Selection(resource, place, name=own_name)


def _labelled(release: Object, address: Selection, *resources: Resource) -> tuple[Selection, ...]:
    labels = f"{_NAME}={address.name},{_NAMESPACE}={address.namespace}"
    place = flux.workload_namespace(release)
    return tuple(Selection(resource, place, labels) for resource in resources)


def _inventory(release: Object) -> Manifest | None:
    parts = flux_inventory.objects(release)
    return None if parts is None else Manifest(parts, flux.workload_namespace(release), is_job)
