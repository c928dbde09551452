"""Gateways that are killed, and everything around them; what can be seen from outside is a point too."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from .fault_client import Client
from .fault_database import outlive
from .fault_gateway import Aim
from .fault_ledger import Ledger
from .fault_lives import Life, Lives, free_port, zygote
from .fault_stages import furnish
from .fault_toll import Toll
from .git_http import Fault, GitServer, serving_git
from .world import Surroundings, surroundings


@dataclass
class Scene:
    """``running`` are the gateways by port. ``outside`` has the points of the git server and of the cluster, and
    ``outside_points`` those that were passed; killed there are all gateways: ``all_killed``."""

    around: Surroundings
    lives: Lives
    client: Client
    ledger: Ledger
    running: dict[int, Life] = field(default_factory=dict)
    outside_points: list[str] = field(default_factory=list)
    outside: Toll = field(init=False)
    all_killed: bool = False
    _aims: int = 0

    def __post_init__(self) -> None:
        self.outside = Toll(self.outside_points.append, lambda _: self.kill())

    async def start(self, port: int) -> Life:
        """A new life on this port."""
        config = self.around.config | {"data_dir": str(self.around.folder / f"data-{port}")}
        life = self.running[port] = await self.lives.begin(config, port)
        return life

    def kill(self) -> None:
        self.all_killed = True
        for life in self.running.values():
            life.kill()

    async def arm(self, kill_at: str | None = None, how: signal.Signals = signal.SIGKILL) -> None:
        """Points count from now on, and who is the first to pass ``kill_at`` gets the signal."""
        self.outside_points.clear()
        self.all_killed = False
        self.outside.arm(kill_at)
        self._aims += 1
        aim = Aim(kill_at, str(self.around.folder / f"killed-{self._aims}"), how)
        for life in self.running.values():
            await life.arm(aim)

    async def struck(self) -> tuple[Life, Life]:
        """Of two: the one that came to the point it was to be killed at, and the other."""
        one, other = self.running.values()
        waits = [asyncio.create_task(life.until(life.struck)) for life in (one, other)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return (one, other) if one.struck.is_set() else (other, one)

    async def outlive(self, life: Life) -> None:
        """Let time pass without it: others may go on with what it carries."""
        await outlive(self.ledger.database, life.process)

    async def bury(self) -> None:
        """Let time pass for the dead: others may go on with what they carried."""
        for life in self.dead:
            await self.outlive(life)

    @property
    def dead(self) -> Sequence[Life]:
        return [life for life in self.running.values() if life.ended.is_set()]

    async def replace_the_dead(self) -> None:
        for port, life in tuple(self.running.items()):
            if life in self.dead:
                await self.start(port)


@asynccontextmanager
async def scene(folder: Path, database: str, gateways: int = 1, stages: int = 0) -> AsyncIterator[Scene]:
    """So many gateways on one database, which has its tables, and so many environments more. ``folder`` takes all that
    they write."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(serving_git(folder, "dag", "secret"))
        around = await stack.enter_async_context(surroundings(folder))
        around.config["repositories"] = {"iac": {"url": server.url("iac.git"), "username": "dag", "password": "secret"}}
        around.config["database"] = {"url": database}
        await furnish(around, stages)
        lives = await stack.enter_async_context(zygote(folder))
        ports = [free_port() for _ in range(gateways)]
        client = await stack.enter_async_context(Client.of(*(f"http://127.0.0.1:{port}" for port in ports)))
        scene = Scene(around, lives, client, Ledger(database, around.repository))
        _watch(server, around, scene.outside)
        for port in ports:
            await scene.start(port)
        yield scene


def _watch(server: GitServer, around: Surroundings, toll: Toll) -> None:
    """Every request is a point when it was sent, and those to git also when they are about to be answered."""

    def git_fault(service: str) -> Fault:
        sent, done = f"git: {service} sent", f"git: {service} about to be answered"
        return Fault(service, before=lambda: toll.pass_by(sent), after=lambda: toll.pass_by(done))

    server.always = git_fault
    around.cluster.faults.asked = lambda method, url: toll.pass_by(f"cluster: {_verb(method, url)}")


def _verb(method: str, url: str) -> str:
    """Which kind is read is data, not another place in the code."""
    if "watch=true" in url:
        return "watch"
    return "list" if method == "GET" else f"{method} {urlsplit(url).path}"
