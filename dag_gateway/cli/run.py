"""The edge of every client command: errors become words on stderr and an exit code."""

import traceback
from collections.abc import Callable
from typing import NoReturn

import typer

from dag_gateway.errors import GatewayError

from .exits import ExitCode, exit_code_of
from .lines import lines_of


def run(work: Callable[[], ExitCode]) -> NoReturn:
    """Do ``work`` and exit as it says."""
    try:
        code = work()
    except GatewayError as error:
        _say(error.message)
        code = exit_code_of(error)
    except KeyboardInterrupt:
        # Not 1: that would say that the deployment failed.
        _say("interrupted; what the gateway has accepted goes on")
        code = ExitCode.UNKNOWN
    except Exception:
        # A mistake of this client, and again not 1. The traceback shows no values.
        traceback.print_exc()
        code = ExitCode.UNKNOWN
    raise typer.Exit(code)


def _say(message: str) -> None:
    typer.echo("\n".join(lines_of("dag", message)), err=True)
