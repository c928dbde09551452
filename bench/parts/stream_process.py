"""Both ends of a process that streams: it moves deployments as the benchmark asks, one JSON line in, one out."""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dag_gateway.cli.server import GatewayServer
from dag_gateway.model.deployment import Deployment, Status

Stamp = dict[str, Any]
"""A move of one deployment: ``at`` when it began to be written, ``written`` when it was, on CLOCK_MONOTONIC."""

WAY = (Status.VALIDATING, Status.PUSHING, Status.PUSHED, Status.MONITORING, Status.DEPLOYED)

_ROOT = Path(__file__).parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")
_LONGEST_LINE = 2**24
_PATIENCE = 120.0


class Stage(Protocol):
    """What streams; deployments are numbered from 0."""

    async def put(self, count: int) -> list[str]:
        """The ids of so many deployments that were just accepted."""
        ...

    async def move(self, number: int, status: Status) -> Stamp: ...


def moved(deployment: Deployment, status: Status) -> Deployment:
    """What is told of it, by whichever side."""
    return deployment.after(status, f"{status} at prod/shop/web", commit="c0ffee" * 6, chart_version="1.2.3")


async def serve(server: GatewayServer, listener: socket.socket, stage: Stage) -> None:
    """Until stdin ends. ``stage`` is used once the server has started."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    serving = asyncio.create_task(server.serve([listener]))
    await server.ready(serving)
    _say({"port": listener.getsockname()[1]})
    async for line in reader:
        command = json.loads(line)
        _say(await (stage.put(command["put"]) if "put" in command else _moves(stage, **command)))
    server.force_exit = True
    server.stop()
    await serving


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


async def _moves(stage: Stage, count: int, status: str, rate: float) -> list[Stamp]:
    """Of the first so many deployments, begun at an even rate per second."""
    began = time.monotonic()
    moves = []
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        moves.append(asyncio.create_task(stage.move(number, Status(status))))
    return [await move for move in moves]


@dataclass(frozen=True)
class StreamProcess:
    """The other end of ``serve``."""

    process: asyncio.subprocess.Process
    port: int

    async def put(self, count: int) -> list[str]:
        ids: list[str] = await self._ask(put=count)
        return ids

    async def moves(self, count: int, status: Status, rate: float) -> Sequence[Stamp]:
        stamps: list[Stamp] = await self._ask(count=count, status=status.value, rate=rate)
        return stamps

    def cpu_seconds(self) -> float:
        """User and system, since it began."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_kib(self) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    async def _ask(self, **command: Any) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(_PATIENCE):
            return json.loads(await self.process.stdout.readline())


@asynccontextmanager
async def stream_process(module: str, folder: Path) -> AsyncIterator[StreamProcess]:
    """Runs as long as the block does, and logs into the folder."""
    command = (sys.executable, "-m", f"bench.parts.{module}", str(folder))
    pipe = asyncio.subprocess.PIPE
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=log, cwd=_ROOT, limit=_LONGEST_LINE
        )
    assert process.stdin
    assert process.stdout
    try:
        yield StreamProcess(process, **json.loads(await process.stdout.readline()))
    finally:
        process.stdin.close()
        await process.wait()
