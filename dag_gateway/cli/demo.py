"""``dag demo``: the whole thing on this machine, with nothing installed."""

import asyncio
import logging
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from .exits import ExitCode
from .run import run

Once = Annotated[bool, typer.Option("--once", help="End after the deployment; exit code 0 when it was deployed.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Where the gateway listens; 0: any free port.")]
Dir = Annotated[Path | None, typer.Option("--dir", help="Keep everything in this folder. Default: a temporary one.")]


def demo(once: Once = False, port: Port = 8080, directory: Dir = None) -> None:
    """Deploy a sample chart into a simulated cluster, as a CI job would, and stay up to play with."""
    from .demo_run import run_demo
    from .logs import configure_logs

    def work() -> ExitCode:
        with tempfile.TemporaryDirectory(prefix="dag-demo-") as scratch:
            folder = directory or Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "gateway.log").open("a", encoding="utf-8") as log:
                configure_logs(logging.StreamHandler(log))
                deployed = asyncio.run(run_demo(folder, port, once=once))
        return ExitCode.OK if deployed else ExitCode.FAILED

    run(work)
