"""Every rule on what an ID token of GitHub or Forgejo says of a job, over plain claims."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from dag_gateway.errors import Unverified
from dag_gateway.forges.claims import Claims, unknown_claims
from dag_gateway.forges.claims_actions import (
    FORGEJO_EVENTS,
    GITHUB_EVENTS,
    ForgejoClaims,
    GithubClaims,
    forgejo_proof,
    github_proof,
)
from dag_gateway.forges.issuer import VerifiedClaims
from dag_gateway.forges.proof import Proof
from dag_gateway.model.identity import JobIdentity, RefKind, UnverifiedJob
from tests.fakes.forge_claims import SHA, forgejo_claims, github_claims

HOME = "https://forge.example.com"

Proved = Callable[..., Proof]


def job(job_id: str) -> UnverifiedJob:
    return UnverifiedJob(f"{HOME}/shop/web", job_id, "token")


def verified(claims: dict[str, Any]) -> VerifiedClaims:
    return VerifiedClaims(f"{HOME}/api/actions", claims, "one", datetime(2030, 1, 1, tzinfo=UTC))


def on_github(job_id: str = "7", **changes: Any) -> Proof:
    return github_proof(verified(github_claims(**changes)), job(job_id), forge="forge", home=HOME)


def on_forgejo(job_id: str = "7", **changes: Any) -> Proof:
    return forgejo_proof(verified(forgejo_claims(**changes)), job(job_id), forge="forge", home=HOME)


both = pytest.mark.parametrize("proved", [on_github, on_forgejo])


def identity(job_url: str) -> JobIdentity:
    return JobIdentity(
        forge="forge",
        project="12",
        ref="main",
        ref_kind=RefKind.BRANCH,
        job_id="7",
        commit=SHA,
        job_url=job_url,
        actor="ada",
        event="push",
        protected=True,
    )


def test_all_that_github_says_is_taken_over() -> None:
    assert on_github(environment="production") == Proof(
        identity(f"{HOME}/shop/web/actions/runs/7"),
        repo_url=f"{HOME}/shop/web",
        project_id="12",
        ci_environment="production",
        workflow="shop/web/.github/workflows/deploy.yml@refs/heads/main",
    )


def test_all_that_forgejo_says_is_taken_over() -> None:
    assert on_forgejo() == Proof(
        identity(f"{HOME}/shop/web/actions/runs/3"),
        repo_url=f"{HOME}/shop/web",
        project_id="12",
        workflow="shop/web/.forgejo/workflows/deploy.yml@refs/heads/main",
    )


@both
@pytest.mark.parametrize("subject", ["repo:shop/web:ref:refs/heads/main", "repo:mallory/x:pull_request", "", None])
def test_the_subject_is_not_read(proved: Proved, subject: str | None) -> None:
    assert proved(sub=subject) == proved()


def test_a_job_of_github_is_known_by_its_run_or_its_check_run() -> None:
    assert (on_github("7").identity.job_id, on_github("70").identity.job_id) == ("7", "70")
    assert on_github(check_run_id=None).identity.job_id == "7"


@both
def test_a_tag_is_not_a_branch(proved: Proved) -> None:
    told = proved(ref="refs/tags/v1", ref_type="tag").identity
    assert (told.ref, told.ref_kind) == ("v1", RefKind.TAG)


@both
def test_a_branch_may_have_slashes(proved: Proved) -> None:
    assert proved(ref="refs/heads/release/1.2").identity.ref == "release/1.2"


@both
@pytest.mark.parametrize(("said", "protected"), [("true", True), ("false", False), ("", None), (None, None)])
def test_protection_is_told_where_the_forge_tells_it(proved: Proved, said: str | None, protected: bool | None) -> None:
    assert proved(ref_protected=said).identity.protected is protected


def test_forgejo_can_not_tell_whether_a_tag_is_protected() -> None:
    tag = {"ref": "refs/tags/v1", "ref_type": "tag", "ref_protected": "false"}
    assert on_forgejo(**tag).identity.protected is None
    assert on_github(**tag).identity.protected is False


def test_a_forgejo_without_ids_proves_the_path_only() -> None:
    proof = on_forgejo(repository_id=None)
    assert (proof.project_id, proof.identity.project, proof.repo_url) == (None, "shop/web", f"{HOME}/shop/web")


def test_the_reusable_workflow_is_what_defines_the_job() -> None:
    shared = "shop/ci/.github/workflows/deploy.yml@refs/tags/v1"
    assert on_github(job_workflow_ref=shared).workflow == shared
    assert on_github(job_workflow_ref="").workflow == "shop/web/.github/workflows/deploy.yml@refs/heads/main"


@pytest.mark.parametrize("event", GITHUB_EVENTS)
def test_events_of_github_that_need_the_right_to_write_count(event: str) -> None:
    assert on_github(event_name=event).identity.event == event


@pytest.mark.parametrize("event", FORGEJO_EVENTS)
def test_events_of_forgejo_that_need_the_right_to_write_count(event: str) -> None:
    assert on_forgejo(event_name=event).identity.event == event


@both
@pytest.mark.parametrize(
    "event",
    [
        "pull_request",
        "pull_request_target",
        "pull_request_review",
        "pull_request_comment",
        "issue_comment",
        "issues",
        "workflow_run",
        "workflow_call",
        "merge_group",
        "fork",
        "watch",
        "Push",
    ],
)
def test_an_event_that_a_stranger_can_cause_is_refused(proved: Proved, event: str) -> None:
    rule = f"^run 7 runs for {event}; only these events count: push, workflow_dispatch, schedule, release"
    with pytest.raises(Unverified, match=rule) as refusal:
        proved(event_name=event)
    assert refusal.value.code == "unverified"


@both
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"run_id": "8"}, "^jobId '7' is not the run that jobToken belongs to$"),
        ({"head_ref": "evil"}, "^run 7 runs for a pull request, whose code nobody has accepted yet$"),
        ({"base_ref": "main"}, "^run 7 runs for a pull request, whose code nobody has accepted yet$"),
        ({"ref": "refs/pull/1/merge"}, "^run 7 runs on refs/pull/1/merge, which is neither a branch nor a tag$"),
        ({"ref": "main"}, "^run 7 runs on main, which is neither a branch nor a tag$"),
        ({"ref": "refs/heads/"}, "^run 7 runs on refs/heads/, which is neither a branch nor a tag$"),
        ({"ref": "refs/tags/main"}, "^run 7 runs on refs/tags/main, which is neither a branch nor a tag$"),
        ({"ref_type": "tag"}, "^run 7 runs on refs/heads/main, which is neither a branch nor a tag$"),
        ({"ref_type": "pull"}, "^run 7 runs on refs/heads/main, which is neither a branch nor a tag$"),
    ],
)
def test_a_job_that_breaks_a_rule_is_refused(proved: Proved, changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(Unverified, match=rule) as refusal:
        proved(**changes)
    assert refusal.value.code == "unverified"


def required(table: type[Claims]) -> list[str]:
    return [name for name, field in table.model_fields.items() if field.is_required()]


@pytest.mark.parametrize(
    ("proved", "claim"),
    [(on_github, claim) for claim in required(GithubClaims)]
    + [(on_forgejo, claim) for claim in required(ForgejoClaims)],
)
def test_a_token_without_a_claim_that_is_needed_is_refused(proved: Proved, claim: str) -> None:
    rule = f"^the ID token of forge 'forge' has no claim {claim}, which is needed to tell what the job is$"
    with pytest.raises(Unverified, match=rule):
        proved(**{claim: None})


def test_what_tells_projects_and_refs_apart_is_needed() -> None:
    needed = {"repository", "run_id", "event_name", "ref", "ref_type"}
    assert needed <= set(required(ForgejoClaims))
    assert needed | {"repository_id"} <= set(required(GithubClaims))


@both
@pytest.mark.parametrize(
    ("claim", "value", "problem"),
    [
        ("repository", "shop/web#x", "String should match pattern"),
        ("repository", "shop", "String should match pattern"),
        ("repository_id", "12/13", "String should match pattern"),
        ("repository_id", [12], "Input should be a valid string"),
        ("run_id", 7.0, "Input should be a valid string"),
        ("ref", "refs/heads/a\u2028b", "it has characters that can not be printed"),
        ("ref_protected", "yes", "Input should be 'true' or 'false'"),
        ("event_name", ["push"], "Input should be a valid string"),
        ("workflow_ref", {}, "Input should be a valid string"),
    ],
)
def test_a_claim_of_another_shape_is_refused(proved: Proved, claim: str, value: object, problem: str) -> None:
    rule = f"^the ID token of forge 'forge' has a claim {claim} of an unknown shape: {problem}"
    with pytest.raises(Unverified, match=rule):
        proved(**{claim: value})


def test_all_that_the_forges_say_is_known_and_what_is_new_is_noticed() -> None:
    assert unknown_claims(GithubClaims, github_claims(repo_property_team="a", repo_property_x="b")) == []
    assert unknown_claims(ForgejoClaims, forgejo_claims()) == []
    assert unknown_claims(GithubClaims, github_claims(trust="low")) == ["trust"]
    assert unknown_claims(ForgejoClaims, forgejo_claims(repo_property_x="b")) == ["repo_property_x"]
