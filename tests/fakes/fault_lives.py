"""The test's side of ``fault_zygote``: begin a life, hear how far it comes, kill it."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import certifi
import yaml

from .fault_gateway import Aim, Order

_ROOT = Path(__file__).parents[2]
_HANGS = 300.0
"""Seconds for what takes less than one; only a life that hangs takes so long."""


@dataclass(eq=False)
class Life:
    """One process. ``points`` are the names it passed, in order; ``struck`` is set when it came to the one it was to be
    killed at."""

    number: int
    url: str
    log: Path
    aim: Path
    process: int = 0
    points: list[str] = field(default_factory=list)
    code: int | None = None
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    armed: asyncio.Event = field(default_factory=asyncio.Event)
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, words: dict[str, Any]) -> None:
        """One line of what was said of it."""
        match words:
            case {"point": name}:
                self.points.append(name)
            case {"killed": _}:
                self.struck.set()
            case {"process": process}:
                self.process = process
            case {"listening": _}:
                self.listening.set()
            case {"armed": _}:
                self.armed.set()
            case {"gone": code}:
                self.code = code
                self.ended.set()
        self._heard.set()

    async def comes_to(self, ending: str) -> None:
        """Wait until it passes a point whose name ends so. Raises TimeoutError."""
        async with asyncio.timeout(_HANGS):
            while not any(point.endswith(ending) for point in self.points):
                self._heard.clear()
                await self._heard.wait()

    async def arm(self, aim: Aim) -> None:
        """From now on its points count."""
        self.armed.clear()
        self.struck.clear()
        self.points.clear()
        self.aim.write_text(json.dumps(asdict(aim)))
        self.signal(signal.SIGUSR1)
        await self.until(self.armed)

    def signal(self, which: signal.Signals) -> None:
        """Safe to call from any thread."""
        if not self.ended.is_set():
            os.kill(self.process, which)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    async def gone(self) -> None:
        await self.until(self.ended)

    async def until(self, happened: asyncio.Event) -> None:
        """Wait for one of its events. Raises AssertionError, with its log, when it ends or hangs instead."""
        waiting = {asyncio.ensure_future(event.wait()) for event in (happened, self.ended)}
        await asyncio.wait(waiting, timeout=_HANGS, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()
        assert happened.is_set(), f"life {self.number} ended with {self.code}:\n{self.last_words()}"

    def last_words(self) -> str:
        return self.log.read_text()[-4000:] if self.log.exists() else ""


class Lives:
    """All lives of one zygote, in ``folder``."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._lives: list[Life] = []

    async def begin(self, config: dict[str, Any], port: int) -> Life:
        """A gateway with this config that listens."""
        name = self._folder / f"life-{len(self._lives)}"
        file, aim = name.with_suffix(".yaml"), name.with_suffix(".aim")
        file.write_text(yaml.safe_dump(config | {"server": {"host": "127.0.0.1", "port": port, "drain": "5s"}}))
        life = Life(len(self._lives), f"http://127.0.0.1:{port}", name.with_suffix(".log"), aim)
        self._lives.append(life)
        self._send(Order(life.number, str(file), str(life.log), str(aim)))
        await life.until(life.listening)
        return life

    def _send(self, order: Order) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")

    async def listen(self) -> None:
        """Give every life its lines, until the zygote ends."""
        assert self._process.stdout
        async for line in self._process.stdout:
            words = json.loads(line)
            self._lives[words.pop("life")].hear(words)
        for life in self._lives:
            life.ended.set()


@asynccontextmanager
async def zygote(folder: Path) -> AsyncIterator[Lives]:
    """Whatever runs at the end is killed."""
    leftovers = folder / "tmp"
    leftovers.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(_ROOT),
        "SSL_CERT_FILE": str(_one_authority(folder)),
        "TMPDIR": str(leftovers),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.fault_zygote"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
        cwd=folder,
    )
    lives = Lives(process, folder)
    listening = asyncio.create_task(lives.listen())
    try:
        yield lives
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()
        await listening


def _one_authority(folder: Path) -> Path:
    """Nothing here speaks TLS, and all authorities of the machine take a tenth of a second to load in every life."""
    file, end = folder / "authority.pem", "-----END CERTIFICATE-----\n"
    file.write_text(certifi.contents().partition(end)[0] + end)
    return file


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
