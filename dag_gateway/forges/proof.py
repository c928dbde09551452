"""What a forge proves of a job, and what the configuration can be compared with."""

from dataclasses import dataclass
from typing import Protocol

from dag_gateway.config import AppSettings
from dag_gateway.errors import Invalid
from dag_gateway.model.identity import JobIdentity, TokenUse, UnverifiedJob

_LONGEST_JOB_ID = 255
_LONGEST_TOKEN = 8192


@dataclass(frozen=True, slots=True)
class Proof:
    """A job as its forge confirmed it.

    ``repo_url`` is where the forge has the job's project, "" when it does not say; ``project_id`` is its id there.
    ``ci_environment`` and ``workflow`` are the environment that the job deploys to and the file that defines it.
    ``use`` is the ID token that was shown. None: the forge does not say, or it was no ID token.
    """

    identity: JobIdentity
    repo_url: str
    project_id: str | None = None
    ci_environment: str | None = None
    workflow: str | None = None
    use: TokenUse | None = None


class Witness(Protocol):
    """One way to prove a job: one kind of token at one forge."""

    @property
    def takes(self) -> str:
        """The tokens that this one takes, as part of a sentence."""
        ...

    async def verify(self, job: UnverifiedJob, app: AppSettings) -> Proof | None:
        """The job as the forge knows it; None when the token is of another kind.

        Raises Unverified with the broken rule, ForgeUnavailable when the forge gives no usable answer.
        """
        ...

    async def is_protected(self, job: UnverifiedJob, identity: JobIdentity) -> bool | None:
        """Whether the job's ref is protected; None when that can not be found out. Raises like ``verify``."""
        ...


def check_form(job: UnverifiedJob) -> None:
    """Refuse what no forge would know, before it is sent anywhere. Raises Invalid, naming the field."""
    if not 0 < len(job.job_id) <= _LONGEST_JOB_ID or not job.job_id.isprintable():
        raise Invalid(f"jobId must be 1 to {_LONGEST_JOB_ID} printable characters")
    if not 0 < len(job.token) <= _LONGEST_TOKEN or not all("!" <= character <= "~" for character in job.token):
        raise Invalid(f"jobToken must be 1 to {_LONGEST_TOKEN} visible ASCII characters")
