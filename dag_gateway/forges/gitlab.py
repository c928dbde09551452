"""CI job tokens of a GitLab, checked by asking that GitLab."""

from dag_gateway.config import AppSettings, GitlabSettings
from dag_gateway.model.identity import JobIdentity, RefKind, UnverifiedJob

from .answer import Answer
from .claims import gitlab_identity, gitlab_protected
from .fetch import ForgeClient

_LISTS = {RefKind.BRANCH: "branches", RefKind.TAG: "tags"}


class GitlabForge:
    """One GitLab. The token travels in a header only, and only to the configured address."""

    def __init__(self, name: str, settings: GitlabSettings) -> None:
        self._name = name
        self._client = ForgeClient(name, settings.url, settings.timeout)

    async def verify(self, job: UnverifiedJob, app: AppSettings) -> JobIdentity:
        """Raises Unverified with the broken rule, ForgeUnavailable when GitLab gives no usable answer."""
        return gitlab_identity(await self._get("/api/v4/job", job), self._name, job, app)

    async def is_protected(self, job: UnverifiedJob, identity: JobIdentity) -> bool:
        """Whether the job's ref is protected *now*; raises like ``verify``.

        A job token may read the list of branches or tags, but not a single one (GitLab's ``lib/api/branches.rb`` and
        ``tags.rb``: ``job_token_allowed``). The list is searched for the name, and GitLab puts the exact match first.
        """
        path = f"/api/v4/projects/{identity.project}/repository/{_LISTS[identity.ref_kind]}"
        answer = await self._get(path, job, {"search": identity.ref, "per_page": "20"})
        return gitlab_protected(answer, self._name, identity)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _get(self, path: str, job: UnverifiedJob, params: dict[str, str] | None = None) -> Answer:
        return await self._client.get(path, {"JOB-TOKEN": job.token}, params)
