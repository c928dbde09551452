"""What must hold of a job of GitLab before its answer to a job token counts."""

from collections.abc import Callable

from dag_gateway.errors import Unverified
from dag_gateway.model.identity import JobIdentity, RefKind, UnverifiedJob, normal_repo_url

from .answer import Answer, document
from .claims_gitlab import TRUSTED_SOURCES
from .gitlab_answers import JOB, REFS, GitlabJob
from .proof import Proof


def job_proof(answer: Answer, forge: str, job: UnverifiedJob) -> Proof:
    """The job behind the token.

    Raises Unverified with the broken rule, ForgeUnavailable when the answer says nothing of a job.
    """
    if refusal := _NO_JOB.get(answer.status):
        raise Unverified(f"forge {forge!r} {refusal}")
    told = document(answer, JOB, forge)
    for rule in _RULES:
        if broken := rule(told, job):
            raise Unverified(broken)
    identity = JobIdentity(
        forge=forge,
        project=str(told.pipeline.project_id),
        ref=told.ref,
        ref_kind=RefKind.TAG if told.tag else RefKind.BRANCH,
        job_id=str(told.id),
        commit=told.pipeline.sha,
        job_url=told.web_url,
        actor=told.user.username if told.user else "",
        event=told.pipeline.source or "",
    )
    return Proof(identity, repo_url=_project_url(told), project_id=identity.project)


def ref_protected(answer: Answer, forge: str, identity: JobIdentity) -> bool:
    """Whether a page of branches or tags shows the ref of the job as protected; a ref that is not on it is not.

    Raises Unverified when the job may not ask, ForgeUnavailable when the answer is not such a page.
    """
    if answer.status == 401:
        raise Unverified(f"forge {forge!r} {_NO_JOB[401]}")
    if answer.status in (403, 404):
        raise Unverified(
            f"forge {forge!r} does not let the job see whether {identity.ref_kind} {identity.ref!r} is protected; "
            "whoever started it needs the right to read the repository, or the environment needs protected: false"
        )
    return any(ref.name == identity.ref and ref.protected for ref in document(answer, REFS, forge))


_NO_JOB = {
    401: "does not accept jobToken: it is wrong, or its job is no longer running",
    403: "does not let jobToken see its own job",
    404: "knows no job for jobToken; only the token of a CI job (CI_JOB_TOKEN) proves a job",
}
"""GitLab's refusals (``doc/api/jobs.md``); another kind of token authenticates, but has no job: 404."""


def _same_job(told: GitlabJob, job: UnverifiedJob) -> str | None:
    return None if str(told.id) == job.job_id else f"jobId {job.job_id!r} is not the job that jobToken belongs to"


def _running(told: GitlabJob, job: UnverifiedJob) -> str | None:
    """GitLab also accepts the token of a job that is being cancelled."""
    return None if told.status == "running" else f"job {told.id} is {told.status}; only a running job counts"


def _trusted_source(told: GitlabJob, job: UnverifiedJob) -> str | None:
    source = told.pipeline.source
    if source is None or source in TRUSTED_SOURCES:
        return None
    return f"job {told.id} runs for {source}; only pipelines of these kinds count: {', '.join(TRUSTED_SOURCES)}"


def _plain_ref(told: GitlabJob, job: UnverifiedJob) -> str | None:
    """The pipelines of merge requests run on ``refs/merge-requests/1/head``."""
    if not told.ref.startswith("refs/"):
        return None
    return f"job {told.id} runs on {told.ref}, which is neither a branch nor a tag"


_RULES: tuple[Callable[[GitlabJob, UnverifiedJob], str | None], ...] = (
    _same_job,
    _running,
    _trusted_source,
    _plain_ref,
)
"""Each says what is broken, or None. All must hold; the first that does not is told."""


def _project_url(told: GitlabJob) -> str:
    """Empty when the job's address is not of the form ``https://gitlab.example.com/group/project/-/jobs/1``."""
    address, found, rest = told.web_url.partition(f"/-/jobs/{told.id}")
    try:
        return normal_repo_url(address) if found and not rest else ""
    except ValueError:
        return ""
