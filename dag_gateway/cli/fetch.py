"""``dag get-chart`` and ``dag get-values``: what is live in an environment, for a CI job."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from dag_gateway.clock import SystemClock
from dag_gateway.model.identity import UnverifiedJob

from .api_client import Gateway, open_gateway
from .exits import ExitCode, OutcomeUnknown, WrongUsage
from .job import GivenJob, find_job
from .json_output import echo_json
from .lines import lines_of
from .options import (
    AudienceOption,
    Call,
    EnvironmentOption,
    JobIdOption,
    JobTokenOption,
    RepoOption,
    ServerOption,
    TimeoutOption,
    call_of,
)
from .run import run

T = TypeVar("T")
OutArgument = Annotated[Path, typer.Argument(metavar="OUT.tgz", help="The file to write.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the two commands to ``app``."""
    app.command("get-chart")(get_chart)
    app.command("get-values")(get_values)


def get_chart(
    out: OutArgument,
    server: ServerOption = None,
    repo: RepoOption = None,
    job_id: JobIdOption = None,
    job_token: JobTokenOption = None,
    audience: AudienceOption = None,
    environment: EnvironmentOption = None,
    timeout: TimeoutOption = 300.0,
) -> None:
    """Write the chart that the environment has now to OUT.tgz."""

    def work() -> ExitCode:
        call = call_of(server, GivenJob(repo, job_id, job_token, audience), environment, timeout)
        if not out.parent.is_dir():
            raise WrongUsage(f"OUT.tgz: there is no folder {str(out.parent)!r}")
        write_whole(out, asyncio.run(ask(call, lambda gateway, job: gateway.chart(job, call.environment))))
        return ExitCode.OK

    run(work)


def get_values(
    server: ServerOption = None,
    repo: RepoOption = None,
    job_id: JobIdOption = None,
    job_token: JobTokenOption = None,
    audience: AudienceOption = None,
    environment: EnvironmentOption = None,
    timeout: TimeoutOption = 300.0,
) -> None:
    """Print the values that the environment has now, as JSON."""

    def work() -> ExitCode:
        call = call_of(server, GivenJob(repo, job_id, job_token, audience), environment, timeout)
        values = asyncio.run(ask(call, lambda gateway, job: gateway.values(job, call.environment)))
        echo_json(values, indent=2)
        return ExitCode.OK

    run(work)


async def ask(call: Call, question: Callable[[Gateway, UnverifiedJob], Awaitable[T]]) -> T:
    """The answer to one call for the job. Raises WrongUsage, Refused, and OutcomeUnknown after ``call.timeout``."""
    clock = SystemClock()
    try:
        async with asyncio.timeout(call.timeout), open_gateway(call.server, clock, _note) as gateway:
            return await question(gateway, await find_job(call.job, call.ci, call.server, clock, _note))
    except TimeoutError as error:
        raise OutcomeUnknown(f"--timeout: {call.timeout:g} s are over, {call.server} has not answered") from error


def write_whole(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``: never half a file, except in a pipe or device. Raises WrongUsage."""
    special = path.exists() and not path.is_file()
    part = path if special else path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        if not special:
            part.replace(path)
    except OSError as error:
        raise WrongUsage(f"OUT.tgz: {str(path)!r} can not be written: {error.strerror}") from error


def _note(text: str) -> None:
    typer.echo("\n".join(lines_of("dag", text)), err=True)
