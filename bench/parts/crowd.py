"""Two hundred deployments at once, alone and with a rival, beside the peer that does them one by one."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from dag_gateway.clock import SystemClock
from dag_gateway.errors import GatewayError
from dag_gateway.iac import Change, Iac
from tests.fakes.git_cli import git
from tests.fakes.git_rival import Rival, rivalling
from tests.fakes.nginx_git import NginxGit, serving_with_nginx

from .charts import change
from .figures import Target, at_least, at_most, median, ms, p95, print_table
from .repositories import app_path, copy_repository, make_repository
from .worktree import Worktree

FILES, TOTAL, PATHS, AT_ONCE = 20_000, 200, 100, 50
_ROUNDS, _BY_PEER = 3, 7
_RIVAL_EVERY = 0.2
_TIME = 120.0


@dataclass
class Run:
    """``latencies`` are seconds of those that are in; ``failures`` are messages; ``batches`` are the commits of each
    push that landed."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    pushes: int = 0
    batches: list[int] = field(default_factory=list)
    rival: Rival | None = None


@dataclass
class Crowd:
    alone: list[Run] = field(default_factory=list)
    contested: list[Run] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)


async def publish_all(iac: Iac, changes: Sequence[Change], seconds: float) -> Run:
    """All of them, ``AT_ONCE`` at a time; those that are not in after so many seconds have failed."""
    run, room = Run(), asyncio.Semaphore(AT_ONCE)
    deadline = SystemClock().now() + timedelta(seconds=seconds)

    async def publish(one: Change) -> None:
        async with room:
            began = time.perf_counter()
            try:
                await iac.publish("iac", None, one, deadline=deadline)
            except GatewayError as error:
                run.failures.append(error.message)
            else:
                run.latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*map(publish, changes))
    run.seconds = time.perf_counter() - began
    return run


async def measure(folder: Path) -> Crowd:
    """In every round: all at once, some of them by the peer, all at once with the rival."""
    served = folder / "served"
    served.mkdir()
    copy_repository(make_repository(served / "ours.git", FILES), "peer.git")
    crowd = Crowd()
    async with AsyncExitStack() as stack:
        server = stack.enter_context(serving_with_nginx(served))
        iac = await stack.enter_async_context(Iac({"iac": server.settings("ours.git")}, folder / "data", SystemClock()))
        peer = Worktree(folder / "worktree", server.url("peer.git"))
        await iac.read("iac", None, app_path(0))
        peer.deploy(app_path(0), "0.0.0")
        for number in range(_ROUNDS):
            crowd.alone.append(await _counted(server, iac, f"alone-{number}"))
            for one in range(_BY_PEER):
                path = app_path(one)
                crowd.peer.append(await asyncio.to_thread(peer.deploy, path, f"1.{number}.{one}"))
            crowd.contested.append(await _with_rival(server, iac, folder / f"rival-{number}"))
    return crowd


async def _with_rival(server: NginxGit, iac: Iac, worktree: Path) -> Run:
    with rivalling(server.url("ours.git"), worktree, _RIVAL_EVERY) as rival:
        run = await _counted(server, iac, worktree.name)
    run.rival = rival
    return run


async def _counted(server: NginxGit, iac: Iac, name: str) -> Run:
    """The server's own books tell the pushes: its access log those that were tried, its reflog those that landed."""
    wanted = [change(f"{name}-{number}", app_path(number % PATHS)) for number in range(TOTAL)]
    tried, landed = len(_pushes(server)), len(_landings(server))
    run = await publish_all(iac, wanted, _TIME)
    run.pushes = len(_pushes(server)) - tried
    run.batches = [size for size in _landings(server)[landed:] if size]
    return run


def _pushes(server: NginxGit) -> list[str]:
    """Those of the gateway: all that are not the git command line's."""
    git_cli = f"git/{git(server.root, '--version').split()[-1]}"
    posts = [line for line in server.requests() if line.startswith("POST /ours.git/git-receive-pack ")]
    return [line for line in posts if not line.endswith(f" {git_cli}")]


def _landings(server: NginxGit) -> list[int]:
    """How many deployments every update of the branch brought, oldest first; 0 for one of the rival."""
    bare = server.root / "ours.git"
    moves = [line.split()[:2] for line in (bare / "logs/refs/heads/main").read_text().splitlines()]
    log = git(
        bare, "log", "--first-parent", "--reverse", "--format=%H %(trailers:key=Deployment-Id,valueonly,separator=)"
    )
    ours = [len(line) > 41 for line in log.splitlines()]
    place = {line[:40]: number for number, line in enumerate(log.splitlines())}
    return [sum(ours[place.get(old, -1) + 1 : place[new] + 1]) for old, new in moves]


def failures(crowd: Crowd) -> list[str]:
    return [message for run in (*crowd.alone, *crowd.contested) for message in run.failures]


def report(console: Console, crowd: Crowd) -> list[Target]:
    """Print the table and return the targets."""
    title = f"{TOTAL} deployments to {PATHS} paths of {FILES:,} files, {AT_ONCE} at a time, {_ROUNDS} runs of each"
    columns = ("", "failed", "total s", "p50 ms", "p95 ms", "pushes", "lost", "commits per push: least / median / most")
    rows = [_row("gateway", crowd.alone), _row("gateway, with the rival", crowd.contested), _peer_row(crowd.peer)]
    print_table(console, title, columns, rows)
    rivals = [run.rival for run in crowd.contested if run.rival]
    took = sum(run.seconds for run in crowd.contested)
    pushed, lost = sum(len(rival.commits) for rival in rivals), sum(rival.lost for rival in rivals)
    console.print(
        f"the rival pushed {pushed} times in {took:.1f} s (wanted: every {_RIVAL_EVERY} s) and lost {lost} races"
    )
    return _targets(crowd)


def _targets(crowd: Crowd) -> list[Target]:
    by_peer = TOTAL * sum(crowd.peer) / len(crowd.peer)
    alone, contested = _latencies(crowd.alone), _latencies(crowd.contested)
    return [
        at_most("at once: failures", 0, _failed(crowd.alone), ""),
        at_least("at once: faster than the git worktree", 30, by_peer / median([run.seconds for run in crowd.alone])),
        at_most("with the rival: failures", 0, _failed(crowd.contested), ""),
        at_most("with the rival: p95 in p95 without", 4, p95(contested) / p95(alone)),
    ]


def _row(name: str, runs: Sequence[Run]) -> tuple[str, ...]:
    latencies, batches = _latencies(runs), sorted(size for run in runs for size in run.batches)
    pushes = sum(run.pushes for run in runs)
    return (
        name,
        str(_failed(runs)),
        f"{median([run.seconds for run in runs]):.2f}",
        ms(median(latencies)),
        ms(p95(latencies)),
        str(pushes),
        str(pushes - len(batches)),
        f"{batches[0]} / {median(batches):g} / {batches[-1]}" if batches else "none landed",
    )


def _peer_row(seconds: Sequence[float]) -> tuple[str, ...]:
    scaled = TOTAL * sum(seconds) / len(seconds)
    name = f"git worktree, one by one ({len(seconds)} measured, total scaled)"
    return (name, "0", f"{scaled:.2f}", ms(median(seconds)), ms(p95(seconds)), str(TOTAL), "0", "1 / 1 / 1")


def _latencies(runs: Sequence[Run]) -> list[float]:
    return [seconds for run in runs for seconds in run.latencies]


def _failed(runs: Sequence[Run]) -> int:
    return sum(len(run.failures) for run in runs)
