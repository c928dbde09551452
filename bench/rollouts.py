"""How soon a client hears what happens in the cluster, and what waiting costs.

The gateway and the simulated cluster run in processes of their own, on this machine; the changes are stamped in the one
and met at the clients in a third, by the clock that all processes share. The floor is a client that only watches.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from bench.parts import rollout_idle, rollout_latency
from bench.parts.figures import Target, print_targets

T = TypeVar("T")

_PARTS = ("latency", "idle")


def main() -> None:
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else 130)
    console.print(f"{os.cpu_count()} cores, Python {platform.python_version()}")
    targets: list[Target] = []
    if "latency" in options.only:
        targets += rollout_latency.report(console, _in_a_folder(rollout_latency.measure))
    if "idle" in options.only:
        targets += rollout_idle.report(console, _in_a_folder(rollout_idle.measure))
    print_targets(console, targets)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=list(_PARTS))
    return parser.parse_args()


def _in_a_folder(measure: Callable[[Path], Coroutine[Any, Any, T]]) -> T:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
