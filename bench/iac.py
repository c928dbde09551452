"""The IaC writer beside the git command line, against a real git server: nginx, fcgiwrap and ``git http-backend``.

The peer is a gateway with a worktree: fetch, reset, replace the folder, add, commit, push. The deployed chart has eight
files, every deployment another content. ``parts/repositories.py`` tells the shape of the repositories. The housekeeping
of git (``gc.auto``, ``receive.autogc``) is off at the server and at the peer. Every side takes its turn in every round.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from bench.parts import crowd, idle, memory
from bench.parts.figures import Target, print_targets
from bench.parts.repositories import SIZES
from tests.fakes.git_cli import git

T = TypeVar("T")

_PEER_ROUNDS = {200_000: 4}


def main() -> None:
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else 130)
    console.print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {git(Path.cwd(), '--version')}")
    targets: list[Target] = []
    failures: list[str] = []
    if "memory" in options.only:  # first, while nothing else has left anything in this process
        growth = _in_a_folder(memory.measure)
        targets += memory.report(console, growth)
        failures += growth.run.failures
    if "idle" in options.only:
        targets += idle.report(console, _idle(options.files, options.rounds))
    if "crowd" in options.only:
        found = _in_a_folder(crowd.measure)
        targets += crowd.report(console, found)
        failures += crowd.failures(found)
    print_targets(console, targets)
    sys.exit("\n".join(sorted(set(failures))) if failures else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=["idle", "crowd", "memory"], default=["idle", "crowd", "memory"])
    parser.add_argument("--files", nargs="+", type=int, choices=SIZES, default=list(SIZES), help="sizes for idle")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of idle")
    return parser.parse_args()


def _idle(sizes: Sequence[int], rounds: int) -> dict[int, idle.Times]:
    def measured(files: int) -> idle.Times:
        peer_rounds = min(rounds, _PEER_ROUNDS.get(files, rounds))
        return _in_a_folder(lambda folder: idle.measure(folder, files, rounds, peer_rounds))

    return {files: measured(files) for files in sizes}


def _in_a_folder(measure: Callable[[Path], Coroutine[Any, Any, T]]) -> T:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
