"""The ``dag`` command: client commands from the base install, server commands from the ``[server]`` extra."""

import io
import sys
from typing import Annotated

import typer

from dag_gateway import __version__

from . import auth, config, database, deploy, fetch
from .demo import demo
from .exits import ExitCode
from .serve import serve

app = typer.Typer(
    help="From a CI job to a proven rollout.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dag-gateway {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = (
        False
    ),
) -> None:
    """Options before the command."""


deploy.register(app)
fetch.register(app)
app.command()(serve)
app.command()(demo)
app.add_typer(auth.app, name="auth")
app.add_typer(config.app, name="config")
app.add_typer(database.app, name="db")


def main() -> None:
    """The entry point of the console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As it is on stderr: what a code page does not have is spelled out, and ends nothing.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library == "dag_gateway":
            raise
        typer.echo(f"this command needs {library}: pip install 'dag-gateway[server]'", err=True)
        raise SystemExit(ExitCode.WRONG_USAGE) from None
