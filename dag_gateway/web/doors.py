"""What the handlers need, opened by the composition root and found through the request."""

import asyncio
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from starlette.requests import Request

from dag_gateway.config import Config
from dag_gateway.deployments.accept import Acceptance
from dag_gateway.deployments.feed import Feed
from dag_gateway.errors import Unavailable
from dag_gateway.forges import Verifier
from dag_gateway.iac import Iac
from dag_gateway.store import DeploymentStore


class Draining(Unavailable):
    """This process is about to end; another one will answer."""

    code = "draining"


# A chart may unpack to server.limits.unpacked bytes, and that often they are in memory; others wait on disk.
_UNPACKED_AT_ONCE = 2


@dataclass(slots=True)
class Doors:
    """``draining`` is the one thing that changes: set once, when the process was asked to stop.

    ``metrics`` is where all parts count what they do. Who holds ``unpacking`` may have the files of a chart in memory.
    """

    config: Config
    verifier: Verifier
    acceptance: Acceptance
    feed: Feed
    store: DeploymentStore
    iac: Iac
    metrics: CollectorRegistry
    draining: bool = False
    unpacking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_UNPACKED_AT_ONCE))

    def drain(self) -> None:
        """Take nothing new and send the listeners elsewhere."""
        self.draining = True
        self.feed.stop()

    def check_open(self) -> None:
        """Raises Draining."""
        if self.draining:
            raise Draining("the gateway is restarting; send the request again", retry_after=2)


def doors(request: Request) -> Doors:
    """The ``Doors`` of the application that got the request."""
    found = request.app.state.doors
    if not isinstance(found, Doors):
        raise TypeError("the application was not started")
    return found
