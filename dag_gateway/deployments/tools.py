"""What the steps work with: the abilities, opened once by the composition root."""

from collections.abc import Mapping
from dataclasses import dataclass

from dag_gateway.charts import Limits
from dag_gateway.clock import Clock
from dag_gateway.clusters import Clusters
from dag_gateway.helm import Helm
from dag_gateway.iac import Iac
from dag_gateway.store import DeploymentStore

from .feed import Feed
from .signals import Signals


@dataclass(frozen=True, slots=True)
class Tools:
    """The outside world of a deployment. ``grace``: how long, in seconds, each cluster may be away before a push."""

    store: DeploymentStore
    helm: Helm
    iac: Iac
    clusters: Clusters
    clock: Clock
    signals: Signals
    feed: Feed
    limits: Limits
    grace: Mapping[str, float]
