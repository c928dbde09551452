"""The controllers of Flux for one cluster."""

from dag_gateway.helm import Helm
from dag_gateway.simulator.controllers.loop import Controller
from dag_gateway.simulator.pace import Pace
from dag_gateway.simulator.registry import Registry

from .artifacts import Artifacts
from .charts import HelmChartController
from .releases import HelmReleaseController
from .sources import GitRepositoryController


def flux(registry: Registry, helm: Helm, pace: Pace) -> list[Controller]:
    """source-controller and helm-controller, sharing what the one packages for the other."""
    artifacts = Artifacts()
    return [
        GitRepositoryController(registry, artifacts, pace),
        HelmChartController(registry, artifacts),
        HelmReleaseController(registry, artifacts, helm, pace),
    ]
