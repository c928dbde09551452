"""A gateway as a process of its own, to be killed and started again in the same surroundings."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx
import yaml

from .world import Surroundings, World

_ROOT = Path(__file__).parents[2]


class Place(Protocol):
    """What a process is started in: a folder, and its config file as data."""

    folder: Path
    config: dict[str, Any]


class GatewayProcess:
    """``start`` returns once it listens; ``lines`` are the log lines of all its lives.

    ``drain`` is its ``server.drain``.
    """

    drain = "5s"

    def __init__(self, around: Place) -> None:
        self._around = around
        self._config = around.folder / "gateway.yaml"
        self._port = _free_port()
        self.process: asyncio.subprocess.Process | None = None
        self.lines: list[str] = []
        self._reader: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self, until: str = "listening") -> None:
        """``until``: what it logs when it has come far enough to return."""
        here = {"host": "127.0.0.1", "port": self._port, "drain": self.drain}
        settings = self._around.config | {"server": self._around.config.get("server", {}) | here}
        self._config.write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-m", "dag_gateway.cli", "serve", "--config", str(self._config)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT)}
        self.process = await asyncio.create_subprocess_exec(
            *command, env=environment, stderr=asyncio.subprocess.PIPE, cwd=self._around.folder
        )
        listening = asyncio.Event()
        self._reader = asyncio.create_task(self._read(self.process, listening, until))
        waiting = asyncio.create_task(listening.wait())
        await asyncio.wait([waiting, self._reader], return_when=asyncio.FIRST_COMPLETED)
        assert listening.is_set(), "\n".join(self.lines)

    async def _read(self, process: asyncio.subprocess.Process, listening: asyncio.Event, until: str) -> None:
        assert process.stderr
        async for line in process.stderr:
            self.lines.append(line.decode())
            if until in json.loads(line)["message"]:
                listening.set()

    def terminate(self) -> None:
        """SIGTERM."""
        assert self.process
        self.process.terminate()

    def kill(self) -> None:
        """kill -9; safe to call from any thread."""
        assert self.process
        if self.process.returncode is None:
            self.process.kill()

    async def gone(self) -> int:
        """Wait for its end; the exit code."""
        assert self.process
        assert self._reader
        code = await self.process.wait()
        await self._reader
        return code


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def gateway_process(
    around: Surroundings, drain: str = GatewayProcess.drain
) -> AsyncIterator[tuple[GatewayProcess, World]]:
    """A running process and a client for it; whatever runs at the end is killed."""
    process = GatewayProcess(around)
    process.drain = drain
    await process.start()
    async with httpx.AsyncClient(base_url=process.url, timeout=60, trust_env=False) as http:
        try:
            yield process, World(around, http)
        finally:
            process.kill()
            await process.gone()
