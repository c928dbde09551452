"""A log that is written beside the work: a pipe that nobody reads holds nobody up."""

import logging
import os
import queue
import sys
import threading
from typing import Self, TextIO

_MOST = 10_000
"""Lines that wait to be written; further ones are counted instead."""

_PATIENCE = 1.0
"""Seconds that ``flush`` waits."""


class BackgroundHandler(logging.Handler):
    """Lines are formatted where they arise, and written by a thread of its own, which ends with the process."""

    def __init__(self, out: TextIO, most: int = _MOST) -> None:
        """``out`` is written to by nobody else."""
        super().__init__()
        self._out = out
        self._lines: queue.Queue[str] = queue.Queue(most)
        self._lost = 0
        threading.Thread(target=self._keep_writing, name="log", daemon=True).start()

    @classmethod
    def on_stderr(cls) -> Self:
        """Over a descriptor of its own: the interpreter waits at its end for whoever writes to ``sys.stderr``."""
        return cls(os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", errors="replace"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self._lost += 1
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Wait until all lines are written, but not for long. ``logging`` calls this at the end of the process."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, _PATIENCE)

    def _keep_writing(self) -> None:
        while True:
            line = self._lines.get()
            try:
                self._out.write(f"{self._loss()}{line}\n")
                self._out.flush()
            except (OSError, ValueError):
                # A full disk, or nobody at the other end: there is no place to say so.
                self._lost += 1
            finally:
                self._lines.task_done()

    def _loss(self) -> str:
        """A line on those that are missing before the next; nothing when none is."""
        if not self._lost:
            return ""
        lost, self._lost = self._lost, 0
        message = "log lines are lost: they were not read, or could not be written"
        record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, f"{lost} {message}", None, None)
        return f"{self.format(record)}\n"
