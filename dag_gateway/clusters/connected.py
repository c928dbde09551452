"""One cluster that the gateway is connected to."""

from dataclasses import dataclass

from dag_gateway.clock import Clock
from dag_gateway.config import ClusterSettings

from .api import Api
from .informers import Informers


@dataclass(frozen=True, slots=True)
class Connected:
    """Its API, the watches that all who follow something there share, and its settings."""

    api: Api
    informers: Informers
    clock: Clock
    settings: ClusterSettings
