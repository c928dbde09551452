"""The ID tokens of Actions, GitHub's and Forgejo's: which claims they have, and what must hold of them.

Sources: https://docs.github.com/en/actions/reference/security/oidc, and ``claims_supported`` of
https://token.actions.githubusercontent.com/.well-known/openid-configuration; Forgejo's ``services/actions/auth.go``.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from dag_gateway.model.identity import JobIdentity, RefKind, UnverifiedJob, normal_repo_url

from .claims import (
    REF_KINDS,
    REF_PATHS,
    Claims,
    Id,
    MaybeFlag,
    MaybeId,
    MaybeText,
    ProjectPath,
    Rule,
    Text,
    check_rules,
    read_claims,
)
from .issuer import VerifiedClaims
from .proof import Proof

GITHUB_EVENTS = ("push", "workflow_dispatch", "schedule", "release", "repository_dispatch", "deployment")
"""Events that only somebody with the right to write can cause, and that run what is on the ref. Not among them:
those of pull requests, issues and comments, which strangers cause; ``workflow_run``, which follows a run of any of
those, with rights that it did not have."""

FORGEJO_EVENTS = ("push", "workflow_dispatch", "schedule", "release")
"""Not ``workflow_call``: Forgejo says that inside a reusable workflow, whatever its caller runs for
(``generateGiteaContext`` in ``services/actions/context.go``), a pull request for example."""


class ActionsClaims(Claims):
    """All values are strings; what a run does not have is empty or missing."""

    repository: ProjectPath
    run_id: Id
    event_name: Text
    ref: Text
    ref_type: Text
    ref_protected: MaybeFlag = None
    head_ref: MaybeText = None
    base_ref: MaybeText = None
    sha: MaybeText = None
    actor: MaybeText = None
    workflow_ref: MaybeText = None

    @property
    def short_ref(self) -> str:
        """The name of the branch or tag; "" when ``ref`` is not of the kind that ``ref_type`` says."""
        prefix = REF_PATHS.get(self.ref_type)
        return self.ref.removeprefix(prefix) if prefix and self.ref.startswith(prefix) else ""


class GithubClaims(ActionsClaims):
    """``ref_protected`` is newer than the documentation; not every GitHub Enterprise Server has it."""

    repository_id: Id
    check_run_id: MaybeId = None
    """Of the job; ``run_id`` is that of the whole workflow run."""
    environment: MaybeText = None
    job_workflow_ref: MaybeText = None
    """Of the reusable workflow that defines the job, where there is one."""

    ignored: ClassVar[frozenset[str]] = frozenset(
        {
            "actor_id",
            "enterprise",
            "enterprise_id",
            "environment_node_id",
            "issuer_scope",
            "job_workflow_sha",
            "repo_property_*",
            "repository_owner",
            "repository_owner_id",
            "repository_visibility",
            "run_attempt",
            "run_number",
            "runner_environment",
            "workflow",
            "workflow_sha",
        }
    )


class ForgejoClaims(ActionsClaims):
    """There is neither a claim for the environment nor one for the job."""

    run_number: Id
    repository_id: MaybeId = None
    """Forgejo 15 does not have it."""

    ignored: ClassVar[frozenset[str]] = frozenset(
        {"actor_id", "repository_owner", "repository_owner_id", "run_attempt", "workflow"}
    )


def github_proof(verified: VerifiedClaims, job: UnverifiedJob, *, forge: str, home: str) -> Proof:
    """The job of an ID token; ``home`` is the URL that people know the GitHub by. Raises Unverified."""
    told = read_claims(GithubClaims, verified.claims, forge)
    check_rules((_same_github_job, *_rules(GITHUB_EVENTS)), told, job)
    repo_url = f"{home}/{told.repository}"
    identity = _identity(told, forge, told.repository_id, job, f"{repo_url}/actions/runs/{told.run_id}")
    return Proof(
        replace(identity, protected=_protected(told)),
        repo_url=normal_repo_url(repo_url),
        project_id=told.repository_id,
        ci_environment=told.environment,
        workflow=told.job_workflow_ref or told.workflow_ref,
    )


def forgejo_proof(verified: VerifiedClaims, job: UnverifiedJob, *, forge: str, home: str) -> Proof:
    """The job of an ID token; ``home`` is the URL that people know the Forgejo by. Raises Unverified.

    Forgejo says of branches only whether they are protected; of a tag it always says that it is not.
    """
    told = read_claims(ForgejoClaims, verified.claims, forge)
    check_rules((_same_run, *_rules(FORGEJO_EVENTS)), told, job)
    repo_url = f"{home}/{told.repository}"
    project = told.repository_id or told.repository
    identity = _identity(told, forge, project, job, f"{repo_url}/actions/runs/{told.run_number}")
    return Proof(
        replace(identity, protected=_protected(told) if identity.ref_kind is RefKind.BRANCH else None),
        repo_url=normal_repo_url(repo_url),
        project_id=told.repository_id,
        workflow=told.workflow_ref,
    )


def _identity(told: ActionsClaims, forge: str, project: str, job: UnverifiedJob, job_url: str) -> JobIdentity:
    return JobIdentity(
        forge=forge,
        project=project,
        ref=told.short_ref,
        ref_kind=REF_KINDS[told.ref_type],
        job_id=job.job_id,
        commit=told.sha or "",
        job_url=job_url,
        actor=told.actor or "",
        event=told.event_name,
    )


def _protected(told: ActionsClaims) -> bool | None:
    return None if told.ref_protected is None else told.ref_protected == "true"


def _same_run(told: ActionsClaims, job: UnverifiedJob) -> str | None:
    return None if told.run_id == job.job_id else f"jobId {job.job_id!r} is not the run that jobToken belongs to"


def _same_github_job(told: GithubClaims, job: UnverifiedJob) -> str | None:
    return None if told.check_run_id == job.job_id else _same_run(told, job)


def _no_pull_request(told: ActionsClaims, job: UnverifiedJob) -> str | None:
    """``pull_request_target`` runs on the branch it is meant for, with what strangers wrote."""
    if told.head_ref is None and told.base_ref is None:
        return None
    return f"run {told.run_id} runs for a pull request, whose code nobody has accepted yet"


def _plain_ref(told: ActionsClaims, job: UnverifiedJob) -> str | None:
    return None if told.short_ref else f"run {told.run_id} runs on {told.ref}, which is neither a branch nor a tag"


def _rules(events: Sequence[str]) -> tuple[Rule[ActionsClaims], ...]:
    def trusted_event(told: ActionsClaims, job: UnverifiedJob) -> str | None:
        if told.event_name in events:
            return None
        return f"run {told.run_id} runs for {told.event_name}; only these events count: {', '.join(events)}"

    return (trusted_event, _no_pull_request, _plain_ref)
