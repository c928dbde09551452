"""A uvicorn server that ends as a gateway should: not ready at once, listeners sent elsewhere, then out."""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Callable
from types import FrameType

import structlog
import uvicorn
from starlette.applications import Starlette

from dag_gateway.config import ServerSettings
from dag_gateway.web.connection import door_protocol
from dag_gateway.web.listener import listen, room_for

from .exits import WrongUsage

# How long, in seconds, a draining process still answers: time for its readiness to be seen and its streams to end.
_FAREWELL = 1.0
# How long, in seconds, everything that was opened may take to close once no request is open any more: the last push,
# and handing back what is left.
_CLOSING = 3.5
# The same after a second signal.
_HURRIED = 2.0

log = structlog.get_logger(__name__)


class GatewayServer(uvicorn.Server):
    """The first signal calls ``drain`` in the event loop, the second ``hurry`` and waits for nobody any more."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None], hurry: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain = drain
        self._hurry = hurry
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signalled = False
        self._started = asyncio.Event()
        self.ended = asyncio.Event()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await super().serve(sockets)
        finally:
            self.ended.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        log.info("listening", url=self.url())
        self._started.set()

    async def ready(self, serving: asyncio.Task[None]) -> None:
        """Wait until it listens. Raises what ended ``serving`` when it never does."""
        started = asyncio.create_task(self._started.wait())
        await asyncio.wait([started, serving], return_when=asyncio.FIRST_COMPLETED)
        if not self._started.is_set():
            started.cancel()
            await serving

    def url(self) -> str:
        """Where it listens."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    def stop(self) -> None:
        """End without a farewell; for whoever owns both ends."""
        if not self._signalled:
            self._signalled = True
            self._drain()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Runs in the signal handler, so it only leaves a note for the loop."""
        if self._loop is None:
            self.should_exit = self.force_exit = True
        elif self._signalled:
            self._loop.call_soon_threadsafe(self.begin_hurry)
        else:
            self._signalled = True
            self._loop.call_soon_threadsafe(self.begin_drain)

    def begin_drain(self) -> None:
        """Not ready from now on; the listening socket closes a moment later."""
        self._drain()
        asyncio.get_running_loop().call_later(_FAREWELL, self._leave)
        drain = self.config.timeout_graceful_shutdown or 0
        _leave_it_all_after(_FAREWELL + drain + _CLOSING)

    def begin_hurry(self) -> None:
        """Open requests are cut off; what can be handed back at once still is."""
        self._hurry()
        self.should_exit = self.force_exit = True
        _leave_it_all_after(_HURRIED)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.force_exit:
            # uvicorn would leave everything open then.
            for task in self.server_state.tasks:
                task.cancel()
            await self.lifespan.shutdown()

    def _leave(self) -> None:
        # Once more: the signal may have come before there was anything to drain.
        self._drain()
        self.should_exit = True


def _leave_it_all_after(seconds: float) -> None:
    last_resort = threading.Timer(seconds, _leave_it_all)
    last_resort.daemon = True
    last_resort.start()


def _leave_it_all() -> None:
    """End now. A thread that waits for a silent remote can not be stopped, and would hold the process up."""
    log.warning("left what was under way to the next start: it did not end in time")
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(0)


def listener_of(settings: ServerSettings) -> socket.socket:
    """The socket of ``server.host`` and ``server.port``. Raises WrongUsage when it can not be had."""
    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise WrongUsage(f"can not listen on {where} (server.host, server.port): {error.strerror or error}") from error


def gateway_server(application: Starlette, settings: ServerSettings) -> GatewayServer:
    """A server for the application, ready to ``serve()`` on a listener."""
    config = uvicorn.Config(
        application,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        http=door_protocol(settings.limits, room_for(settings.limits.connections), application.state.suspects),
        h11_max_incomplete_event_size=settings.limits.head,
        # It would believe every process of this machine; server.trusted_proxies says who is believed.
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, round(settings.drain)),
    )

    def drain() -> None:
        if hasattr(application.state, "doors"):
            application.state.doors.drain()

    def hurry() -> None:
        if hasattr(application.state, "doors"):
            application.state.doors.hurry()

    return GatewayServer(config, drain, hurry)
