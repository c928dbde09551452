"""Whoever does not read the log holds nobody up, and learns how much is missing."""

import io
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from dag_gateway.cli.log_handler import BackgroundHandler

MANY = 5_000
UNREAD = f"""
import logging
from dag_gateway.cli.logs import configure_logs
configure_logs()
for number in range({MANY}):
    logging.getLogger("dag_gateway").info("x" * 1000)
print("still here")
"""


class Gate(io.StringIO):
    """Nothing is written before it opens; then ``fails`` says whether that can be done."""

    def __init__(self) -> None:
        super().__init__()
        self.opened, self.reached, self.fails = threading.Event(), threading.Event(), False

    def write(self, text: str) -> int:
        self.reached.set()
        assert self.opened.wait(60)
        if self.fails:
            raise OSError("no room")
        return super().write(text)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def logger_to(handler: logging.Handler) -> logging.Logger:
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger


def test_a_pipe_that_nobody_reads_stops_no_process() -> None:
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen([sys.executable, "-c", UNREAD], stdout=subprocess.PIPE, stderr=writing, text=True)
        said, _ = process.communicate(timeout=60)
    finally:
        os.close(reading)
        os.close(writing)
    assert (said, process.returncode) == ("still here\n", 0)


def test_lines_beyond_the_room_are_counted_and_told_of(gate: Gate) -> None:
    handler = BackgroundHandler(gate, most=2)
    logger = logger_to(handler)
    logger.warning("line 1")
    assert gate.reached.wait(60)
    for number in range(2, 10):
        logger.warning("line %d", number)
    gate.opened.set()
    handler.flush()
    lines = gate.getvalue().splitlines()
    assert [lines[0], *lines[2:]] == ["line 1", "line 2", "line 3"]
    assert lines[1] == "6 log lines are lost: they were not read, or could not be written"


def test_what_can_not_be_written_is_counted_too(gate: Gate) -> None:
    handler = BackgroundHandler(gate)
    logger = logger_to(handler)
    gate.fails = True
    gate.opened.set()
    logger.warning("line 1")
    handler.flush()
    gate.fails = False
    logger.warning("line 2")
    handler.flush()
    assert gate.getvalue().splitlines() == [
        "1 log lines are lost: they were not read, or could not be written",
        "line 2",
    ]


def test_to_flush_a_log_that_nobody_reads_takes_a_moment_only(gate: Gate) -> None:
    handler = BackgroundHandler(gate)
    logger_to(handler).warning("line 1")
    handler.flush()
    assert gate.getvalue() == ""
