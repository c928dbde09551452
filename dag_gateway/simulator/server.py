"""Serve an ASGI app over real HTTP on loopback for as long as a block runs."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

_LONGEST_GOODBYE = 1
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

    def stop(self) -> None:
        self._told_to_stop.set()


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Yield the base URL (``http://127.0.0.1:PORT``, no trailing slash) of ``app``; port 0 takes any free port.

    The socket listens before the block starts, so no request can come too early. An app with endless answers ends
    them itself before the block is left; what still runs a second later is cancelled. Raises ``OSError`` when the
    port is taken.
    """
    listener = _listener(port)
    settings = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        date_header=False,
        ws="none",
        timeout_graceful_shutdown=_LONGEST_GOODBYE,
    )
    server = _LoopbackServer(settings)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stop()
        await task


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
