"""Imports a gateway once and forks it for every life: ``python -m tests.fakes.fault_zygote``.

Orders come on stdin, one JSON object a line; what becomes of the lives goes to stdout. At the end of stdin all are
killed.
"""

import gc
import json
import os
import selectors
import signal
import sys
import traceback
from importlib import import_module

from .fault_gateway import Order, live, say

_LATE = (
    "aiosqlite",
    "anyio._backends._asyncio",
    "asyncpg",
    "dulwich.object_filters",
    "dulwich.trailers",
    "dulwich.worktree",
    "httpcore",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.auto",
)
"""What a gateway imports only when it needs it, which would be once in every life."""


class Zygote:
    """``lives`` are the running ones: process id -> number of the life."""

    def __init__(self) -> None:
        self._lives: dict[int, int] = {}
        self._orders = b""

    def run(self) -> None:
        """Until stdin ends. Single-threaded and without a loop, so that a fork is a clean copy."""
        ends, told = os.pipe()
        os.set_blocking(told, False)
        os.set_blocking(ends, False)
        signal.set_wakeup_fd(told)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            self._listen(ends)
        finally:
            for process in self._lives:
                os.kill(process, signal.SIGKILL)

    def _listen(self, ends: int) -> None:
        """``ends`` can be read when a life has ended."""
        with selectors.DefaultSelector() as inputs:
            inputs.register(0, selectors.EVENT_READ)
            inputs.register(ends, selectors.EVENT_READ)
            reading = True
            while reading:
                ready = {key.fd for key, _ in inputs.select()}
                if ends in ready:
                    os.read(ends, 4096)
                    self._bury()
                if 0 in ready:
                    reading = self._obey()

    def _obey(self) -> bool:
        """Whether there may be more orders."""
        read = os.read(0, 65536)
        *lines, self._orders = (self._orders + read).split(b"\n")
        for line in lines:
            self._begin(Order(**json.loads(line)))
        return bool(read)

    def _begin(self, order: Order) -> None:
        process = os.fork()
        if process == 0:
            _be(order)
        self._lives[process] = order.life
        say(order.life, process=process)

    def _bury(self) -> None:
        while self._lives:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            say(self._lives.pop(process), gone=os.waitstatus_to_exitcode(status))


def _be(order: Order) -> None:
    """The life itself; never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        live(order)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for module in _LATE:
        import_module(module)
    gc.freeze()
    Zygote().run()
