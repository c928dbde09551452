"""What is read from the environment of a CI job."""

from collections.abc import Mapping

import pytest

from dag_gateway.cli.ci import Ci, CiSystem, IdTokenRequest, detect

GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_URL": "https://gitlab.example.com/shop/web",
    "CI_JOB_ID": "42",
    "CI_JOB_TOKEN": "job-token",
    "CI_COMMIT_SHA": "0123abc",
    "CI_COMMIT_TAG": "",
}
ACTIONS = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com/",
    "GITHUB_REPOSITORY": "shop/web",
    "GITHUB_RUN_ID": "77",
    "GITHUB_SHA": "0123abc",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_REF_NAME": "main",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://runner.example.com/token?api-version=2.0",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "bearer",
}


def test_a_gitlab_job_is_read_completely() -> None:
    assert detect(GITLAB) == Ci(
        CiSystem.GITLAB, "https://gitlab.example.com/shop/web", "42", "0123abc", token="job-token"
    )


def test_an_actions_job_is_read_completely() -> None:
    request = IdTokenRequest("https://runner.example.com/token?api-version=2.0", "bearer")
    assert detect(ACTIONS) == Ci(
        CiSystem.ACTIONS, "https://github.com/shop/web", "77", "0123abc", id_token_request=request
    )


@pytest.mark.parametrize("environ", [GITLAB, ACTIONS, {}])
def test_an_id_token_of_the_job_is_preferred(environ: Mapping[str, str]) -> None:
    assert detect({**environ, "DAG_ID_TOKEN": "id-token"}).token == "id-token"


def test_a_tag_pipeline_deploys_its_tag() -> None:
    assert detect({**GITLAB, "CI_COMMIT_TAG": "v1.2.3"}).version == "v1.2.3"
    assert detect({**ACTIONS, "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1.2.3"}).version == "v1.2.3"


@pytest.mark.parametrize("missing", ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
def test_half_an_id_token_request_is_none(missing: str) -> None:
    assert detect({**ACTIONS, missing: ""}).id_token_request is None


@pytest.mark.parametrize("missing", ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY"])
def test_half_a_repository_url_is_none(missing: str) -> None:
    assert detect({**ACTIONS, missing: ""}).repo_url is None


def test_no_ci_system_says_nothing() -> None:
    assert detect({"HOME": "/root", "GITLAB_CI": "", "GITHUB_ACTIONS": ""}) == Ci()


@pytest.mark.parametrize("environ", [GITLAB, ACTIONS])
def test_tokens_do_not_print(environ: Mapping[str, str]) -> None:
    shown = repr(detect(environ))
    assert "job-token" not in shown
    assert "'bearer'" not in shown
