"""How soon thousands hear of an event, and what they cost while nothing happens, beside the bare framework.

The server runs in a process of its own, on uvicorn with a real store; the listeners are in this one, on the same
machine, and all read one clock. The floor is the framework's streaming response with the same bytes: it stores nothing,
so its ratios are to what happens behind the record.
"""

import argparse
import asyncio
import gc
import os
import platform
import resource
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bench.parts.figures import Target, print_targets
from bench.parts.stream_delivery import BARE, OURS, Scale, measure, report

SCALES = {"one": (Scale(1, 10_000, 1.0), 2000.0), "spread": (Scale(500, 10, 100.0), 500.0)}
"""The scales and, in ms, how soon the end has to come."""


def main() -> None:
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(f"{os.cpu_count()} cores, Python {platform.python_version()}")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # A pause of the listeners' own would be told as one of the server's.
    gc.disable()
    targets: list[Target] = []
    for name in options.only:
        scale, soon = SCALES[name]
        scale = Scale(scale.deployments, max(1, round(scale.listeners * options.share)), scale.rate)
        with tempfile.TemporaryDirectory() as ours_in, tempfile.TemporaryDirectory() as bare_in:
            ours = asyncio.run(measure(OURS, scale, Path(ours_in), idle=name == "one"))
            bare = asyncio.run(measure(BARE, scale, Path(bare_in)))
        title = f"{scale.total:,} on {scale.deployments}"
        targets += report(console, title, ours, bare, soon=soon)
    print_targets(console, targets)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SCALES, default=list(SCALES))
    parser.add_argument("--share", type=float, default=1.0, help="of the listeners, for a short run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
