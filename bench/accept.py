"""How long `POST /api/deploy` takes until the deployment is durable, beside the bare framework that stores the same.

The peer is Starlette on uvicorn: it reads the same form and stores it in one SQLite transaction (WAL, FULL). A second
one reads the chart, too, which nobody can leave out who promises that it is one; so it shows what is left for proving
who asks, keeping accounts and handing out the work. The peers do nothing afterwards, so the gateways carry a single
deployment, which waits for its cluster, but for one that carries as many as it likes, as in real life. All of them,
and the forge, which answers at once over real HTTP, are processes of their own; the client is this one. CPU is what
the server's process used for an upload, which a busy machine changes the least.
"""

import asyncio
import itertools
import os
import platform
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.parts.accept_side import AT_ONCE, Side
from bench.parts.accept_uploads import by_id_token, by_job_token
from bench.parts.figures import print_table
from bench.parts.instant_forge import instant_forge
from tests.fakes.door import door_settings
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.oidc_issuer import AUDIENCE, oidc_issuer

ROUNDS, UPLOADS = 3, 200
TARGET = 2.0
_MANY = 1000


@dataclass
class Place:
    """Where the gateway process is started."""

    folder: Path
    config: dict[str, Any]


@asynccontextmanager
async def gateway(folder: Path, repository: str, running: int = 1, **forge: str) -> AsyncIterator[GatewayProcess]:
    """A gateway that carries ``running`` deployments at once; ``forge`` are further settings of its GitLab."""
    settings = door_settings(folder)
    settings["forges"] = {"local": {"kind": "gitlab", "url": repository.rsplit("/", 2)[0], **forge}}
    settings["apps"]["web"]["repo_url"] = repository
    # The first deployment waits for its cluster and the others for the first, so only accepting them is measured.
    settings["clusters"]["prod"]["grace"] = "1h"
    settings["server"] = {"limits": {"running": running}}
    process = GatewayProcess(Place(folder, settings))
    await process.start()
    try:
        yield process
    finally:
        process.kill()
        await process.gone()


@asynccontextmanager
async def peer(folder: Path, *options: str) -> AsyncIterator[tuple[str, int]]:
    """The bare framework: its URL and its process."""
    command = [sys.executable, "-m", "bench.parts.accept_peer", str(folder / "peer.db"), *options]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        if process.stdout is None:
            raise RuntimeError("the peer can not tell where it listens")
        yield (await process.stdout.readline()).decode().strip(), process.pid
    finally:
        process.kill()
        await process.wait()


def side(name: str, gateway: GatewayProcess, uploads: Iterator[bytes]) -> Side:
    """A gateway among those that are compared."""
    if gateway.process is None:
        raise RuntimeError("the gateway has no process")
    return Side(name, gateway.url, gateway.process.pid, uploads)


@asynccontextmanager
async def all_sides(folder: Path) -> AsyncIterator[Sequence[Side]]:
    """The gateways, and last the two peers."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        repository, issuer = await enter(instant_forge()), await enter(oidc_issuer())
        signed = f"{issuer.url}/shop/web"
        asking = await enter(gateway(folder / "0", repository))
        proving = await enter(gateway(folder / "1", signed, audience=AUDIENCE))
        whole = await enter(gateway(folder / "2", repository, _MANY))
        reading, bare = await enter(peer(folder / "3", "--read-chart")), await enter(peer(folder / "4"))
        yield (
            side("job tokens, which the forge is asked for", asking, by_job_token(repository)),
            side("ID tokens", proving, by_id_token(signed, issuer)),
            side("job tokens, and all are carried on", whole, by_job_token(repository)),
            Side("bare framework that reads the chart, too", *reading, by_job_token(repository)),
            Side("bare framework", *bare, by_job_token(repository)),
        )


async def measure(folder: Path) -> Sequence[Side]:
    """Round by round in turn; the first does not count."""
    async with all_sides(folder) as sides:
        for warmed_up in (False, *(True,) * ROUNDS):
            for one in sides:
                await one.round([*itertools.islice(one.uploads, UPLOADS)])
                if not warmed_up:
                    one.warmed_up()
    return sides


def report(console: Console, sides: Sequence[Side]) -> None:
    """The figures of each, and how often those of the bare framework they are."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    title = f"{ROUNDS} x {UPLOADS} uploads of 50 KiB, {AT_ONCE} at once; {machine}"
    print_table(
        console,
        title,
        ("", "p50 ms", "p99 ms", "CPU ms", "uploads/s"),
        [(one.name, *one.figures().cells()) for one in sides],
    )
    *others, bare = sides
    print_table(
        console,
        f"as often as the bare framework (target: at most {TARGET:g})",
        ("", "p50", "p99", "CPU", "1 / uploads/s"),
        [(one.name, *one.figures().times(bare.figures())) for one in others],
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(5):
            (folder / str(number)).mkdir()
        sides = asyncio.run(measure(folder))
    report(Console(), sides)


if __name__ == "__main__":
    main()
