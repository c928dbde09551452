"""Who signs the ID tokens of which forge."""

import pytest

from dag_gateway.forges.issuer import forgejo_issuer, github_issuer, gitlab_issuer

AUDIENCE = "https://dag.example.com"


@pytest.mark.parametrize(
    ("url", "issuer"),
    [
        ("https://github.com", "https://token.actions.githubusercontent.com"),
        ("https://github.com/", "https://token.actions.githubusercontent.com"),
        ("https://octo.ghe.com", "https://token.actions.octo.ghe.com"),
        ("https://github.example.com/", "https://github.example.com/_services/token"),
        ("https://evilghe.com", "https://evilghe.com/_services/token"),
    ],
)
def test_github_signs_at_an_address_of_its_own(url: str, issuer: str) -> None:
    found = github_issuer("actions", url, AUDIENCE)
    assert (found.name, found.issuer, found.audience) == ("actions", issuer, AUDIENCE)
    assert found.discovery_url == f"{issuer}/.well-known/openid-configuration"
    assert (found.algorithms, found.has_token_ids) == (("RS256",), True)


def test_a_github_may_have_another_issuer() -> None:
    found = github_issuer("actions", "https://github.com", AUDIENCE, "https://token.actions.githubusercontent.com/octo")
    assert found.issuer == "https://token.actions.githubusercontent.com/octo"
    assert found.discovery_url == f"{found.issuer}/.well-known/openid-configuration"


def test_a_gitlab_signs_as_itself() -> None:
    found = gitlab_issuer("gitlab", "https://gitlab.example.com/", AUDIENCE)
    assert found.issuer == "https://gitlab.example.com"
    assert found.discovery_url == "https://gitlab.example.com/.well-known/openid-configuration"


def test_a_gitlab_that_is_asked_inside_signs_with_its_outer_name() -> None:
    found = gitlab_issuer("gitlab", "http://gitlab.internal:8080", AUDIENCE, "https://gitlab.example.com")
    assert found.issuer == "https://gitlab.example.com"
    assert found.discovery_url == "http://gitlab.internal:8080/.well-known/openid-configuration"


def test_a_forgejo_signs_as_its_actions_and_names_no_token() -> None:
    found = forgejo_issuer("forgejo", "https://code.example.com/", AUDIENCE)
    assert found.issuer == "https://code.example.com/api/actions"
    assert found.discovery_url == "https://code.example.com/api/actions/.well-known/openid-configuration"
    assert (found.algorithms, found.has_token_ids) == (("RS256", "ES256"), False)


def test_a_forgejo_that_is_asked_inside_signs_with_its_outer_name() -> None:
    found = forgejo_issuer("forgejo", "http://forgejo:3000", AUDIENCE, "https://code.example.com/api/actions")
    assert found.issuer == "https://code.example.com/api/actions"
    assert found.discovery_url == "http://forgejo:3000/api/actions/.well-known/openid-configuration"
