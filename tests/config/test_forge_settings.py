"""Forges of every kind, and what an environment can only ask of some of them."""

import pytest

from dag_gateway.config import (
    BadConfig,
    Config,
    ForgejoSettings,
    GithubSettings,
    GitlabSettings,
    parse,
)

FILE = """\
forges:
  git: {FORGE}
repositories:
  iac: {url: /srv/iac.git}
clusters:
  prod: {in_cluster: true}
apps:
  web:
    repo_url: https://git.example.com/shop/web
    forge: git
    APP
    environments:
      production:
        branch: main
        ENVIRONMENT
        repository: iac
        path: prod/web
        targets: [{cluster: prod, namespace: shop, tracker: flux}]
"""

GITLAB = "kind: gitlab, url: 'https://git.example.com'"
GITHUB = "kind: github, audience: dag"
FORGEJO = "kind: forgejo, url: 'https://git.example.com', audience: dag"
STATIC = f"kind: static, tokens: [{{sha256: {'a' * 64}, repo_url: 'https://git.example.com/shop/web', branch: main}}]"
WORKFLOW = "shop/web/.github/workflows/deploy.yml@refs/heads/*"


def config(forge: str, app: str = "", environment: str = "") -> Config:
    text = FILE.replace("FORGE", forge).replace("APP", app).replace("ENVIRONMENT", environment)
    return parse(text, {})


def problems(forge: str, app: str = "", environment: str = "") -> list[str]:
    with pytest.raises(BadConfig) as caught:
        config(forge, app, environment)
    return [f"{problem.key}: {problem.message}" for problem in caught.value.problems]


def test_the_kinds_of_forges_and_their_defaults() -> None:
    gitlab, github, forgejo = (config(forge).forges["git"] for forge in (GITLAB, GITHUB, FORGEJO))
    assert isinstance(gitlab, GitlabSettings)
    assert isinstance(github, GithubSettings)
    assert isinstance(forgejo, ForgejoSettings)
    assert (gitlab.audience, gitlab.issuer, gitlab.timeout) == (None, None, 10)
    assert (github.url, github.audience) == ("https://github.com", "dag")
    assert (forgejo.url, forgejo.issuer) == ("https://git.example.com", None)


@pytest.mark.parametrize(
    ("forge", "problem"),
    [
        ("kind: github", "forges.git.audience: this key is required"),
        ("kind: forgejo, audience: dag", "forges.git.url: this key is required"),
        ("kind: forgejo, url: 'https://git.example.com'", "forges.git.audience: this key is required"),
        (f"{GITHUB}, tokens: []", "forges.git.tokens: there is no such key"),
        (f"{GITHUB}, url: github.com", "forges.git.url: String should match pattern"),
        (f"{GITHUB}, url: 'https://me:pw@github.com'", "forges.git.url: String should match pattern"),
        (f"{GITHUB}, issuer: 'https://x.example.com/?a=b'", "forges.git.issuer: String should match pattern"),
        ("kind: github, audience: ''", "forges.git.audience: String should have at least 1 character"),
    ],
)
def test_a_mistake_in_a_forge_is_told_with_its_place(forge: str, problem: str) -> None:
    (found,) = problems(forge)
    assert found.startswith(problem)


def test_an_environment_may_ask_for_more_where_the_forge_tells_it() -> None:
    asked = f"ci_environment: production\n        job_workflow_ref: ['{WORKFLOW}']"
    for forge in (GITHUB, f"{GITLAB}, audience: dag"):
        environment = config(forge, "project_id: 12", asked).apps["web"].environments["production"]
        assert (environment.ci_environment, environment.job_workflow_ref) == ("production", (WORKFLOW,))
    on_forgejo = config(FORGEJO, environment=f"job_workflow_ref: ['{WORKFLOW}']").apps["web"]
    assert on_forgejo.environments["production"].job_workflow_ref == (WORKFLOW,)


IN_ID_TOKENS = "a forge of the kind gitlab says it in ID tokens only, for which it needs an audience"


@pytest.mark.parametrize(
    ("forge", "key", "value", "problem"),
    [
        (GITLAB, "ci_environment", "production", IN_ID_TOKENS),
        (GITLAB, "job_workflow_ref", f"['{WORKFLOW}']", IN_ID_TOKENS),
        (FORGEJO, "ci_environment", "production", "a forge of the kind forgejo has no environments"),
        (STATIC, "ci_environment", "production", "a forge of the kind static knows nothing of a job"),
        (STATIC, "job_workflow_ref", f"['{WORKFLOW}']", "a forge of the kind static knows nothing of a job"),
    ],
)
def test_what_no_job_could_prove_is_a_mistake(forge: str, key: str, value: str, problem: str) -> None:
    assert problems(forge, environment=f"{key}: {value}") == [f"apps.web.environments.production.{key}: {problem}"]


def test_a_static_forge_has_no_projects() -> None:
    assert problems(STATIC, app="project_id: 12") == [
        "apps.web.project_id: a forge of the kind static has no project ids"
    ]


@pytest.mark.parametrize(
    "pattern", ["deploy.yml", "@refs/heads/main", "shop/web/deploy.yml@", "shop/*/deploy.yml@refs/heads/main"]
)
def test_a_workflow_is_a_file_at_a_ref(pattern: str) -> None:
    (found,) = problems(GITHUB, environment=f"job_workflow_ref: ['{pattern}']")
    assert found == (
        f"apps.web.environments.production.job_workflow_ref.0: '{pattern}' is not a workflow such as "
        "shop/web/.github/workflows/deploy.yml@refs/heads/main; * may stand behind the last @ only"
    )
