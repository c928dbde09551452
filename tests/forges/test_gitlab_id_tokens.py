"""Every rule on what an ID token of GitLab says of a job, over plain claims."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dag_gateway.errors import Unverified
from dag_gateway.forges.claims import unknown_claims
from dag_gateway.forges.claims_gitlab import TRUSTED_SOURCES, GitlabClaims, gitlab_proof
from dag_gateway.forges.issuer import VerifiedClaims
from dag_gateway.forges.proof import Proof
from dag_gateway.model.identity import JobIdentity, RefKind, UnverifiedJob
from tests.fakes.forge_claims import SHA, gitlab_claims

HOME = "https://gitlab.example.com"


def proved(**changes: Any) -> Proof:
    verified = VerifiedClaims(HOME, gitlab_claims(**changes), "one", datetime(2030, 1, 1, tzinfo=UTC))
    return gitlab_proof(verified, UnverifiedJob(f"{HOME}/shop/web", "7", "token"), forge="forge", home=HOME)


def test_all_that_the_token_says_is_taken_over() -> None:
    assert proved() == Proof(
        JobIdentity(
            forge="forge",
            project="12",
            ref="main",
            ref_kind=RefKind.BRANCH,
            job_id="7",
            commit=SHA,
            job_url=f"{HOME}/shop/web/-/jobs/7",
            actor="ada",
            event="push",
            protected=True,
        ),
        repo_url=f"{HOME}/shop/web",
        project_id="12",
        workflow="gitlab.example.com/shop/web//.gitlab-ci.yml@refs/heads/main",
    )


def test_the_subject_is_not_read() -> None:
    assert proved(sub="project_path:mallory/web:ref_type:branch:ref:main") == proved()


def test_an_unprotected_branch_is_told() -> None:
    assert proved(ref_protected="false").identity.protected is False


def test_a_tag_is_not_a_branch() -> None:
    identity = proved(ref="v1", ref_type="tag", ref_path="refs/tags/v1").identity
    assert (identity.ref, identity.ref_kind) == ("v1", RefKind.TAG)


@pytest.mark.parametrize("source", TRUSTED_SOURCES)
def test_pipelines_of_what_is_on_the_branch_count(source: str) -> None:
    assert proved(pipeline_source=source).identity.event == source


def test_an_older_gitlab_says_nothing_of_the_project_that_runs_the_job() -> None:
    assert proved(job_project_id=None, job_project_path=None).project_id == "12"


@pytest.mark.parametrize(
    ("action", "deployed_to"),
    [(None, "production"), ("start", "production"), ("stop", None), ("prepare", None), ("verify", None)],
)
def test_only_a_job_that_deploys_to_an_environment_has_it(action: str | None, deployed_to: str | None) -> None:
    assert proved(environment="production", environment_action=action).ci_environment == deployed_to


FORK = {"project_id": "66", "project_path": "mallory/web"}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"job_id": "8"}, "^jobId '7' is not the job that jobToken belongs to$"),
        (FORK, "^job 7 runs in shop/web what comes from mallory/web, as a fork's merge request does$"),
        ({"job_project_id": "66"}, "^job 7 runs in shop/web what comes from shop/web, as a fork's merge request does$"),
        ({"job_project_path": "a/b"}, "^job 7 runs in a/b what comes from shop/web, as a fork's merge request does$"),
        ({"pipeline_source": "merge_request_event"}, "^job 7 runs for merge_request_event; only pipelines of these"),
        ({"pipeline_source": "external_pull_request_event"}, "^job 7 runs for external_pull_request_event; only"),
        ({"pipeline_source": "ondemand_dast_scan"}, "kinds count: push, web, api, schedule, trigger, pipeline, parent"),
        ({"ref_path": "refs/tags/main"}, "^job 7 runs on refs/tags/main, which is not the branch 'main'$"),
        ({"ref_type": "tag"}, "^job 7 runs on refs/heads/main, which is not the tag 'main'$"),
        ({"ref_path": "refs/merge-requests/1/head"}, "^job 7 runs on refs/merge-requests/1/head, which is not the br"),
        ({"ref_path": "refs/heads/main2"}, "^job 7 runs on refs/heads/main2, which is not the branch 'main'$"),
        ({"ref_type": "merge_request"}, "^job 7 runs on a merge_request, which is neither a branch nor a tag$"),
    ],
)
def test_a_job_that_breaks_a_rule_is_refused(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(Unverified, match=rule) as refusal:
        proved(**changes)
    assert refusal.value.code == "unverified"


REQUIRED = [name for name, field in GitlabClaims.model_fields.items() if field.is_required()]


@pytest.mark.parametrize("claim", REQUIRED)
def test_a_token_without_a_claim_that_is_needed_is_refused(claim: str) -> None:
    rule = f"^the ID token of forge 'forge' has no claim {claim}, which is needed to tell what the job is$"
    with pytest.raises(Unverified, match=rule):
        proved(**{claim: None})


def test_what_tells_projects_and_refs_apart_is_needed() -> None:
    assert {"job_id", "project_id", "project_path", "pipeline_source", "ref_path", "ref_protected"} <= set(REQUIRED)


@pytest.mark.parametrize(
    ("claim", "value", "problem"),
    [
        ("job_id", ["7"], "Input should be a valid string"),
        ("job_id", True, "Input should be a valid string"),
        ("job_id", "7\n", "String should match pattern"),
        ("job_id", "", "String should match pattern"),
        ("project_id", "12 ", "String should match pattern"),
        ("project_path", "shop/web?x=/y", "String should match pattern"),
        ("project_path", "shop", "String should match pattern"),
        ("project_path", "shop/web\n", "String should match pattern"),
        ("ref", "", "String should have at least 1 character"),
        ("ref", "x" * 1025, "String should have at most 1024 characters"),
        ("ref", "main\nother", "it has characters that can not be printed"),
        ("ref_protected", True, "Input should be 'true' or 'false'"),
        ("ref_protected", "TRUE", "Input should be 'true' or 'false'"),
        ("pipeline_source", {"push": 1}, "Input should be a valid string"),
        ("job_project_id", "none", "String should match pattern"),
        ("environment", 5, "Input should be a valid string"),
    ],
)
def test_a_claim_of_another_shape_is_refused(claim: str, value: object, problem: str) -> None:
    rule = f"^the ID token of forge 'forge' has a claim {claim} of an unknown shape: {problem}"
    with pytest.raises(Unverified, match=rule):
        proved(**{claim: value})


def test_all_that_gitlab_says_is_known_and_what_is_new_is_noticed() -> None:
    assert unknown_claims(GitlabClaims, gitlab_claims(iss="x", aud="x", jti="x")) == []
    assert unknown_claims(GitlabClaims, gitlab_claims(job_trust="none", ref_age="1")) == ["job_trust", "ref_age"]
