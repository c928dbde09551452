"""A GitLab that answers at once: real HTTP from a process of its own, and nothing to think about."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_TOKEN = "glcbt-instant-"
_TOLD_TOKEN = re.compile(rb"\r\njob-token: glcbt-instant-(\d+)\r\n", re.IGNORECASE)
_PROJECT = "shop/web"
_SHA = "5" * 40


def token_of(job: int) -> str:
    """The token of a job."""
    return f"{_TOKEN}{job}"


@asynccontextmanager
async def instant_forge() -> AsyncIterator[str]:
    """The URL of the project; all its jobs run on the protected branch main."""
    command = (sys.executable, "-m", "bench.parts.instant_forge")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        if process.stdout is None:
            raise RuntimeError("the forge can not tell where it listens")
        yield f"{(await process.stdout.readline()).decode().strip()}/{_PROJECT}"
    finally:
        process.kill()
        await process.wait()


class _Connection(asyncio.Protocol):
    """Knows two questions, each with its head in one piece."""

    def __init__(self, job: bytes, branches: bytes) -> None:
        self._job = job
        self._branches = branches
        self._transport: asyncio.BaseTransport | None = None
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._head.endswith(b"\r\n\r\n") and isinstance(self._transport, asyncio.WriteTransport):
            self._transport.write(self._answer(self._head))
            self._head = b""

    def _answer(self, head: bytes) -> bytes:
        if b"/repository/branches" in head:
            return _ok(self._branches)
        told = _TOLD_TOKEN.search(head)
        return _ok(self._job.replace(b"{job}", told[1] if told else b"0"))


def _ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _job(origin: str) -> bytes:
    """With ``{job}`` where its id belongs."""
    job = {
        "status": "running",
        "ref": "main",
        "tag": False,
        "web_url": f"{origin}/{_PROJECT}/-/jobs/{{job}}",
        "pipeline": {"project_id": 1, "sha": _SHA, "source": "push"},
        "user": {"username": "ada"},
    }
    return b'{"id": {job}, ' + json.dumps(job).encode()[1:]


async def _serve() -> None:
    branches = json.dumps([{"name": "main", "protected": True}]).encode()
    job = b""
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(job, branches), "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    job = _job(origin)
    print(origin, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
