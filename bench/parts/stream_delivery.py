"""From the record of an event to its receipt by thousands, and what those cost who only wait."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from dag_gateway.model.deployment import Status

from .figures import Target, at_most, median, ms, print_table
from .rollout_latency import p99
from .stream_crowd import Crowd, Listener, crowd
from .stream_process import WAY, Stamp, StreamProcess, stream_process

OURS, BARE = "stream_gateway", "stream_bare"
_HEARTBEAT = 15.0
_QUIET = 2.0
_WARM_UP = 50


@dataclass(frozen=True)
class Scale:
    """``listeners`` of every one of ``deployments``, which move at ``rate`` per second."""

    deployments: int
    listeners: int
    rate: float

    @property
    def total(self) -> int:
        return self.deployments * self.listeners


@dataclass
class Delivery:
    """Seconds to every listener: of the end from when it began to be recorded, of all events from when they were
    recorded. ``wrong`` listeners did not get every event exactly once, in order. ``kib`` is the memory per idle
    listener, ``idle`` the share of a core while nothing happens, ``cpu`` the milliseconds of CPU per event received.
    """

    ends: list[float] = field(default_factory=list)
    all: list[float] = field(default_factory=list)
    wrong: int = 0
    kib: float = math.nan
    idle: float = math.nan
    cpu: float = math.nan


async def measure(side: str, scale: Scale, folder: Path, *, idle: bool = False) -> Delivery:
    """``idle`` also measures a period of heartbeats."""
    delivery = Delivery()
    async with stream_process(side, folder) as process, crowd() as listening:
        ids = await process.put(scale.deployments)
        await _warm_up(process, ids)
        before = process.resident_kib()
        await listening.come(process.port, ids, scale.listeners)
        await asyncio.sleep(_QUIET)
        delivery.kib = (process.resident_kib() - before) / scale.total
        if idle:
            delivery.idle = await _idle(process)
        stamps = await _told(process, listening, scale, delivery)
    for listener in listening.listeners:
        _judge(listener, stamps, delivery)
    return delivery


async def _warm_up(process: StreamProcess, ids: Sequence[str]) -> None:
    async with crowd() as first:
        await first.come(process.port, ids[:1], _WARM_UP)
    await asyncio.sleep(_QUIET)


async def _idle(process: StreamProcess) -> float:
    """Over one period every listener gets one heartbeat."""
    cpu, began = process.cpu_seconds(), time.monotonic()
    await asyncio.sleep(_HEARTBEAT)
    return (process.cpu_seconds() - cpu) / (time.monotonic() - began)


async def _told(
    process: StreamProcess, listening: Crowd, scale: Scale, delivery: Delivery
) -> dict[Status, Sequence[Stamp]]:
    stamps, cpu = {}, process.cpu_seconds()
    for number, status in enumerate(WAY, start=2):
        stamps[status] = await process.moves(scale.deployments, status, scale.rate)
        await listening.until(heard=number * scale.total)
    await listening.ended()
    delivery.cpu = 1000 * (process.cpu_seconds() - cpu) / (len(WAY) * scale.total)
    return stamps


def _judge(listener: Listener, stamps: dict[Status, Sequence[Stamp]], delivery: Delivery) -> None:
    heard = listener.heard()
    if [number for number, _ in heard] != list(range(1, len(WAY) + 2)):
        delivery.wrong += 1
        return
    told = [stamps[status][listener.deployment] for status in WAY]
    delivery.ends.append(heard[-1][1] - told[-1]["at"])
    delivery.all += [at - stamp["written"] for stamp, (_, at) in zip(told, heard[1:], strict=True)]


def row(name: str, delivery: Delivery) -> tuple[str, ...]:
    """See ``COLUMNS``."""
    ends, everything = delivery.ends, delivery.all
    return (
        name,
        f"{len(ends):,}",
        str(delivery.wrong),
        *(ms(seconds) for seconds in (median(ends), p99(ends), max(ends, default=math.nan))),
        *(ms(seconds) for seconds in (median(everything), p99(everything))),
        f"{delivery.cpu:.3f}",
        f"{delivery.kib:.1f}",
        f"{100 * delivery.idle:.1f}",
    )


COLUMNS = (
    "",
    "ends",
    "wrong",
    "end p50 ms",
    "p99",
    "max",
    "event p50 ms",
    "p99",
    "CPU ms/event",
    "KiB/listener",
    "idle CPU %",
)


def report(console: Console, title: str, ours: Delivery, bare: Delivery, *, soon: float) -> list[Target]:
    """Print the table and return the targets; ``soon`` is how soon, in ms, the end has to come."""
    print_table(console, title, COLUMNS, [row("gateway", ours), row("bare framework", bare)])
    targets = [
        at_most(f"{title}: without every event exactly once", 0, ours.wrong, ""),
        at_most(f"{title}: p99 from record to receipt of the end", soon, 1000 * p99(ours.ends), " ms"),
        at_most(f"{title}: p99 of the written event, by the bare framework's", 1.5, p99(ours.all) / p99(bare.all)),
        at_most(f"{title}: memory per idle listener", 60, ours.kib, " KiB"),
    ]
    if not math.isnan(ours.idle):
        targets.append(at_most(f"{title}: heartbeats, of a core", 10, 100 * ours.idle, " %"))
    return targets
