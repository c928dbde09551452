"""The controllers of Flux for one cluster."""

from dag_gateway.helm import Helm
from dag_gateway.simulator.controllers.loop import Controller
from dag_gateway.simulator.registry import Registry

from .artifacts import Artifacts
from .charts import HelmChartController
from .releases import HelmReleaseController
from .sources import GitRepositoryController


def flux(registry: Registry, helm: Helm, second: float) -> list[Controller]:
    """source-controller and helm-controller; ``second`` is the real length of a simulated second."""
    artifacts = Artifacts()
    return [
        GitRepositoryController(registry, artifacts, second),
        HelmChartController(registry, artifacts),
        HelmReleaseController(registry, artifacts, helm, second),
    ]
