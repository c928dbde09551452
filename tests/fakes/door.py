"""A gateway behind its real server, for one app with a shared token; and a client that sends just what it is told."""

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from dag_gateway.app import create_app
from dag_gateway.cli.server import GatewayServer, gateway_server
from dag_gateway.config import Config, parse
from dag_gateway.iac.bare import create_bare
from dag_gateway.web.doors import Doors
from dag_gateway.web.listener import listen

REPOSITORY = "https://git.example.com/shop/web"
TOKEN = "s3cret-shared-token"
_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""
_AT_ONCE = 16_384


@dataclass(frozen=True, slots=True)
class Door:
    """``doors`` is what the running gateway has."""

    url: str
    doors: Doors


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An HTTP answer as it came; header names in lower case, of several the last."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def door_settings(folder: Path) -> dict[str, Any]:
    """A config file as data. Nothing but the shared token can be reached, and nothing else is needed to be accepted."""
    create_bare(folder / "iac.git")
    token = {"sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "repo_url": REPOSITORY, "branch": "main"}
    target = {"cluster": "prod", "namespace": "shop", "tracker": "workloads"}
    environment = {"branch": "main", "repository": "iac", "path": "prod/web", "targets": [target]}
    return {
        "database": {"url": f"sqlite:///{folder}/gateway.db"},
        "data_dir": str(folder / "data"),
        "forges": {"local": {"kind": "static", "tokens": [token]}},
        "repositories": {"iac": {"url": str(folder / "iac.git")}},
        "clusters": {"prod": {"server": "http://127.0.0.1:9", "token": "t"}},
        "apps": {"web": {"repo_url": REPOSITORY, "forge": "local", "environments": {"production": environment}}},
    }


def door_config(folder: Path, limits: dict[str, Any] | None = None, **server: Any) -> Config:
    """``door_settings`` with a section ``server``."""
    settings = door_settings(folder) | {"server": {"limits": limits or {}, "drain": "1s", **server}}
    return parse(yaml.safe_dump(settings), {})


@asynccontextmanager
async def open_door(config: Config) -> AsyncIterator[Door]:
    """A running gateway, served as ``dag serve`` does it."""
    application = create_app(config)
    server: GatewayServer = gateway_server(application, config.server)
    serving = asyncio.create_task(server.serve(sockets=[listen("127.0.0.1", 0)]))
    await server.ready(serving)
    try:
        yield Door(server.url(), application.state.doors)
    finally:
        server.stop()
        await serving


class RawClient:
    """One connection. ``source`` is the address to come from; on Linux all of 127.0.0.0/8 is this machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def read_no_more(self) -> None:
        """Leave what comes where it is."""
        transport = self.writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        transport.pause_reading()

    async def answer(self, *, head_only: bool = False) -> RawAnswer:
        """The next final answer; ``head_only`` for one that has no body."""
        async with asyncio.timeout(_PATIENCE):
            status, headers = await self._head()
            while status == 100:
                status, headers = await self._head()
            body = b"" if head_only else await self._body(headers)
        return RawAnswer(status, headers, body)

    async def asked_to_go_on(self) -> None:
        """Wait for ``100 Continue``: somebody wants to read the body."""
        async with asyncio.timeout(_PATIENCE):
            status, _ = await self._head()
        assert status == 100

    async def rest(self) -> bytes:
        """Whatever still comes, until the server closes."""
        async with asyncio.timeout(_PATIENCE):
            try:
                return await self._reader.read()
            except ConnectionResetError:
                return b""

    async def _head(self) -> tuple[int, dict[str, str]]:
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        return int(lines[0].split(" ")[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def _body(self, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return await self._reader.readexactly(int(headers["content-length"]))
        return b"" if headers.get("transfer-encoding") else await self._reader.read()


@asynccontextmanager
async def connected(url: str, source: str = "127.0.0.1", first: bytes = b"") -> AsyncIterator[RawClient]:
    """A connection; it is closed without ceremony at the end of the block.

    ``first`` is in the server's hands before the event loop goes on, so that no limit of time passes before it: some
    KiB at most.
    """
    place = urlsplit(url)
    sock = socket.socket()
    sock.bind((source, 0))
    sock.connect((place.hostname, place.port))
    sock.sendall(first)
    sock.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()


async def ask(url: str, request: bytes, source: str = "127.0.0.1") -> RawAnswer:
    """The answer to one request on a connection of its own."""
    async with connected(url, source, request[:_AT_ONCE]) as client:
        await client.send(request[_AT_ONCE:])
        return await client.answer(head_only=request.startswith(b"HEAD "))


def form(fields: dict[str, str], chart: bytes | None = None) -> bytes:
    """The body of a multipart form with the boundary ``b``."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    body = "".join(parts).encode()
    if chart is not None:
        body += b'--b\r\nContent-Disposition: form-data; name="chart"; filename="c.tgz"\r\n\r\n' + chart + b"\r\n"
    return body + b"--b--\r\n"


def upload(body: bytes, *headers: str, length: int | None = None) -> bytes:
    """The bytes of ``POST /api/deploy``; ``length`` is what is announced instead of the truth."""
    lines = [
        "POST /api/deploy HTTP/1.1",
        "Host: dag",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def job_fields(**changes: str) -> dict[str, str]:
    """The fields of a good upload."""
    return {"repoUrl": REPOSITORY, "jobId": "1", "jobToken": TOKEN, "version": "1.0.0"} | changes
