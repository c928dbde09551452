"""Which CI system this process runs in, and what it says of its own job: pure reading of an environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class CiSystem(StrEnum):
    """The CI systems whose variables and log sections are known."""

    NONE = "none"
    GITLAB = "gitlab"
    ACTIONS = "actions"
    """GitHub Actions, Forgejo Actions, Gitea Actions: one set of variables."""


@dataclass(frozen=True, slots=True)
class IdTokenRequest:
    """Where an Actions job asks for an ID token, and the bearer token that allows it."""

    url: str
    bearer: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ci:
    """What the environment says; None where it says nothing."""

    system: CiSystem = CiSystem.NONE
    repo_url: str | None = None
    job_id: str | None = None
    version: str | None = None
    token: str | None = field(default=None, repr=False)
    id_token_request: IdTokenRequest | None = None


def detect(environ: Mapping[str, str]) -> Ci:
    """Read ``environ``. An empty variable counts as absent, as CI systems leave many of them empty."""
    known = {name: value for name, value in environ.items() if value}
    if "GITLAB_CI" in known:
        return _gitlab(known)
    if "GITHUB_ACTIONS" in known:
        return _actions(known)
    return Ci(token=known.get("DAG_ID_TOKEN"))


def _gitlab(known: Mapping[str, str]) -> Ci:
    """https://docs.gitlab.com/ci/variables/predefined_variables/"""
    return Ci(
        system=CiSystem.GITLAB,
        repo_url=known.get("CI_PROJECT_URL"),
        job_id=known.get("CI_JOB_ID"),
        version=known.get("CI_COMMIT_TAG") or known.get("CI_COMMIT_SHA"),
        token=known.get("DAG_ID_TOKEN") or known.get("CI_JOB_TOKEN"),
    )


def _actions(known: Mapping[str, str]) -> Ci:
    """https://docs.github.com/actions/reference/workflows-and-actions/variables"""
    server, repository = known.get("GITHUB_SERVER_URL"), known.get("GITHUB_REPOSITORY")
    is_tag = known.get("GITHUB_REF_TYPE") == "tag"
    return Ci(
        system=CiSystem.ACTIONS,
        repo_url=f"{server.rstrip('/')}/{repository}" if server and repository else None,
        job_id=known.get("GITHUB_RUN_ID"),
        version=(known.get("GITHUB_REF_NAME") if is_tag else None) or known.get("GITHUB_SHA"),
        token=known.get("DAG_ID_TOKEN"),
        id_token_request=_id_token_request(known),
    )


def _id_token_request(known: Mapping[str, str]) -> IdTokenRequest | None:
    url, bearer = known.get("ACTIONS_ID_TOKEN_REQUEST_URL"), known.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    return IdTokenRequest(url, bearer) if url and bearer else None
