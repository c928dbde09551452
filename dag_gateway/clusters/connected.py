"""One cluster that the gateway is connected to."""

from dataclasses import dataclass

from dag_gateway.clock import Clock
from dag_gateway.config import ClusterSettings

from .api import Api
from .informers import Informers
from .shared_lists import SharedLists


@dataclass(frozen=True, slots=True)
class Connected:
    """Its API, the watches and the lists that all who follow something there share, and its settings."""

    api: Api
    informers: Informers
    lists: SharedLists
    clock: Clock
    settings: ClusterSettings
