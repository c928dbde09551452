"""What the handlers need, opened by the composition root and found through the request."""

import asyncio
import time
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from starlette.requests import Request

from dag_gateway.config import Config
from dag_gateway.deployments.accept import Acceptance
from dag_gateway.deployments.feed import Feed
from dag_gateway.deployments.runner import Runner
from dag_gateway.errors import Unavailable
from dag_gateway.forges import Verifier
from dag_gateway.iac import Iac
from dag_gateway.store import DeploymentStore

from .audit import AuditLog
from .places import Lines, StreamPlaces, UploadPlaces
from .refusals import Refusals


class Draining(Unavailable):
    """This process is about to end; another one will answer."""

    code = "draining"


# A chart may unpack to server.limits.unpacked bytes, and that often they are in memory; others wait on disk.
_UNPACKED_AT_ONCE = 2
# An upload of server.limits.upload bytes is in memory while it is stored; so many of the large ones share one
# transaction.
_STORED_AT_ONCE = 8
# So many jobs of one address may be in question at their forge; else as many as come at the same moment would be asked
# for before the first refusal is known.
_ASKED_AT_ONCE = 20


@dataclass(slots=True)
class Doors:
    """``draining`` is the one thing that changes: set once, when the process was asked to stop.

    ``metrics`` is where all parts count what they do. Who holds ``unpacking`` may have the files of
    a chart in memory, who holds ``storing`` a large archive. Who is in line at ``asking`` waits for the forge to be
    asked.
    """

    config: Config
    verifier: Verifier
    acceptance: Acceptance
    feed: Feed
    runner: Runner
    store: DeploymentStore
    audit: AuditLog
    iac: Iac
    metrics: CollectorRegistry
    draining: bool = False
    unpacking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_UNPACKED_AT_ONCE))
    storing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_STORED_AT_ONCE))
    asking: Lines = field(default_factory=lambda: Lines(_ASKED_AT_ONCE))
    uploads: UploadPlaces = field(init=False)
    streams: StreamPlaces = field(init=False)
    refusals: Refusals = field(init=False)

    def __post_init__(self) -> None:
        limits = self.config.server.limits
        self.uploads = UploadPlaces(limits.uploads, limits.uploads_per_address, limits.upload_wait)
        self.streams = StreamPlaces(limits.streams_per_address)
        self.refusals = Refusals(limits.refusals_per_address, limits.refusals_per_repository, time.monotonic)

    def drain(self) -> None:
        """Take nothing new and send the listeners elsewhere."""
        self.draining = True
        self.runner.drain()
        self.feed.stop()

    def hurry(self) -> None:
        """Wait for nothing that can be left to others."""
        self.runner.hurry()

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
