"""What must hold of a job before a forge's word for it counts: one table of rules per forge, deny by default."""

from collections.abc import Callable

from dag_gateway.config import AppSettings
from dag_gateway.errors import Invalid, Unverified
from dag_gateway.model.identity import JobIdentity, RefKind, UnverifiedJob, normal_repo_url

from .answer import Answer, document
from .gitlab_answers import JOB, REFS, GitlabJob

_LONGEST_JOB_ID = 255
_LONGEST_TOKEN = 8192

_TRUSTED_SOURCES = ("push", "web", "api", "schedule", "trigger", "pipeline", "parent_pipeline", "chat")
"""Kinds of GitLab pipelines that run what is on the branch. A merge request's runs what nobody has accepted yet, with
the project's own rights. Source: ``sources`` in GitLab's ``app/models/concerns/enums/ci/pipeline.rb``."""


def check_form(job: UnverifiedJob) -> None:
    """Refuse what no forge would know, before it is sent anywhere. Raises Invalid, naming the field."""
    if not 0 < len(job.job_id) <= _LONGEST_JOB_ID or not job.job_id.isprintable():
        raise Invalid(f"jobId must be 1 to {_LONGEST_JOB_ID} printable characters")
    if not 0 < len(job.token) <= _LONGEST_TOKEN or not all("!" <= character <= "~" for character in job.token):
        raise Invalid(f"jobToken must be 1 to {_LONGEST_TOKEN} visible ASCII characters")


def gitlab_identity(answer: Answer, forge: str, job: UnverifiedJob, app: AppSettings) -> JobIdentity:
    """The identity of the job behind the token.

    Raises Unverified with the broken rule, ForgeUnavailable when the answer says nothing of a job.
    """
    if refusal := _NO_JOB.get(answer.status):
        raise Unverified(f"forge {forge!r} {refusal}")
    told = document(answer, JOB, forge)
    for rule in _GITLAB_RULES:
        if broken := rule(told, job, app):
            raise Unverified(broken)
    return JobIdentity(
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


def gitlab_protected(answer: Answer, forge: str, identity: JobIdentity) -> bool:
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


def _same_job(told: GitlabJob, job: UnverifiedJob, app: AppSettings) -> str | None:
    return None if str(told.id) == job.job_id else f"jobId {job.job_id!r} is not the job that jobToken belongs to"


def _running(told: GitlabJob, job: UnverifiedJob, app: AppSettings) -> str | None:
    """GitLab also accepts the token of a job that is being cancelled."""
    return None if told.status == "running" else f"job {told.id} is {told.status}; only a running job counts"


def _same_project(told: GitlabJob, job: UnverifiedJob, app: AppSettings) -> str | None:
    """By id where the app has one: ids survive renames, and a path can be taken over by another project."""
    if app.project_id is not None:
        same = str(told.pipeline.project_id) == app.project_id
        return None if same else f"job {told.id} does not run in project {app.project_id}, which {app.repo_url} is"
    if _project_url(told) == app.repo_url:
        return None
    return (
        f"job {told.id} ({told.web_url}) does not run in {app.repo_url}; "
        "if the project was renamed, the app needs its new repo_url or its project_id"
    )


def _trusted_source(told: GitlabJob, job: UnverifiedJob, app: AppSettings) -> str | None:
    source = told.pipeline.source
    if source is None or source in _TRUSTED_SOURCES:
        return None
    return f"job {told.id} runs for {source}; only pipelines of these kinds count: {', '.join(_TRUSTED_SOURCES)}"


def _plain_ref(told: GitlabJob, job: UnverifiedJob, app: AppSettings) -> str | None:
    """The pipelines of merge requests run on ``refs/merge-requests/1/head``."""
    if not told.ref.startswith("refs/"):
        return None
    return f"job {told.id} runs on {told.ref}, which is neither a branch nor a tag"


_GITLAB_RULES: tuple[Callable[[GitlabJob, UnverifiedJob, AppSettings], str | None], ...] = (
    _same_job,
    _running,
    _same_project,
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
