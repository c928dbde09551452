"""One worker process, seen from the gateway."""

import asyncio
import contextlib
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from dag_gateway.errors import Unavailable

from .frames import frame, receive

# Generous: the shared library has 80 MiB to be read from a cold disk.
_START_SECONDS = 60.0
_KEPT_STDERR = 8192
_FATAL = b"fatal error: "
_LONGEST_LAST_LINE = 200
_OUT_OF_MEMORY = re.compile(r"out of memory|cannot allocate memory|pthread_create failed|create new OS thread")
_PACKAGE_PARENT = Path(__file__).parents[2]


class HelmUnavailable(Unavailable):
    """The worker with the Helm library does not start, or its disk is full; the fault is not in the chart."""

    code = "helm_unavailable"


class WorkerDied(Exception):
    """The process ended before it answered; the text is what it said of that.

    ``out_of_memory`` tells whether its own limit ended it.
    """

    def __init__(self, stderr: str) -> None:
        lines = stderr.splitlines() or ["it said nothing"]
        line = lines[0] if stderr.startswith(_FATAL.decode()) else lines[-1]
        super().__init__(line[:_LONGEST_LAST_LINE])
        self.out_of_memory = _OUT_OF_MEMORY.search(stderr) is not None


class Worker:
    """A process with a folder of its own; whoever starts it stops it."""

    def __init__(self, process: asyncio.subprocess.Process, folder: "tempfile.TemporaryDirectory[str]") -> None:
        self._process = process
        self._folder = folder
        self._stderr = asyncio.create_task(_last_words(_pipe(process.stderr)))

    @classmethod
    async def start(cls, memory: int) -> Self:
        """``memory`` is in bytes. Raises HelmUnavailable when the process is not ready in time."""
        try:
            async with contextlib.AsyncExitStack() as undo:
                folder = tempfile.TemporaryDirectory(prefix="dag-helm-", ignore_cleanup_errors=True)
                undo.callback(folder.cleanup)
                worker = cls(await _spawned(folder.name, memory), folder)
                undo.push_async_callback(worker.stop)
                async with asyncio.timeout(_START_SECONDS):
                    await worker._answer()
                undo.pop_all()
        except (WorkerDied, OSError) as error:
            raise HelmUnavailable(f"the process with the Helm library does not start: {error}") from error
        return worker

    async def call(self, request: Mapping[str, Any], archive: bytes) -> dict[str, Any]:
        """The answer to one request. Raises WorkerDied; after that, or when cancelled, only ``stop`` makes sense."""
        requests = _pipe(self._process.stdin)
        # A write to a dead process fails, or does not; the missing answer tells either way.
        with contextlib.suppress(ConnectionError):
            requests.write(frame(request, archive))
            await requests.drain()
        return await self._answer()

    async def stop(self) -> None:
        """Kill the process, whatever it is doing, and remove its folder."""
        # One that has ended is left to asyncio, which would miss its end if ``kill`` asked for it first.
        if not _pipe(self._process.stdout).at_eof():
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        await self._stderr
        _pipe(self._process.stdin).close()
        self._folder.cleanup()

    async def _answer(self) -> dict[str, Any]:
        try:
            return await receive(_pipe(self._process.stdout))
        except EOFError as error:
            raise WorkerDied((await self._stderr).decode(errors="replace")) from error


async def _spawned(folder: str, memory: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-s", "-m", "dag_gateway.helm.worker", str(memory)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env=_environment(folder, memory),
        start_new_session=True,
    )


def _environment(folder: str, memory: int) -> dict[str, str]:
    """All the worker is told; nothing of the gateway's own environment, where secrets may be."""
    return {
        "PYTHONPATH": str(_PACKAGE_PARENT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": folder,
        "TMPDIR": folder,
        # The collector works harder before the limit is met.
        "GOMEMLIMIT": str(memory * 9 // 10),
        # Go's own resolver fails at once where it may open no socket; the one of the C library tries for 15 seconds.
        "GODEBUG": "netdns=go",
    }


async def _last_words(stream: asyncio.StreamReader) -> bytes:
    """What was said before the stream ended: Go's reason for a crash, which long traces follow, or the last lines."""
    words = b""
    while piece := await stream.read(_KEPT_STDERR):
        words += piece
        fatal = words.find(_FATAL)
        words = words[-_KEPT_STDERR:] if fatal < 0 else words[fatal : fatal + _KEPT_STDERR]
    return words


_Pipe = TypeVar("_Pipe")


def _pipe(pipe: _Pipe | None) -> _Pipe:
    if pipe is None:
        raise RuntimeError("the worker was started without pipes")
    return pipe
