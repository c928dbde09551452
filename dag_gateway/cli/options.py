"""The options that the client commands share, each with its environment twin."""

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

import typer

from .api_client import server_url
from .ci import Ci, detect
from .exits import WrongUsage
from .job import GivenJob, required

ServerOption = Annotated[
    str | None, typer.Option("--server", envvar="DAG_SERVER_URL", metavar="URL", help="The gateway.")
]
RepoOption = Annotated[
    str | None,
    typer.Option("--repo", envvar="DAG_REPO_URL", metavar="URL", help="The source repository. In CI: found by itself."),
]
JobIdOption = Annotated[
    str | None, typer.Option("--job-id", envvar="DAG_JOB_ID", metavar="ID", help="The CI job. In CI: found by itself.")
]
JobTokenOption = Annotated[
    str | None,
    typer.Option(
        "--job-token",
        envvar="DAG_JOB_TOKEN",
        metavar="TOKEN",
        help="The job's token or ID token; better in the variable than here. In CI: found by itself.",
    ),
]
AudienceOption = Annotated[
    str | None,
    typer.Option(
        "--audience",
        envvar="DAG_AUDIENCE",
        metavar="TEXT",
        help="The audience of an ID token that is requested from the runner. Default: the gateway's URL.",
    ),
]
EnvironmentOption = Annotated[
    str | None,
    typer.Option("--environment", envvar="DAG_ENVIRONMENT", metavar="NAME", help="Needed when the branch has several."),
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", envvar="DAG_TIMEOUT", metavar="SECONDS", help="For the whole command.")
]


class Output(StrEnum):
    """What goes to stdout."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[
    Output, typer.Option("--output", help="json: print the final record of the deployment on stdout.")
]


@dataclass(frozen=True, slots=True)
class Call:
    """What every client command needs: whom to ask, for which job, for how long (seconds)."""

    server: str
    job: GivenJob
    environment: str | None
    timeout: float
    ci: Ci = field(default_factory=Ci)


def call_of(server: str | None, job: GivenJob, environment: str | None, timeout: float) -> Call:
    """The options together with what the CI system says. Raises WrongUsage."""
    ci = detect(os.environ)
    if not 0 < timeout <= 7 * 24 * 3600:
        raise WrongUsage(f"--timeout must be between 0 and 604800 seconds (a week), not {timeout:g}")
    return Call(server_url(required(server, "--server", "DAG_SERVER_URL", ci)), job, environment, timeout, ci)
