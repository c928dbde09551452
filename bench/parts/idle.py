"""One deployment to a repository where nothing else happens, beside three other ways to do it."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from dag_gateway.clock import SystemClock
from dag_gateway.iac import Iac
from tests.fakes.nginx_git import NginxGit, serving_with_nginx

from .charts import change
from .figures import Target, at_least, at_most, median, ms, p95, print_table
from .ready_pushes import RoundTrips, Workshop, round_trips
from .repositories import app_path, copy_repository, make_repository
from .worktree import Worktree

FOLDER = app_path(1)
_OURS, _PEER, _BARE, _PUSH = "gateway", "git worktree", "two bare HTTP round trips", "git push of a ready commit"


@dataclass
class Times:
    """Seconds of every round of each side."""

    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    push: list[float] = field(default_factory=list)

    def sides(self) -> Mapping[str, list[float]]:
        return {_OURS: self.ours, _PEER: self.peer, _BARE: self.bare, _PUSH: self.push}


@dataclass(frozen=True)
class Sides:
    """Every side has a copy of its own of the same repository, so that none of them moves the branch of another."""

    server: NginxGit
    iac: Iac
    worktree: Worktree
    bare: tuple[Workshop, RoundTrips]
    push: Workshop

    async def round(self, number: int, times: Times, *, with_peer: bool) -> None:
        version = f"1.0.{number}"
        times.ours.append(await self._ours(number))
        if with_peer:
            times.peer.append(await asyncio.to_thread(self.worktree.deploy, FOLDER, version))
        times.bare.append(await asyncio.to_thread(self._round_trips, version))
        times.push.append(await asyncio.to_thread(self._push, version))

    async def _ours(self, number: int) -> float:
        wanted = change(f"idle-{number}", FOLDER)
        began = time.perf_counter()
        await self.iac.publish("iac", None, wanted, deadline=SystemClock().now() + timedelta(seconds=60))
        return time.perf_counter() - began

    def _round_trips(self, version: str) -> float:
        workshop, trips = self.bare
        return trips.push(workshop.prepare(FOLDER, version))

    def _push(self, version: str) -> float:
        self.push.prepare(FOLDER, version)
        return self.push.push(self.server.url("push.git"))


async def measure(folder: Path, files: int, rounds: int, peer_rounds: int) -> Times:
    """The first round of each side, which fills its caches, is not counted."""
    served = folder / "served"
    served.mkdir()
    first = make_repository(served / "ours.git", files)
    copies = {name: copy_repository(first, f"{name}.git") for name in ("peer", "bare", "push")}
    async with AsyncExitStack() as stack:
        server = stack.enter_context(serving_with_nginx(served))
        iac = Iac({"iac": server.settings("ours.git")}, folder / "data", SystemClock())
        sides = Sides(
            server,
            await stack.enter_async_context(iac),
            Worktree(folder / "worktree", server.url("peer.git")),
            (
                Workshop(folder / "bare.git", copies["bare"]),
                stack.enter_context(round_trips(server.url("bare.git"))),
            ),
            Workshop(folder / "push.git", copies["push"]),
        )
        await sides.round(0, Times(), with_peer=True)
        times = Times()
        for number in range(1, rounds + 1):
            await sides.round(number, times, with_peer=number <= peer_rounds)
    return times


def report(console: Console, found: Mapping[int, Times]) -> list[Target]:
    """Print the tables, one per size of repository, and return the targets."""
    for files, times in found.items():
        rows = [
            (
                side,
                str(len(seconds)),
                ms(median(seconds)),
                ms(p95(seconds)),
                f"{median(seconds) / median(times.ours):.2f}",
            )
            for side, seconds in times.sides().items()
        ]
        title = f"one deployment, idle repository of {files:,} files"
        print_table(console, title, ("", "rounds", "median ms", "p95 ms", "times ours"), rows)
    return [target for files, times in found.items() for target in _targets(files, times)] + _growth(found)


def _targets(files: int, times: Times) -> list[Target]:
    ours, name = median(times.ours), f"{files:,} files: "
    wanted = {20: 3.0, 20_000: 15.0}
    faster = (
        [at_least(f"{name}faster than the {_PEER}", wanted[files], median(times.peer) / ours)]
        if files in wanted
        else []
    )
    return [
        *faster,
        at_most(f"{name}cost in {_BARE}", 2, ours / median(times.bare)),
        at_least(f"{name}faster than {_PUSH}", 1, median(times.push) / ours),
    ]


def _growth(found: Mapping[int, Times]) -> list[Target]:
    """The server walks its whole old commit for every push, whoever pushes; so the same growth of the bare requests is
    beside it, and that of what the gateway adds to them."""
    if not {20, 200_000} <= found.keys():
        return []
    small, large = found[20], found[200_000]
    bare = median(large.bare) / median(small.bare)
    added = [median(times.ours) - median(times.bare) for times in (large, small)]
    grown = f"20 -> 200,000 files: growth ({_BARE}: {bare:.2f}x)"
    return [
        at_most(grown, 1.5, median(large.ours) / median(small.ours)),
        at_most("20 -> 200,000 files: growth of what the gateway adds to the two", 1.5, added[0] / added[1]),
    ]
