"""The table of trackers: who follows the rollout at a target."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dag_gateway.config import PatienceSettings
from dag_gateway.model.target import Target, Tracker

from .argocd_rollout import ArgocdRollout
from .flux_rollout import FluxRollout
from .helm_rollout import HelmRollout
from .objects import Object
from .rollout import Rollout
from .workloads_rollout import WorkloadsRollout

Objects = Sequence[Object]


@dataclass(frozen=True, slots=True)
class Charts:
    """What real Helm renders from the chart, and from the one before it; only the tracker ``workloads`` looks at it."""

    expected: Objects = ()
    earlier: Objects = ()


TRACKERS: Mapping[Tracker, Callable[[Target, Charts, PatienceSettings], Rollout]] = {
    Tracker.FLUX: lambda target, charts, patience: FluxRollout(target),
    Tracker.ARGOCD: lambda target, charts, patience: ArgocdRollout(target, patience.degraded),
    Tracker.HELM: lambda target, charts, patience: HelmRollout(target),
    Tracker.WORKLOADS: lambda target, charts, patience: WorkloadsRollout(target, charts.expected, charts.earlier),
}
