"""The ID tokens of GitLab: which claims they have, and what must hold of them.

Sources: ``doc/ci/secrets/id_token_authentication.md``, ``lib/gitlab/ci/jwt.rb`` and ``jwt_v2.rb`` of GitLab.
"""

from typing import ClassVar

from dag_gateway.model.identity import JobIdentity, UnverifiedJob, normal_repo_url

from .claims import (
    REF_KINDS,
    REF_PATHS,
    Claims,
    Flag,
    Id,
    MaybeId,
    MaybePath,
    MaybeText,
    ProjectPath,
    Rule,
    Text,
    check_rules,
    read_claims,
)
from .issuer import VerifiedClaims
from .proof import Proof

TRUSTED_SOURCES = ("push", "web", "api", "schedule", "trigger", "pipeline", "parent_pipeline", "chat")
"""Kinds of GitLab pipelines that run what is on the branch. A merge request's runs what nobody has accepted yet, with
the project's own rights. Source: ``sources`` in GitLab's ``app/models/concerns/enums/ci/pipeline.rb``."""


class GitlabClaims(Claims):
    """All values are strings."""

    job_id: Id
    project_id: Id
    project_path: ProjectPath
    pipeline_source: Text
    ref: Text
    ref_type: Text
    ref_path: Text
    ref_protected: Flag
    job_project_id: MaybeId = None
    """Of the project that runs the job; the two above are those of the source of a merge request."""
    job_project_path: MaybePath = None
    sha: MaybeText = None
    user_login: MaybeText = None
    environment: MaybeText = None
    environment_action: MaybeText = None
    ci_config_ref_uri: MaybeText = None

    ignored: ClassVar[frozenset[str]] = frozenset(
        {
            "ci_config_sha",
            "deployment_tier",
            "environment_protected",
            "groups_direct",
            "job_namespace_id",
            "job_namespace_path",
            "namespace_id",
            "namespace_path",
            "pipeline_id",
            "project_visibility",
            "runner_environment",
            "runner_id",
            "target_audience",
            "user_access_level",
            "user_email",
            "user_id",
            "user_identities",
        }
    )


def gitlab_proof(verified: VerifiedClaims, job: UnverifiedJob, *, forge: str, home: str) -> Proof:
    """The job of an ID token; ``home`` is the URL that people know the GitLab by. Raises Unverified."""
    told = read_claims(GitlabClaims, verified.claims, forge)
    check_rules(_RULES, told, job)
    repo_url = f"{home}/{told.project_path}"
    identity = JobIdentity(
        forge=forge,
        project=told.project_id,
        ref=told.ref,
        ref_kind=REF_KINDS[told.ref_type],
        job_id=told.job_id,
        commit=told.sha or "",
        job_url=f"{repo_url}/-/jobs/{told.job_id}",
        actor=told.user_login or "",
        event=told.pipeline_source,
        protected=told.ref_protected == "true",
    )
    return Proof(
        identity,
        repo_url=normal_repo_url(repo_url),
        project_id=told.project_id,
        ci_environment=_deployed_environment(told),
        workflow=told.ci_config_ref_uri,
    )


def _deployed_environment(told: GitlabClaims) -> str | None:
    """A job may also name an environment to prepare, verify, access or stop it, which is no deployment there."""
    return told.environment if told.environment_action in (None, "start") else None


def _same_job(told: GitlabClaims, job: UnverifiedJob) -> str | None:
    return None if told.job_id == job.job_id else f"jobId {job.job_id!r} is not the job that jobToken belongs to"


def _own_code(told: GitlabClaims, job: UnverifiedJob) -> str | None:
    """The pipeline of a fork's merge request may run in the parent: what it runs is the fork's, the rights are not."""
    running = (told.job_project_id or told.project_id, told.job_project_path or told.project_path)
    if running == (told.project_id, told.project_path):
        return None
    return f"job {told.job_id} runs in {running[1]} what comes from {told.project_path}, as a fork's merge request does"


def _trusted_source(told: GitlabClaims, job: UnverifiedJob) -> str | None:
    if told.pipeline_source in TRUSTED_SOURCES:
        return None
    return (
        f"job {told.job_id} runs for {told.pipeline_source}; "
        f"only pipelines of these kinds count: {', '.join(TRUSTED_SOURCES)}"
    )


def _plain_ref(told: GitlabClaims, job: UnverifiedJob) -> str | None:
    """A tag can have the name of a branch; only type and path together say which of the two it is."""
    prefix = REF_PATHS.get(told.ref_type)
    if prefix is None:
        return f"job {told.job_id} runs on a {told.ref_type}, which is neither a branch nor a tag"
    if told.ref_path != prefix + told.ref:
        return f"job {told.job_id} runs on {told.ref_path}, which is not the {told.ref_type} {told.ref!r}"
    return None


_RULES: tuple[Rule[GitlabClaims], ...] = (_same_job, _own_code, _trusted_source, _plain_ref)
