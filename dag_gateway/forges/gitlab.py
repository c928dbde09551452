"""CI job tokens of a GitLab, checked by asking that GitLab."""

from dag_gateway.config import AppSettings
from dag_gateway.errors import Unverified
from dag_gateway.model.identity import JobIdentity, RefKind, UnverifiedJob

from .answer import Answer
from .claims_job import job_proof, ref_protected
from .fetch import ForgeClient
from .proof import Proof
from .unverified_token import is_id_token

_LONGEST = 4096
"""Characters of a job token: those with a JSON Web Token in them have about 1,000. A header of 8 KiB is more than many
proxies in front of a GitLab take, and what they answer then looks like a forge that is down."""

_LISTS = {RefKind.BRANCH: "branches", RefKind.TAG: "tags"}


class JobTokens:
    """The job tokens of one GitLab. A token travels in a header only, and only to the configured address."""

    def __init__(self, forge: str, client: ForgeClient) -> None:
        """Who opened ``client`` closes it."""
        self._forge = forge
        self._client = client

    @property
    def takes(self) -> str:
        return "a CI job token"

    async def verify(self, job: UnverifiedJob, app: AppSettings) -> Proof | None:
        """None for an ID token, which is nothing to show to another forge.

        A job token may have a JSON Web Token in it, behind a prefix (GitLab's ``lib/ci/job_token/jwt.rb``).
        """
        if is_id_token(job.token):
            return None
        if len(job.token) > _LONGEST:
            raise Unverified(
                f"jobToken is longer than {_LONGEST} characters; forge {self._forge!r} has no such job tokens"
            )
        return job_proof(await self._get("/api/v4/job", job), self._forge, job)

    async def is_protected(self, job: UnverifiedJob, identity: JobIdentity) -> bool:
        """Whether the job's ref is protected *now*; raises like ``verify``.

        A job token may read the list of branches or tags, but not a single one (GitLab's ``lib/api/branches.rb`` and
        ``tags.rb``: ``job_token_allowed``). The list is searched for the name, and GitLab puts the exact match first.
        """
        path = f"/api/v4/projects/{identity.project}/repository/{_LISTS[identity.ref_kind]}"
        answer = await self._get(path, job, {"search": identity.ref, "per_page": "20"})
        return ref_protected(answer, self._forge, identity)

    async def _get(self, path: str, job: UnverifiedJob, params: dict[str, str] | None = None) -> Answer:
        return await self._client.get(path, {"JOB-TOKEN": job.token}, params)
