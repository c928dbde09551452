"""What the handlers need, opened by the composition root and found through the request."""

from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Doors:
    """``draining`` is the one thing that changes: set once, when the process was asked to stop."""

    config: Config
    verifier: Verifier
    acceptance: Acceptance
    feed: Feed
    store: DeploymentStore
    iac: Iac
    draining: bool = field(default=False)

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
