"""What five hundred rollouts cost while nothing happens, and what a watched object costs in memory."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from .figures import Target, at_most, print_table
from .rollout_gateway import Scene, scene

TARGETS, SECONDS, STRANGERS = 500, 20.0, 2000
_QUIET = 3.0


@dataclass(frozen=True)
class Idle:
    """``cpu`` is the share of one core; ``kib`` are of one watched pod; ``resident`` and ``watches`` of the whole."""

    cpu: float
    kib: float
    resident: int
    watches: int


async def measure(folder: Path) -> Idle:
    async with scene(folder, TARGETS) as running:
        await asyncio.sleep(_QUIET)
        resident, watches = running.resident_kib(), await running.cluster.ask("watches")
        before = running.cpu_seconds()
        await asyncio.sleep(SECONDS)
        cpu = (running.cpu_seconds() - before) / SECONDS
        return Idle(cpu, await _per_pod(running), resident, watches)


def report(console: Console, idle: Idle) -> list[Target]:
    """Print the table and return the targets."""
    rows = [
        ("CPU of the gateway, % of a core", f"{100 * idle.cpu:.1f}"),
        ("open watches", str(idle.watches)),
        ("memory of the gateway, MiB", f"{idle.resident / 1024:.0f}"),
        (f"memory of one of {STRANGERS} more pods, KiB", f"{idle.kib:.1f}"),
    ]
    title = f"{TARGETS} deployments followed and {TARGETS} open streams, nothing happens for {SECONDS:g} s"
    print_table(console, title, ("", "measured"), rows)
    return [at_most("idle: CPU", 5, 100 * idle.cpu, " %")]


async def _per_pod(running: Scene) -> float:
    """KiB by which the gateway grows for every pod that it comes to know."""
    before = running.resident_kib()
    await running.cluster.ask("strangers", count=STRANGERS)
    (last,) = [stamp for stamp in await running.cluster.ask("burst") if stamp["target"] == 1]
    stream = running.streams[1]
    while stream.first(last["text"], last["at"]) is None:
        stream.news.clear()
        await stream.news.wait()
    await asyncio.sleep(_QUIET)
    return (running.resident_kib() - before) / STRANGERS
