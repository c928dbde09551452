"""Which token is whose: each forge asks its own kinds in order, over real HTTP."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from dag_gateway.errors import Unverified
from dag_gateway.forges import EnvironmentNotFound, RefNotProtected, Verified
from dag_gateway.model.identity import UnverifiedJob
from dag_gateway.simulator.gitlab import Fault, SimulatedGitlab, simulated_gitlab
from tests.fakes.forge_claims import forgejo_claims, github_claims, gitlab_claims
from tests.fakes.forge_config import one_app_config
from tests.fakes.id_tokens import id_token
from tests.fakes.oidc_issuer import AUDIENCE, OidcIssuer, oidc_issuer
from tests.fakes.pins import a_verifier

Environments = Mapping[str, Mapping[str, Any]]
MAIN: Environments = {"production": {"branch": "main"}}

# One server of each kind for all tests of the module.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def issuer() -> AsyncIterator[OidcIssuer]:
    async with oidc_issuer() as issuer:
        yield issuer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def forgejo() -> AsyncIterator[OidcIssuer]:
    async with oidc_issuer("/api/actions") as issuer:
        yield issuer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gitlab() -> AsyncIterator[SimulatedGitlab]:
    async with simulated_gitlab() as gitlab:
        gitlab.add_project("shop/web", branches={"main": True, "dev": False})
        yield gitlab


async def verified(
    forge: Mapping[str, Any], home: str, token: str, environments: Environments = MAIN, job_id: str = "7"
) -> Verified:
    config = one_app_config(forge, repo_url=f"{home}/shop/web", environments=environments)
    async with a_verifier(config) as verifier:
        return await verifier.verify(UnverifiedJob(f"{home}/shop/web", job_id, token), None)


def gitlab_settings(gitlab: SimulatedGitlab, issuer: OidcIssuer) -> dict[str, Any]:
    """A GitLab that people know by another URL than the gateway does, which is where it signs."""
    return {"kind": "gitlab", "url": gitlab.url, "issuer": issuer.url, "audience": AUDIENCE}


def github_settings(issuer: OidcIssuer) -> dict[str, Any]:
    return {"kind": "github", "url": issuer.url, "issuer": issuer.url, "audience": AUDIENCE}


def forgejo_settings(issuer: OidcIssuer) -> dict[str, Any]:
    return {"kind": "forgejo", "url": home_of(issuer), "audience": AUDIENCE}


def home_of(issuer: OidcIssuer) -> str:
    return issuer.url.removesuffix("/api/actions")


async def test_github_and_forgejo_prove_jobs_by_signature(issuer: OidcIssuer, forgejo: OidcIssuer) -> None:
    on_github = await verified(github_settings(issuer), issuer.url, id_token(issuer, github_claims()))
    on_forgejo = await verified(forgejo_settings(forgejo), home_of(forgejo), id_token(forgejo, forgejo_claims()))
    for answer in (on_github, on_forgejo):
        assert (answer.environment, answer.identity.project, answer.identity.protected) == ("production", "12", True)


async def test_the_use_of_a_token_is_told_apart_from_that_of_any_other(issuer: OidcIssuer, forgejo: OidcIssuer) -> None:
    tokens = [id_token(issuer, github_claims()), id_token(issuer, github_claims())]
    first, second, again = [
        (await verified(github_settings(issuer), issuer.url, token)).token_use for token in (*tokens, tokens[0])
    ]
    without_jti = id_token(forgejo, forgejo_claims())
    third = (await verified(forgejo_settings(forgejo), home_of(forgejo), without_jti)).token_use
    assert first == again
    assert len({first, second, third}) == 3
    assert all(use and len(use.token_id) == 64 and use.until > 1_700_000_000 for use in (first, second, third))


async def test_an_id_token_of_gitlab_needs_nothing_but_the_keys(issuer: OidcIssuer) -> None:
    settings = {"kind": "gitlab", "url": issuer.url, "audience": AUDIENCE}
    issuer.requests.clear()
    answer = await verified(settings, issuer.url, id_token(issuer, gitlab_claims()))
    assert (answer.identity.actor, answer.identity.protected) == ("ada", True)
    assert issuer.requests == ["/.well-known/openid-configuration", "/keys"]


async def test_a_gitlab_with_an_audience_still_takes_job_tokens(gitlab: SimulatedGitlab, issuer: OidcIssuer) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    answer = await verified(gitlab_settings(gitlab, issuer), gitlab.url, job.token, job_id=str(job.id))
    assert (answer.identity.job_id, answer.token_use) == (str(job.id), None)


async def test_a_token_of_another_issuer_is_never_shown_to_the_forge(
    gitlab: SimulatedGitlab, issuer: OidcIssuer, forgejo: OidcIssuer
) -> None:
    gitlab.fault = Fault.ERROR
    try:
        rule = (
            "^jobToken is not of a kind that forge 'forge' takes, which is an ID token of "
            rf"{issuer.url} for the audience {AUDIENCE}, or a CI job token$"
        )
        with pytest.raises(Unverified, match=rule) as refusal:
            await verified(gitlab_settings(gitlab, issuer), gitlab.url, id_token(forgejo, gitlab_claims()))
        with pytest.raises(
            Unverified, match=r"^jobToken is not of a kind that forge 'forge' takes, which is a CI job t"
        ):
            await verified({"kind": "gitlab", "url": gitlab.url}, gitlab.url, id_token(issuer, gitlab_claims()))
    finally:
        gitlab.fault = None
    assert refusal.value.code == "unverified"


async def test_claims_that_are_new_at_the_forge_are_told_once(issuer: OidcIssuer) -> None:
    config = one_app_config(github_settings(issuer), repo_url=f"{issuer.url}/shop/web", environments=MAIN)
    many = {"a" * 150: "1"} | {f"z{number}": "1" for number in range(60)}
    with capture_logs() as logs:
        async with a_verifier(config) as verifier:
            for more in ({"trust": "low"}, {"trust": "low"}, many, many):
                token = id_token(issuer, github_claims(**more))
                await verifier.verify(UnverifiedJob(f"{issuer.url}/shop/web", "7", token), None)
    assert [line["event"] for line in logs] == ["the ID tokens of a forge have claims that are not known here"] * 2
    assert (logs[0]["forge"], logs[0]["claims"]) == ("forge", ["trust"])
    assert (len(logs[1]["claims"]), logs[1]["claims"][0]) == (49, "a" * 100)


@pytest.mark.parametrize("token", ["glcbt-64_token", "ghs_token", "a.b.c"])
async def test_a_plain_token_proves_nothing_on_github(issuer: OidcIssuer, token: str) -> None:
    with pytest.raises(Unverified, match=rf"takes, which is an ID token of {issuer.url} for the audience {AUDIENCE}$"):
        await verified(github_settings(issuer), issuer.url, token)


async def test_a_broken_token_of_the_forge_is_shown_to_nobody_else(issuer: OidcIssuer) -> None:
    settings = {"kind": "gitlab", "url": issuer.url, "audience": AUDIENCE}
    expired = issuer.sign(issuer.claims(datetime(2020, 1, 1, tzinfo=UTC), **gitlab_claims()))
    issuer.requests.clear()
    with pytest.raises(Unverified, match=r"^the ID token expired \d+ s ago; the job needs to ask for a new one$"):
        await verified(settings, issuer.url, expired)
    assert "/api/v4/job" not in issuer.requests


@pytest.mark.parametrize(
    ("environment", "rule"),
    [
        ({"branch": "main"}, "^branch 'main' is not protected at forge 'forge', and environment 'any' takes protected"),
        ({"branch": "main", "protected": True}, "^branch 'main' is not protected at forge 'forge', and environment"),
    ],
)
async def test_a_branch_that_the_token_calls_unprotected_is_refused(
    issuer: OidcIssuer, environment: dict[str, Any], rule: str
) -> None:
    token = id_token(issuer, github_claims(ref_protected="false"))
    with pytest.raises(RefNotProtected, match=rule):
        await verified(github_settings(issuer), issuer.url, token, {"any": environment})


async def test_an_unprotected_branch_may_be_taken(issuer: OidcIssuer) -> None:
    token = id_token(issuer, github_claims(ref_protected="false"))
    environments = {"any": {"branch": "main", "protected": False}}
    assert (await verified(github_settings(issuer), issuer.url, token, environments)).identity.protected is False


async def test_where_the_token_does_not_tell_protected_true_refuses(forgejo: OidcIssuer) -> None:
    token = id_token(forgejo, forgejo_claims(ref="refs/tags/v1", ref_type="tag", ref_protected="false"))
    settings, home = forgejo_settings(forgejo), home_of(forgejo)
    assert (await verified(settings, home, token, {"any": {"tag": "v*"}})).identity.protected is None
    rule = "^environment 'any' has protected: true, but forge 'forge' can not tell whether tag 'v1' is protected; set"
    with pytest.raises(RefNotProtected, match=rule):
        await verified(settings, home, token, {"any": {"tag": "v*", "protected": True}})


async def test_a_tag_named_like_the_branch_does_not_deploy_the_branch(issuer: OidcIssuer) -> None:
    token = id_token(issuer, github_claims(ref="refs/tags/main", ref_type="tag"))
    with pytest.raises(EnvironmentNotFound, match=r"^app 'web' has no environment for tag 'main'$"):
        await verified(github_settings(issuer), issuer.url, token)


PROD: Environments = {"production": {"branch": "main", "ci_environment": "production"}}
DEPLOY = "shop/web/.github/workflows/deploy.yml@refs/heads/"


async def test_an_environment_may_ask_for_that_of_the_forge(issuer: OidcIssuer) -> None:
    good, other, none = (id_token(issuer, github_claims(environment=name)) for name in ("production", "staging", None))
    assert (await verified(github_settings(issuer), issuer.url, good, PROD)).environment == "production"
    rule = (
        "^environment 'production' takes jobs that deploy to the environment 'production' of their forge, and this one"
    )
    with pytest.raises(Unverified, match=f"{rule} deploys to 'staging'$"):
        await verified(github_settings(issuer), issuer.url, other, PROD)
    with pytest.raises(Unverified, match=f"{rule} does not say it; only some ID tokens do$"):
        await verified(github_settings(issuer), issuer.url, none, PROD)


async def test_a_job_token_does_not_say_its_environment(gitlab: SimulatedGitlab, issuer: OidcIssuer) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    with pytest.raises(Unverified, match=r"of their forge, and this one does not say it; only some ID tokens do$"):
        await verified(gitlab_settings(gitlab, issuer), gitlab.url, job.token, PROD, job_id=str(job.id))


@pytest.mark.parametrize("pattern", [f"{DEPLOY}main", f"{DEPLOY}*", f"{DEPLOY}m?in"])
async def test_an_environment_may_ask_for_the_file_that_defines_the_job(issuer: OidcIssuer, pattern: str) -> None:
    environments = {"production": {"branch": "main", "job_workflow_ref": ["a/b.yml@refs/tags/v1", pattern]}}
    token = id_token(issuer, github_claims())
    assert (await verified(github_settings(issuer), issuer.url, token, environments)).environment == "production"


@pytest.mark.parametrize(
    "workflow",
    [
        "shop/web/.github/workflows/other.yml@refs/heads/main",
        "mallory/web/.github/workflows/deploy.yml@refs/heads/main",
        f"{DEPLOY}release/1@refs/heads/main",
        f"{DEPLOY}dev",
        "shop/web/.github/workflows/deploy.yml",
    ],
)
async def test_a_job_that_is_defined_elsewhere_is_refused(issuer: OidcIssuer, workflow: str) -> None:
    environments = {"production": {"branch": "main", "job_workflow_ref": [f"{DEPLOY}main", f"{DEPLOY}release/*"]}}
    token = id_token(issuer, github_claims(job_workflow_ref=workflow))
    with pytest.raises(
        Unverified, match=r"^environment 'production' takes jobs that are defined in .* or .*, and this"
    ):
        await verified(github_settings(issuer), issuer.url, token, environments)
