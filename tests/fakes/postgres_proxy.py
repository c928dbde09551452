"""A way to PostgreSQL that loses the connection at a COMMIT, before or after the server has seen it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from urllib.parse import urlsplit

_COMMIT = b"Q\x00\x00\x00\x0cCOMMIT;\x00"
"""As asyncpg sends it: https://www.postgresql.org/docs/current/protocol-message-formats.html"""


class Loss(Enum):
    """What the server knows of the COMMIT whose answer the client never gets."""

    BEFORE = "nothing: it rolls back"
    AFTER = "everything: it committed"


class PostgresProxy:
    """``losses`` are used up, one for each COMMIT that comes; ``lost`` counts them."""

    def __init__(self, url: str) -> None:
        self._server = urlsplit(url)
        self.losses: list[Loss] = []
        self.lost = 0
        self.url = ""

    def listens_on(self, port: int) -> None:
        server = self._server
        self.url = f"postgresql://{server.username}:{server.password}@127.0.0.1:{port}{server.path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client."""
        answers, requests = await asyncio.open_connection(self._server.hostname, self._server.port)
        back = asyncio.create_task(_forward(answers, writer))
        try:
            while data := await reader.read(65536):
                if data != _COMMIT or not self.losses:
                    requests.write(data)
                    continue
                self.lost += 1
                back.cancel()
                await asyncio.wait([back])
                if self.losses.pop(0) is Loss.AFTER:
                    requests.write(data)
                    await answers.readexactly(1)
                return
        except ConnectionError:
            return
        finally:
            back.cancel()
            await asyncio.wait([back])
            for end in (requests, writer):
                end.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[PostgresProxy]:
    """A proxy before the database of ``url``."""
    proxy = PostgresProxy(url)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    async with server:
        proxy.listens_on(server.sockets[0].getsockname()[1])
        yield proxy
