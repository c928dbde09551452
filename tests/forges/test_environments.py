"""The ref of a job selects its environment."""

import pytest

from dag_gateway.config import AppSettings
from dag_gateway.forges.environments import AmbiguousEnvironment, EnvironmentNotFound, select_environment
from dag_gateway.model.identity import JobIdentity, RefKind
from tests.fakes.forge_config import one_app_config

URL = "https://gitlab.example.com/shop/web"


def app(**environments: dict[str, str]) -> AppSettings:
    forge = {"kind": "gitlab", "url": "https://gitlab.example.com"}
    return one_app_config(forge, repo_url=URL, environments=environments).apps["web"]


def selected(app: AppSettings, ref: str, *, named: str | None = None, kind: RefKind = RefKind.BRANCH) -> str:
    name, settings = select_environment("web", app, JobIdentity("forge", "12", ref, kind, "7"), named)
    assert settings is app.environments[name]
    return name


@pytest.mark.parametrize(
    ("pattern", "ref"),
    [
        ("main", "main"),
        ("release/*", "release/1.2"),
        ("release/*", "release/1/2"),
        ("*", "feature/a"),
        ("*-stable", "12-stable"),
    ],
)
def test_a_branch_that_the_pattern_takes_selects_the_environment(pattern: str, ref: str) -> None:
    assert selected(app(production={"branch": pattern}), ref) == "production"


@pytest.mark.parametrize(
    ("pattern", "ref"), [("main", "Main"), ("main", "main2"), ("release/*", "release"), ("release/*", "a/release/1")]
)
def test_a_branch_that_no_pattern_takes_has_no_environment(pattern: str, ref: str) -> None:
    with pytest.raises(EnvironmentNotFound, match=f"^app 'web' has no environment for branch '{ref}'$") as failure:
        selected(app(production={"branch": pattern}), ref)
    assert failure.value.code == "environment_not_found"


def test_branches_and_tags_of_one_name_are_different_things() -> None:
    both = app(branches={"branch": "v*"}, tags={"tag": "v*"})
    assert selected(both, "v1", kind=RefKind.BRANCH) == "branches"
    assert selected(both, "v1", kind=RefKind.TAG) == "tags"


def test_a_tag_without_a_tag_environment_has_none() -> None:
    with pytest.raises(EnvironmentNotFound, match=r"^app 'web' has no environment for tag 'main'$"):
        selected(app(production={"branch": "main"}), "main", kind=RefKind.TAG)


def test_several_environments_must_be_told_apart_by_name() -> None:
    several = app(blue={"branch": "main"}, green={"branch": "m*"}, other={"branch": "dev"})
    rule = (
        "^branch 'main' of app 'web' goes to several environments; name one of them in the field environment: "
        "blue, green$"
    )
    with pytest.raises(AmbiguousEnvironment, match=rule) as failure:
        selected(several, "main")
    assert failure.value.code == "ambiguous_environment"
    assert failure.value.details == {"environments": ["blue", "green"]}
    assert selected(several, "main", named="green") == "green"


def test_a_named_environment_must_take_the_ref() -> None:
    both = app(production={"branch": "main"}, releases={"tag": "v*"})
    with pytest.raises(
        EnvironmentNotFound, match=r"^environment 'production' of app 'web' takes branch 'main', not branch 'dev'$"
    ):
        selected(both, "dev", named="production")
    with pytest.raises(
        EnvironmentNotFound, match=r"^environment 'releases' of app 'web' takes tag 'v\*', not branch 'main'$"
    ):
        selected(both, "main", named="releases")


@pytest.mark.parametrize(("named", "shown"), [("staging", "'staging'"), ("", "''"), ("x" * 500, "'" + "x" * 100 + "'")])
def test_a_named_environment_must_exist(named: str, shown: str) -> None:
    with pytest.raises(EnvironmentNotFound, match=f"^app 'web' has no environment {shown}; it has: production$"):
        selected(app(production={"branch": "main"}), "main", named=named)
