"""Who asks: the options where they are given, otherwise what the CI system says."""

from collections.abc import Callable
from dataclasses import dataclass, field

from dag_gateway.clock import Clock
from dag_gateway.model.identity import UnverifiedJob, normal_repo_url

from .ci import Ci, CiSystem
from .exits import WrongUsage
from .id_token import fetch_id_token


@dataclass(frozen=True, slots=True)
class GivenJob:
    """The options; None where one is not given. ``audience`` is for a requested ID token; None: the server's URL."""

    repo: str | None = None
    job_id: str | None = None
    token: str | None = field(default=None, repr=False)
    audience: str | None = None


async def find_job(given: GivenJob, ci: Ci, server: str, clock: Clock, note: Callable[[str], None]) -> UnverifiedJob:
    """The job to speak for. Asks the runner for an ID token when nothing else is there.

    ``note`` is told of every try that failed. Raises WrongUsage, and OutcomeUnknown when the runner is in trouble.
    """
    repo_url = required(given.repo or ci.repo_url, "--repo", "DAG_REPO_URL", ci)
    job_id = required(given.job_id or ci.job_id, "--job-id", "DAG_JOB_ID", ci)
    try:
        normal_repo_url(repo_url)
    except ValueError as error:
        raise WrongUsage(f"--repo: {error}") from error
    return UnverifiedJob(repo_url, job_id, await _token(given, ci, server, clock, note))


def required(value: str | None, option: str, variable: str, ci: Ci) -> str:
    """``value``. Raises WrongUsage naming ``option``, its environment twin and where it was looked for."""
    if value:
        return value
    looked = "no CI system was recognised" if ci.system is CiSystem.NONE else f"{ci.system} does not say it"
    raise WrongUsage(f"{option} is missing: give it, or set {variable} ({looked})")


async def _token(given: GivenJob, ci: Ci, server: str, clock: Clock, note: Callable[[str], None]) -> str:
    token = given.token or ci.token
    if not token and ci.id_token_request:
        token = await fetch_id_token(ci.id_token_request, given.audience or server, clock, note)
    if not token and ci.system is CiSystem.ACTIONS:
        raise WrongUsage(
            "--job-token is missing: give the job 'permissions: id-token: write' "
            "(Forgejo: 'enable-openid-connect: true'), or set DAG_JOB_TOKEN"
        )
    return required(token, "--job-token", "DAG_JOB_TOKEN", ci)
