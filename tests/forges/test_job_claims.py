"""Every rule on what GitLab says of a job, over plain answers."""

import json
from typing import Any

import pytest

from dag_gateway.errors import Invalid, Unverified
from dag_gateway.forges.answer import Answer, ForgeUnavailable
from dag_gateway.forges.claims_job import job_proof, ref_protected
from dag_gateway.forges.proof import Proof, check_form
from dag_gateway.model.identity import JobIdentity, RefKind, UnverifiedJob

URL = "https://gitlab.example.com/shop/web"
SHA = "ce1a5" + "0" * 35
JOB = UnverifiedJob(URL, "7", "glcbt-64_secret")


def told(**changed: Any) -> dict[str, Any]:
    """What GitLab says of job 7; a key like ``pipeline__source`` goes one level down, None takes the key away."""
    body: dict[str, Any] = {
        "id": 7,
        "status": "running",
        "ref": "main",
        "tag": False,
        "web_url": f"{URL}/-/jobs/7",
        "pipeline": {"id": 70, "project_id": 12, "sha": SHA, "ref": "main", "source": "push"},
        "user": {"username": "ada"},
        "runner": None,
    }
    for key, value in changed.items():
        *outer, last = key.split("__")
        place = body[outer[0]] if outer else body
        place.pop(last) if value is None else place.update({last: value})
    return body


def proof_of(body: object, job: UnverifiedJob = JOB) -> Proof:
    return job_proof(Answer(200, json.dumps(body).encode()), "forge", job)


def identity_of(body: object) -> JobIdentity:
    return proof_of(body).identity


def test_all_that_gitlab_says_is_taken_over() -> None:
    assert identity_of(told()) == JobIdentity(
        forge="forge",
        project="12",
        ref="main",
        ref_kind=RefKind.BRANCH,
        job_id="7",
        commit=SHA,
        job_url=f"{URL}/-/jobs/7",
        actor="ada",
        event="push",
    )


def test_the_project_has_its_id_and_its_address() -> None:
    proof = proof_of(told())
    assert (proof.project_id, proof.repo_url) == ("12", URL)
    assert (proof.ci_environment, proof.workflow, proof.use) == (None, None, None)


def test_a_tag_is_not_a_branch() -> None:
    assert identity_of(told(tag=True, ref="v1.0.0")).ref_kind is RefKind.TAG


def test_an_old_gitlab_says_neither_source_nor_user() -> None:
    identity = identity_of(told(pipeline__source=None, user=None))
    assert (identity.event, identity.actor) == ("", "")


@pytest.mark.parametrize("source", ["push", "web", "api", "schedule", "trigger", "pipeline", "parent_pipeline", "chat"])
def test_pipelines_of_what_is_on_the_branch_count(source: str) -> None:
    assert identity_of(told(pipeline__source=source)).event == source


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"id": 8}, "^jobId '7' is not the job that jobToken belongs to$"),
        ({"status": "canceling"}, "^job 7 is canceling; only a running job counts$"),
        ({"status": "success"}, "^job 7 is success; only a running job counts$"),
        ({"pipeline__source": "merge_request_event"}, "^job 7 runs for merge_request_event; only pipelines of these"),
        ({"pipeline__source": "external_pull_request_event"}, "^job 7 runs for external_pull_request_event; only"),
        ({"pipeline__source": "unknown"}, "kinds count: push, web, api, schedule, trigger, pipeline, parent_pipeline"),
        ({"ref": "refs/merge-requests/2/head"}, "^job 7 runs on refs/merge-requests/2/head, which is neither a branch"),
        ({"ref": "refs/tags/v1", "tag": True}, "^job 7 runs on refs/tags/v1, which is neither a branch nor a tag$"),
    ],
)
def test_a_job_that_breaks_a_rule_is_refused(changed: dict[str, Any], rule: str) -> None:
    with pytest.raises(Unverified, match=rule) as refusal:
        identity_of(told(**changed))
    assert refusal.value.code == "unverified"


@pytest.mark.parametrize(
    ("web_url", "repo_url"),
    [
        ("https://gitlab.example.com/shop/web-2/-/jobs/7", "https://gitlab.example.com/shop/web-2"),
        ("https://gitlab.example.com/Shop/web/-/jobs/7", "https://gitlab.example.com/Shop/web"),
        ("https://GitLab.example.com:444/shop/web/-/jobs/7", "https://gitlab.example.com:444/shop/web"),
        ("https://gitlab.example.com/shop/web/-/jobs/70", ""),
        ("https://gitlab.example.com/shop/web/-/jobs/7/-/jobs/7", ""),
        ("https://gitlab.example.com/shop/web", ""),
        ("https://gitlab.example.com/-/jobs/7", ""),
        ("https://[::1/shop/web/-/jobs/7", ""),
    ],
)
def test_the_address_of_the_project_is_read_from_that_of_the_job(web_url: str, repo_url: str) -> None:
    assert proof_of(told(web_url=web_url)).repo_url == repo_url


@pytest.mark.parametrize(
    ("status", "rule"),
    [
        (401, "^forge 'forge' does not accept jobToken: it is wrong, or its job is no longer running$"),
        (403, "^forge 'forge' does not let jobToken see its own job$"),
        (404, r"^forge 'forge' knows no job for jobToken; only the token of a CI job \(CI_JOB_TOKEN\) proves a job$"),
    ],
)
def test_a_refusal_of_gitlab_is_passed_on(status: int, rule: str) -> None:
    with pytest.raises(Unverified, match=rule):
        job_proof(Answer(status, b'{"message":"no"}'), "forge", JOB)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"id": None}, "field id: Field required"),
        ({"id": "7"}, "field id: Input should be a valid integer"),
        ({"id": True}, "field id: Input should be a valid integer"),
        ({"id": 0}, "field id: Input should be greater than 0"),
        ({"id": 2**63}, "field id: Input should be less than 9223372036854775808"),
        ({"status": None}, "field status: Field required"),
        ({"ref": ""}, "field ref: String should have at least 1 character"),
        ({"ref": "x" * 1025}, "field ref: String should have at most 1024 characters"),
        ({"ref": "main\nBranch: other"}, "field ref: .*it has characters that can not be printed"),
        ({"tag": "false"}, "field tag: Input should be a valid boolean"),
        ({"tag": None}, "field tag: Field required"),
        ({"web_url": 5}, "field web_url: Input should be a valid string"),
        ({"pipeline": []}, "field pipeline: Input should be"),
        ({"pipeline__project_id": None}, "field pipeline.project_id: Field required"),
        ({"pipeline__project_id": "12"}, "field pipeline.project_id: Input should be a valid integer"),
        ({"pipeline__sha": "HEAD"}, "field pipeline.sha: String should match pattern"),
        ({"pipeline__source": 1}, "field pipeline.source: Input should be a valid string"),
        ({"user": {}}, "field user.username: Field required"),
    ],
)
def test_an_answer_that_is_not_a_job_decides_nothing(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(ForgeUnavailable, match=f"^forge 'forge' sent an unreadable answer: {problem}"):
        identity_of(told(**changed))


@pytest.mark.parametrize("job_id", ["7\n", "", "x" * 256, "7\u2028", "\ud800"])
def test_a_job_id_is_short_and_printable(job_id: str) -> None:
    with pytest.raises(Invalid, match=r"^jobId must be 1 to 255 printable characters$"):
        check_form(UnverifiedJob(URL, job_id, "token"))


@pytest.mark.parametrize("token", ["", "to ken", "token\r\nHost: evil", "tökén", "x" * 8193, "\x7f"])
def test_a_token_is_visible_ascii(token: str) -> None:
    with pytest.raises(Invalid, match=r"^jobToken must be 1 to 8192 visible ASCII characters$") as refusal:
        check_form(UnverifiedJob(URL, "7", token))
    assert refusal.value.code == "invalid_request"


@pytest.mark.parametrize(("job_id", "token"), [("7", "!"), ("x" * 255, "~" * 8192), ("jöb 7", "glcbt-64_A.b-c")])
def test_a_well_formed_job_may_be_asked_for(job_id: str, token: str) -> None:
    check_form(UnverifiedJob(URL, job_id, token))


def protected(body: object, ref: str = "main", status: int = 200) -> bool:
    identity = JobIdentity("forge", "12", ref, RefKind.BRANCH, "7")
    return ref_protected(Answer(status, json.dumps(body).encode()), "forge", identity)


@pytest.mark.parametrize(
    ("listed", "answer"),
    [
        ([{"name": "main", "protected": True}], True),
        ([{"name": "main", "protected": False}], False),
        ([{"name": "Main", "protected": True}, {"name": "main", "protected": False}], False),
        ([{"name": "main-2", "protected": True}], False),
        ([], False),
    ],
)
def test_only_the_exact_name_is_protected(listed: list[dict[str, Any]], answer: bool) -> None:
    assert protected(listed) is answer


def test_a_job_that_has_ended_meanwhile_is_refused() -> None:
    with pytest.raises(Unverified, match=r"it is wrong, or its job is no longer running$"):
        protected({}, status=401)


@pytest.mark.parametrize("status", [403, 404])
def test_a_job_that_may_not_see_the_protection_is_refused(status: int) -> None:
    rule = (
        "^forge 'forge' does not let the job see whether branch 'main' is protected; whoever started it needs the "
        "right to read the repository, or the environment needs protected: false$"
    )
    with pytest.raises(Unverified, match=rule):
        protected({}, status=status)


@pytest.mark.parametrize("listed", [{}, [1], [{"name": "main"}], [{"name": "main", "protected": "yes"}]])
def test_an_answer_that_is_not_a_list_of_refs_decides_nothing(listed: object) -> None:
    with pytest.raises(ForgeUnavailable, match=r"^forge 'forge' sent an unreadable answer: "):
        protected(listed)
