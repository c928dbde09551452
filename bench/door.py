"""How long a good deployment takes to be accepted while the door is under attack, beside a quiet door.

The attack comes from a process of its own: 5,000 bad requests, 100 at the same time, each on a connection of its own;
first from one address, then from a hundred. Good uploads come from another one, as most do that wait for an answer.
"""

import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dag_gateway.charts import pack
from tests.fakes.door import ask, door_settings, form, job_fields, upload
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.world import chart_files

QUIET, BAD, AT_ONCE = 100, 5000, 100
TARGET = 3.0
_FRIEND = "127.0.0.2"
_LONGEST = 400.0
_CHART = pack("web", chart_files())


@dataclass
class Place:
    """Where the gateway process is started."""

    folder: Path
    config: dict[str, Any]


async def accepted(url: str, number: str) -> float:
    """Seconds until a good upload is accepted."""
    began = time.perf_counter()
    answer = await ask(url, upload(form(job_fields(version=number), _CHART)), _FRIEND)
    if answer.status != 200:
        raise RuntimeError(f"a good deployment was answered {answer.status}: {answer.body!r}")
    return time.perf_counter() - began


@dataclass(frozen=True)
class Attacked:
    """Seconds of each good upload meanwhile, how long the attack took, and how often it was told what."""

    accepted: list[float]
    seconds: float
    told: dict[str, int]


async def under_attack(url: str, addresses: int) -> Attacked:
    """``addresses``: how many the attack comes from."""
    command = [sys.executable, "-m", "bench.parts.door_attack", url, str(BAD), str(AT_ONCE), str(addresses)]
    attackers = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    if attackers.stdout is None:
        raise RuntimeError("the attackers can not tell how it went")
    await attackers.stdout.readline()
    ended = asyncio.create_task(attackers.stdout.readline())
    seconds: list[float] = []
    while not ended.done():
        seconds.append(await accepted(url, f"{addresses}.0.{len(seconds)}"))
    await attackers.wait()
    return Attacked(seconds, **json.loads(await ended))


async def run(folder: Path) -> tuple[list[float], list[Attacked]]:
    """Seconds of each good upload at a quiet door, and the attacks from one address and from many."""
    settings = door_settings(folder)
    # The first deployment waits for its cluster and the others for the first, so only accepting them is measured.
    settings["clusters"]["prod"]["grace"] = "1h"
    gateway = GatewayProcess(Place(folder, settings))
    await gateway.start()
    try:
        async with asyncio.timeout(_LONGEST):
            await accepted(gateway.url, "0.0.1")
            quiet = [await accepted(gateway.url, f"0.1.{number}") for number in range(QUIET)]
            return quiet, [await under_attack(gateway.url, addresses) for addresses in (1, AT_ONCE)]
    finally:
        gateway.kill()
        await gateway.gone()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        quiet, attacks = asyncio.run(run(Path(folder)))
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    table = Table(title=f"a good deployment at the door; {BAD} bad requests, {AT_ONCE} at once; {machine}")
    for column in ("", "accepted", "median ms", "p95 ms", f"ratio (≤ {TARGET:g})", "bad/s"):
        table.add_column(column, justify="right" if column else "left")
    calm = statistics.median(quiet)
    table.add_row("quiet", *_figures(quiet, calm), "")
    for attack, whence in zip(attacks, ("one address", f"{AT_ONCE} addresses"), strict=True):
        name = f"attacked from {whence}"
        table.add_row(name, *_figures(attack.accepted, calm), f"{BAD / attack.seconds:.0f}")
    console = Console()
    console.print(table)
    for attack in attacks:
        told = ", ".join(f"{status}: {count}" for status, count in sorted(attack.told.items()))
        console.print(f"The attackers were told {told}.")


def _figures(seconds: list[float], calm: float) -> tuple[str, str, str, str]:
    median, p95 = statistics.median(seconds), sorted(seconds)[int(0.95 * len(seconds))]
    return str(len(seconds)), f"{1000 * median:.1f}", f"{1000 * p95:.1f}", f"{median / calm:.2f}"


if __name__ == "__main__":
    main()
