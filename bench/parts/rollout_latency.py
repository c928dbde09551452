"""From a change in the cluster to the event at the client, beside a bare watch of the same change."""

import asyncio
import math
import statistics
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from .figures import Target, at_most, median, ms, print_table
from .rollout_cluster import Stamp
from .rollout_gateway import Scene, scene
from .rollout_streams import watching

TARGETS, RATE, ROUNDS, WOKEN = 200, 50.0, 14, 20
"""``RATE`` is in changes a second: 200 rollouts that take a minute each, with 14 changes, make 47."""
_ENDS = 10.0
"""A second. Each is judged on fresh lists of everything that it hangs on; 200 in a minute would be three."""
_QUIET = 2.0
"""Seconds after which everything is told: a target speaks at most once a second."""
_EVEN = "evenly"


@dataclass
class Latencies:
    """Seconds of each change; ``lost`` are those that no event told."""

    ours: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    lost: int = 0

    def add(self, stamp: Stamp, streams: Scene, arrived: Mapping[str, float]) -> None:
        told = streams.streams[stamp["target"]].first(stamp["text"], stamp["at"])
        if told is None:
            self.lost += 1
        else:
            self.ours.append(told - stamp["at"])
        if stamp["version"] in arrived:
            self.floor.append(arrived[stamp["version"]] - stamp["at"])


async def measure(folder: Path) -> dict[str, Latencies]:
    """By what happened: changes one after the other by kind, all at once, and right behind a fetch."""
    async with scene(folder, TARGETS) as running, watching(running.cluster.url, running.cluster.token) as arrived:
        await asyncio.sleep(_QUIET)
        even = await _settled(running.cluster.ask("load", rounds=ROUNDS, rate=RATE))
        burst = await _settled(running.cluster.ask("burst"))
        fetched = await _settled(running.cluster.ask("fetch", commit=running.place.commit(), changes=WOKEN))
        even += await running.cluster.ask("end", rate=_ENDS)
        await asyncio.gather(*(stream.told('"deployed"') for stream in running.streams))
        found = {f"{_EVEN}: {kind}": _of(even, kind) for kind in ("HelmRelease", "Pod", "end")}
        found |= {_EVEN: even, f"{TARGETS} at once": burst, f"{WOKEN} behind a fetch that wakes all": fetched}
        return {name: _matched(stamps, running, arrived) for name, stamps in found.items()}


def report(console: Console, found: Mapping[str, Latencies]) -> list[Target]:
    """Print the table and return the targets."""
    rates = f"{RATE:g}/s, ends {_ENDS:g}/s"
    title = f"{TARGETS} deployments followed: from the change in the cluster to the event at the client, {rates}"
    columns = ("", "changes", "p50 ms", "p99 ms", "max ms", "watch p50 ms", "watch p99 ms", "lost")
    print_table(console, title, columns, [_row(name, latencies) for name, latencies in found.items()])
    even = found[_EVEN]
    return [
        at_most("evenly: p50", 20, 1000 * median(even.ours), " ms"),
        at_most("evenly: p99", 100, 1000 * p99(even.ours), " ms"),
        at_most(
            "changes that no event told",
            0,
            sum(latencies.lost for name, latencies in found.items() if not name.startswith(f"{_EVEN}:")),
            "",
        ),
    ]


def p99(seconds: Sequence[float]) -> float:
    """Not a number when less than two were measured."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[-1] if len(seconds) > 1 else math.nan


async def _settled(changing: Awaitable[list[Stamp]]) -> list[Stamp]:
    stamps = await changing
    await asyncio.sleep(_QUIET)
    return stamps


def _of(stamps: Sequence[Stamp], kind: str) -> list[Stamp]:
    return [stamp for stamp in stamps if stamp["kind"] == kind]


def _matched(stamps: Sequence[Stamp], running: Scene, arrived: Mapping[str, float]) -> Latencies:
    latencies = Latencies()
    for stamp in stamps:
        latencies.add(stamp, running, arrived)
    return latencies


def _row(name: str, latencies: Latencies) -> tuple[str, ...]:
    ours, floor = latencies.ours, latencies.floor
    told = (ms(median(ours)), ms(p99(ours)), ms(max(ours, default=math.nan)), ms(median(floor)), ms(p99(floor)))
    return (name, str(len(ours) + latencies.lost), *told, str(latencies.lost))
