"""Shared tokens of the configuration."""

from hashlib import sha256
from typing import Any

import pytest

from dag_gateway.config import StaticSettings
from dag_gateway.errors import Unverified
from dag_gateway.forges.static import StaticTokens
from dag_gateway.model.identity import JobIdentity, RefKind, UnverifiedJob
from tests.fakes.forge_config import one_app_config

URL = "https://git.example.com/shop/web"


def entry(token: str, branch: str = "main", repo_url: str = URL) -> dict[str, str]:
    return {"sha256": sha256(token.encode()).hexdigest(), "repo_url": repo_url, "branch": branch}


async def verified(token: str, *tokens: dict[str, str]) -> JobIdentity:
    settings: dict[str, Any] = {"kind": "static", "tokens": tokens}
    app = one_app_config(settings, repo_url=URL, environments={"production": {"branch": "main"}}).apps["web"]
    forge = StaticTokens("local", StaticSettings.model_validate(settings))
    proof = await forge.verify(UnverifiedJob(URL, "build 5", token), app)
    assert (proof.repo_url, proof.project_id) == (URL, None)
    return proof.identity


async def test_the_token_says_which_branch_it_is() -> None:
    identity = await verified(
        "b", entry("a", "main"), entry("b", "dev"), entry("b", "dev", "https://other.example.com/x")
    )
    assert identity == JobIdentity("local", URL, "dev", RefKind.BRANCH, "build 5")
    assert (identity.commit, identity.protected) == ("", None)


@pytest.mark.parametrize("token", ["c", sha256(b"a").hexdigest(), "A", "other"])
async def test_a_token_that_is_not_of_the_app_is_refused(token: str) -> None:
    rule = "^jobToken is none of the tokens that forge 'local' has for https://git.example.com/shop/web$"
    with pytest.raises(Unverified, match=rule):
        await verified(token, entry("a"), entry("other", repo_url="https://git.example.com/shop/other"))


async def test_one_token_for_two_branches_proves_neither() -> None:
    rule = r"^forge 'local' has the same token for several branches of https://git.*/web \(main, dev\); give each"
    with pytest.raises(Unverified, match=rule):
        await verified("a", entry("a", "main"), entry("a", "dev"))
