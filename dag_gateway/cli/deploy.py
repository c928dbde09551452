"""``dag deploy``: pack, upload, follow to the end."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dag_gateway.clock import SystemClock

from .exits import ExitCode, WrongUsage
from .job import GivenJob, required
from .json_output import echo_json
from .options import (
    AudienceOption,
    EnvironmentOption,
    JobIdOption,
    JobTokenOption,
    Output,
    OutputOption,
    RepoOption,
    ServerOption,
    TimeoutOption,
    call_of,
)
from .package import pack
from .rollout import deploy_chart
from .run import run
from .show import view_for
from .values import ValueChanges

_LONGEST_VERSION = 255

ChartArgument = Annotated[Path, typer.Argument(metavar="CHART", help="A chart folder or .tgz.", show_default=False)]
VersionOption = Annotated[
    str | None,
    typer.Option(
        "--deploy-version",
        envvar="DAG_DEPLOY_VERSION",
        metavar="TEXT",
        help="A SemVer tag or commit id. In CI: the tag of the pipeline, otherwise its commit.",
    ),
]
ValuesFileOption = Annotated[
    list[Path] | None, typer.Option("--values-file", help="Values over those of the chart; repeatable.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="K=V", help="One value, in Helm's syntax; repeatable.")
]
SetJsonOption = Annotated[
    list[str] | None, typer.Option("--set-json", metavar="K=JSON", help="One value as JSON; repeatable.")
]
SetFileOption = Annotated[
    list[str] | None, typer.Option("--set-file", metavar="K=PATH", help="A file as one value; repeatable.")
]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("deploy")(deploy)


def deploy(
    chart: ChartArgument,
    server: ServerOption = None,
    version: VersionOption = None,
    repo: RepoOption = None,
    job_id: JobIdOption = None,
    job_token: JobTokenOption = None,
    audience: AudienceOption = None,
    environment: EnvironmentOption = None,
    timeout: TimeoutOption = 3600.0,
    values_file: ValuesFileOption = None,
    set_: SetOption = None,
    set_json: SetJsonOption = None,
    set_file: SetFileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Deploy CHART and wait until it is proven to run, or is known to have failed.

    Exit codes: 0 deployed, 1 failed, 2 wrong usage, 3 refused, 4 outcome unknown.
    """

    def work() -> ExitCode:
        call = call_of(server, GivenJob(repo, job_id, job_token, audience), environment, timeout)
        wanted = _version(required(version or call.ci.version, "--deploy-version", "DAG_DEPLOY_VERSION", call.ci))
        changes = ValueChanges(
            files=tuple(values_file or ()),
            jsons=tuple(set_json or ()),
            sets=tuple(set_ or ()),
            set_files=tuple(set_file or ()),
        )
        packed = pack(chart, changes)
        clock = SystemClock()
        view = view_for(call.ci, Console(stderr=True), clock)
        journey = asyncio.run(deploy_chart(call, wanted, packed, view, clock, with_record=output is Output.JSON))
        if journey.record is not None:
            echo_json(journey.record)
        return ExitCode.OK if journey.deployed else ExitCode.FAILED

    run(work)


def _version(text: str) -> str:
    if len(text) > _LONGEST_VERSION or not text.isprintable():
        raise WrongUsage(f"--deploy-version must be 1 to {_LONGEST_VERSION} printable characters")
    return text
