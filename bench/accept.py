"""How long `POST /api/deploy` takes until the deployment is durable, beside the bare framework that stores the same.

The peer is Starlette on uvicorn: it reads the same form and stores it in one SQLite transaction (WAL, FULL).
It does nothing afterwards, so one gateway may carry a single deployment, which waits for its cluster, and another as
many as it likes, as in real life. All of them and the forge, which answers at once over real HTTP, are processes of
their own; the client is this one. CPU is what the server's process used for an upload, which a busy machine changes
the least.
"""

import asyncio
import itertools
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.parts.instant_forge import instant_forge, token_of
from dag_gateway.charts import pack
from tests.fakes.door import connected, door_settings, form, upload
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.world import chart_files

ROUNDS, UPLOADS, AT_ONCE = 3, 200, 20
TARGET = 2.0
# Characters of hexadecimal noise, which make a .tgz of 50 KiB.
_NOISE = 88_000

Figures = tuple[float, float, float, float]


@dataclass
class Place:
    """Where the gateway process is started."""

    folder: Path
    config: dict[str, Any]


@dataclass
class Side:
    """One of those that are compared: seconds of each upload, and of each round uploads per second and CPU seconds."""

    name: str
    url: str
    process: int
    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def round(self, requests: Iterator[bytes]) -> None:
        began, used = time.perf_counter(), cpu_seconds(self.process)
        await asyncio.gather(*(self._one_after_the_other(requests) for _ in range(AT_ONCE)))
        self.rates.append(UPLOADS / (time.perf_counter() - began))
        self.cpu.append(cpu_seconds(self.process) - used)

    async def _one_after_the_other(self, requests: Iterator[bytes]) -> None:
        async with connected(self.url) as client:
            for request in requests:
                began = time.perf_counter()
                await client.send(request)
                answer = await client.answer()
                self.seconds.append(time.perf_counter() - began)
                if answer.status != 200:
                    raise RuntimeError(f"{answer.status}: {answer.body!r}")

    def warmed_up(self) -> None:
        """Forget what was measured so far."""
        del self.seconds[:], self.rates[:], self.cpu[:]

    def figures(self) -> Figures:
        """Median and 99th percentile in ms, CPU in ms, and uploads per second."""
        p99 = statistics.quantiles(self.seconds, n=100)[-1]
        cpu = statistics.median(self.cpu) / UPLOADS
        return 1000 * statistics.median(self.seconds), 1000 * p99, 1000 * cpu, statistics.median(self.rates)


def cpu_seconds(process: int) -> float:
    """Of all threads of a process, in user and system mode (proc(5), /proc/pid/stat)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def uploads(repository: str) -> Iterator[bytes]:
    """Uploads of a chart of 50 KiB, each of its own job."""
    noise = random.Random(5).randbytes(_NOISE // 2).hex()
    chart = pack("web", chart_files() | {"files/data.txt": noise.encode()})
    for number in itertools.count(1):
        job = {"repoUrl": repository, "jobId": str(number), "jobToken": token_of(number)}
        yield upload(form(job | {"version": f"1.0.{number}"}, chart))


@asynccontextmanager
async def gateway(name: str, folder: Path, repository: str, running: int) -> AsyncIterator[Side]:
    """A gateway that asks the instant forge, and carries ``running`` deployments at once."""
    settings = door_settings(folder)
    settings["forges"] = {"local": {"kind": "gitlab", "url": repository.rsplit("/", 2)[0]}}
    settings["apps"]["web"]["repo_url"] = repository
    # The first deployment waits for its cluster and the others for the first, so only accepting them is measured.
    settings["clusters"]["prod"]["grace"] = "1h"
    settings["server"] = {"limits": {"running": running}}
    process = GatewayProcess(Place(folder, settings))
    await process.start()
    try:
        if process.process is None:
            raise RuntimeError("the gateway has no process")
        yield Side(name, process.url, process.process.pid)
    finally:
        process.kill()
        await process.gone()


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[Side]:
    """The bare framework."""
    command = [sys.executable, "-m", "bench.parts.accept_peer", str(folder / "peer.db")]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        if process.stdout is None:
            raise RuntimeError("the peer can not tell where it listens")
        url = (await process.stdout.readline()).decode().strip()
        yield Side("bare framework, one SQLite transaction", url, process.pid)
    finally:
        process.kill()
        await process.wait()


async def measure(folder: Path) -> tuple[Side, Side, Side]:
    """The gateway's door, the gateway with what comes behind it, and the peer: round by round in turn."""
    async with AsyncExitStack() as stack:
        repository = await stack.enter_async_context(instant_forge())
        door = await stack.enter_async_context(gateway("the gateway's door", folder / "door", repository, 1))
        whole = await stack.enter_async_context(gateway("the whole gateway", folder / "whole", repository, 1000))
        bare = await stack.enter_async_context(peer(folder / "bare"))
        sides = (door, whole, bare)
        requests = uploads(repository)
        for warmed_up in (False, *(True,) * ROUNDS):
            for side in sides:
                await side.round(itertools.islice(requests, UPLOADS))
                if not warmed_up:
                    side.warmed_up()
    return sides


def times(mine: Figures, least: Figures) -> list[str]:
    """How often the least each figure is; the last one is a rate, so the other way round."""
    *ratios, rate = (one / other for one, other in zip(mine, least, strict=True))
    return [f"{ratio:.2f}" for ratio in (*ratios, 1 / rate)]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("door", "whole", "bare"):
            (folder / part).mkdir()
        door, whole, bare = asyncio.run(measure(folder))
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    table = Table(title=f"{ROUNDS} x {UPLOADS} uploads of 50 KiB, {AT_ONCE} at once; {machine}")
    for column in ("", "p50 ms", "p99 ms", "CPU ms", "uploads/s"):
        table.add_column(column, justify="right" if column else "left")
    for side in (door, whole, bare):
        table.add_row(side.name, *(f"{figure:.1f}" for figure in side.figures()))
    table.add_row(f"ratio of the door (target: at most {TARGET:g})", *times(door.figures(), bare.figures()))
    table.add_row("ratio of the whole gateway", *times(whole.figures(), bare.figures()))
    Console().print(table)


if __name__ == "__main__":
    main()
