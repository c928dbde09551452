"""Serve an ASGI app over real HTTP on loopback for as long as a block runs."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from dag_gateway.web.listener import listen

_LONGEST_GOODBYE = 1.0
"""Seconds for requests under way when the block ends; then they are cancelled."""


class _LoopbackServer(uvicorn.Server):
    """Ends when told to, at once, and leaves the signals to the process that it is a guest of."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told_to_stop = asyncio.Event()

    async def main_loop(self) -> None:
        await self._told_to_stop.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, without its pauses of a tenth of a second: a test suite has hundreds of servers."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if running := set(self.server_state.tasks):
            _, late = await asyncio.wait(running, timeout=_LONGEST_GOODBYE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.lifespan.shutdown()

    def stop(self) -> None:
        self._told_to_stop.set()


def _resetting(refuses: Callable[[], bool]) -> type[asyncio.Protocol]:
    """HTTP, but a connection on which something arrives while ``refuses`` is reset without a word."""

    class Resetting(H11Protocol):
        def data_received(self, data: bytes) -> None:
            if refuses():
                self.transport.abort()
            else:
                super().data_received(data)

    return Resetting


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0, refuses: Callable[[], bool] = lambda: False) -> AsyncIterator[str]:
    """Yield the base URL (``http://127.0.0.1:PORT``, no trailing slash) of ``app``; port 0 takes any free port.

    The socket listens before the block starts, so no request can come too early. An app with endless answers ends
    them itself before the block is left; what still runs a second later is cancelled. While ``refuses`` is True
    nothing is answered: connections are reset. Raises ``OSError`` when the port is taken.
    """
    listener = listen("127.0.0.1", port)
    http = _resetting(refuses)
    config = uvicorn.Config(app, http=http, access_log=False, log_config=None, date_header=False, ws="none")
    server = _LoopbackServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stop()
        await task
