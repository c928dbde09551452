"""Ten minutes of mixed load: does the process keep its size, its files and its tasks?

The gateway runs in a process of its own, over real HTTP; forge, cluster and repository are simulated in another.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from rich.console import Console

from bench.parts.figures import Target, at_most, print_table, print_targets
from bench.parts.soak_load import everything
from tests.fakes.world import Surroundings, World, surroundings

_MIB = 2**20
_SAMPLES = 60
_WARM = 0.2
"""The part of the time that pools, caches and imports are given to fill."""

Sample = dict[str, int]


class Process:
    """The gateway, which tells what it holds."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self._process, self._asked, self._answers = process, process.stdin, process.stdout

    async def answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(await self._answers.readline())
        return answer

    async def held(self) -> Sample:
        self._asked.write(b"\n")
        return await self.answer()

    async def end(self) -> None:
        self._asked.close()
        await self._process.wait()


@asynccontextmanager
async def counted(around: Surroundings) -> AsyncIterator[tuple[Process, World]]:
    config = around.folder / "gateway.yaml"
    # All clients come from one address, and some of them are up to no good.
    server = {"port": 0, "limits": {"suspect_after": 10_000}}
    config.write_text(yaml.safe_dump(around.config | {"server": server}))
    command = (sys.executable, "-m", "bench.parts.counted_gateway", str(config))
    with (around.folder / "log").open("wb") as log:
        pipe = asyncio.subprocess.PIPE
        process = Process(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=log))
    try:
        url = (await process.answer())["url"]
        async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
            yield process, World(around, http)
    finally:
        await process.end()


async def soak(folder: Path, seconds: float) -> tuple[list[Sample], Counter[str]]:
    """What the process held, evenly over the time, and what came of the load."""
    async with surroundings(folder) as around, counted(around) as (process, running):
        load = asyncio.create_task(everything(running, seconds))
        samples = [await _after(seconds / _SAMPLES, process) for _ in range(_SAMPLES)]
        return samples, await load


async def _after(seconds: float, process: Process) -> Sample:
    await asyncio.sleep(seconds)
    return await process.held()


def report(console: Console, samples: Sequence[Sample], outcomes: Counter[str]) -> list[Target]:
    print_table(console, "what came of it", ("", "times"), [(what, f"{n:,}") for what, n in sorted(outcomes.items())])
    warm = samples[int(_WARM * len(samples)) :]
    part = len(warm) // 4
    early, late = warm[:part], warm[-part:]
    rows = [
        (name, *(f"{_median(some, name) / unit:,.1f}" for some in ([samples[0]], early, late)))
        for name, unit in (("resident", _MIB), ("files", 1), ("tasks", 1), ("threads", 1))
    ]
    print_table(console, "what the process holds (resident in MiB)", ("", "at first", "warm", "at the end"), rows)
    growth = {name: _median(late, name) - _median(early, name) for name in samples[0]}
    return [
        at_most("memory, warm to end", 10, growth["resident"] / _MIB, " MiB"),
        at_most("open files, warm to end", 5, growth["files"], ""),
        at_most("tasks, warm to end", 10, growth["tasks"], ""),
        at_most("threads, warm to end", 5, growth["threads"], ""),
    ]


def _median(samples: Sequence[Sample], name: str) -> float:
    return statistics.median(sample[name] for sample in samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes
    console = Console(width=None if sys.stdout.isatty() else 130)
    console.print(f"{minutes:g} minutes of mixed load, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        samples, outcomes = asyncio.run(soak(Path(folder), 60 * minutes))
    print_targets(console, report(console, samples, outcomes))


if __name__ == "__main__":
    main()
