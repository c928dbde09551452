"""Every mistake in a config file is found at once, with its place and the way out."""

from pathlib import Path

import pytest

from dag_gateway.config import BadConfig, Config, load, parse

GOOD = """\
forges:
  git:
    kind: gitlab
    url: https://gitlab.example.com
repositories:
  iac: {url: /srv/iac.git}
clusters:
  prod: {server: "https://10.0.0.1:6443"}
apps:
  web:
    repo_url: https://gitlab.example.com/shop/web.git
    forge: git
    environments:
      production:
        branch: main
        repository: iac
        path: prod/web
        targets:
          - {cluster: prod, namespace: shop, tracker: flux, timeout: 90s}
"""


def problems(text: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        parse(text, environ or {})
    return [str(problem) for problem in caught.value.problems]


def test_defaults_are_filled_in() -> None:
    config = parse(GOOD, {})
    target = config.apps["web"].environments["production"].target_list()[0]
    assert config.apps["web"].repo_url == "https://gitlab.example.com/shop/web"
    assert (target.release, target.resource_namespace, target.resource_name) == ("web", "shop", "web")
    assert target.timeout == 90.0


def test_five_mistakes_are_five_problems_in_the_order_of_the_file() -> None:
    broken = (
        GOOD.replace("kind: gitlab", "kind: svn")
        .replace("{url: /srv/iac.git}", "{url: /srv/iac.git, colour: red}")
        .replace("forge: git\n", "forge: gut\n")
        .replace("timeout: 90s", "timeout: soon")
        .replace("cluster: prod,", "cluster: production,")
    )
    found = problems(broken)
    assert len(found) == 5
    assert found[0].startswith("line 2: forges.git: Input tag 'svn' found using 'kind' does not match")
    assert found[1] == "line 6: repositories.iac.colour: there is no such key"
    assert found[2] == "line 12: apps.web.forge: 'gut' is not among the forges (git)"
    assert found[3] == (
        "line 19: apps.web.environments.production.targets.0.cluster: 'production' is not among the clusters (prod)"
    )
    assert found[4].startswith("line 19: apps.web.environments.production.targets.0.timeout: 'soon' is not a duration")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("branch: main", "branch: main\n        tag: v*", "give exactly one of branch and tag"),
        ("path: prod/web", "path: ../web", "'../web' is not a relative folder"),
        ("path: prod/web", "path: /prod/web", "'/prod/web' is not a relative folder"),
        ("path: prod/web", "path: prod/.GIT/web", "'prod/.GIT/web' is not a relative folder"),
        ("{url: /srv/iac.git}", "{url: 'ftp://host/iac.git'}", "the scheme of the url is not supported"),
        ("{url: /srv/iac.git}", "{url: 'https://me:pw@host/iac.git'}", "credentials do not belong into the url"),
        ('{server: "https://10.0.0.1:6443"}', "{}", "give exactly one of kubeconfig, in_cluster: true, or server"),
        (
            "repo_url: https://gitlab.example.com/shop/web.git",
            "repo_url: shop/web",
            "apps.web.repo_url: this is not a repository URL such as",
        ),
        ("    forge: git\n", "", "apps.web.forge: this key is required"),
        ("{cluster: prod, namespace: shop, tracker: flux, timeout: 90s}", "", "targets"),
        ("repositories:\n  iac: {url: /srv/iac.git}", "repositories: {}", "repositories: at least one is required"),
        ("repository: iac", "repository: cai", "'cai' is not among the repositories (iac)"),
        ("tracker: flux", "tracker: helmfile", "Input should be 'flux', 'argocd', 'helm' or 'workloads'"),
        ("forges:\n", "server: {port: 99999}\nforges:\n", "server.port: Input should be less than or equal to 65535"),
        ("forges:\n", "server: {limits: {upload: much}}\nforges:\n", "'much' is not a size such as 20MiB"),
        ("forges:\n", "server: {heartbeat: 15}\nforges:\n", "a duration is written like 30s, 5m, 1h or 90d"),
        ("forges:\n", "server: {heartbeat: 31s}\nforges:\n", "at most 30s: dag takes a stream that is silent for 45s"),
        ("forges:\n", "server: {drain: 40000d}\nforges:\n", "server.drain: Input should be less than or equal to"),
        ("cluster: prod,", "cluster: [prod],", "targets.0.cluster: Input should be a valid string"),
        ("cluster: prod,", "cluster: 7,", "targets.0.cluster: '7' is not among the clusters (prod)"),
        ("namespace: shop", "namespace: {a: b}", "targets.0.namespace: Input should be a valid string"),
        ("forges:\n", "data_dir: 2024-13-45\nforges:\n", "line 1: not YAML, column 11: this is no date and no number"),
        ("forges:\n", f"data_dir: {'9' * 5000}\nforges:\n", "not YAML, column 11: this is no date and no number"),
        ("forges:\n", "data_dir: !!int ''\nforges:\n", "not YAML, column 11: this is no date and no number"),
        ("forges:\n", "server: &a {limits: *a}\nforges:\n", "line 1: not YAML, column 9: it nests deeper than 50"),
        ("forges:\n", f"data_dir: {'[' * 9999}\nforges:\n", "not YAML: it nests deeper than 50 levels, or without end"),
        ("forges:\n", "? [a]\n: b\nforges:\n", "line 1: not YAML, column 3: a key is one word"),
        ("/srv/iac.git", '"${file:a\\0b}"', r"repositories.iac.url: 'a\x00b' can not be the name of a file"),
        ("/srv/iac.git", '"${env:\\ud800}"', "repositories.iac.url: the environment variable \ud800 is not set"),
        ("forges:\n", "database: {url: 'mysql://host/db'}\nforges:\n", "the database URL starts with sqlite:///"),
        ("forges:\n", "data_dir: a\ndata_dir: b\nforges:\n", "line 2: data_dir: this key stands twice"),
        ("repo_url: https://gitlab.example.com/shop/web.git", "repo_url: 7", "a repository URL is a string"),
        ("  web:\n", f"  {'w' * 256}:\n", f"apps.{'w' * 256}: String should have at most 255 characters"),
        ("production:\n", '"pro\\n":\n', "String should match pattern"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, problem: str) -> None:
    assert old in GOOD
    assert any(problem in found for found in problems(GOOD.replace(old, new)))


def test_two_environments_never_write_to_the_same_or_nested_paths() -> None:
    second = GOOD + GOOD[GOOD.index("      production:") :].replace("production:", "staging:").replace(
        "path: prod/web", "path: prod/web/inner"
    )
    (found,) = problems(second)
    assert "'prod/web/inner' is also written by apps.web.environments.production (path 'prod/web')" in found


IAC = "{url: /srv/iac.git}"
OTHER = "{url: /srv/iac.git/, branch: main}"
SSH = "ssh_key: k, known_hosts: h"


@pytest.mark.parametrize(
    ("one", "two", "branch"),
    [
        ("{url: /srv/iac.git, branch: main}", OTHER, ""),
        ("{url: /srv/iac.git, branch: main}", IAC, "repository_branch: main"),
        (IAC, IAC, ""),
        ("{url: 'https://git.example.com/iac'}", "{url: 'https://GIT.example.com/iac.git'}", ""),
        (f"{{url: 'git@git.example.com:/iac.git', {SSH}}}", f"{{url: 'ssh://git@git.example.com/iac', {SSH}}}", ""),
    ],
)
def test_one_branch_by_two_names_is_one_place(one: str, two: str, branch: str) -> None:
    (found,) = problems(with_second_environment(one, two, branch))
    assert "staging.path: 'prod/web/in' is also written by apps.web.environments.production" in found


@pytest.mark.parametrize(
    ("two", "branch"),
    [(IAC, "repository_branch: staging"), ("{url: /srv/other.git}", ""), ("{url: /srv/iac.git, branch: next}", "")],
)
def test_another_branch_or_repository_is_another_place(two: str, branch: str) -> None:
    assert len(parse(with_second_environment(IAC, two, branch), {}).apps["web"].environments) == 2


def with_second_environment(one: str, two: str, branch: str) -> str:
    """``one`` and ``two`` are repositories; ``branch`` is a line of the environment that writes to ``two``."""
    second = GOOD[GOOD.index("      production:") :].replace("production:", "staging:")
    second = second.replace("repository: iac", f"repository: two\n        {branch}").replace("prod/web", "prod/web/in")
    return GOOD.replace(f"iac: {IAC}", f"iac: {one}\n  two: {two}") + second


def test_one_app_per_repository() -> None:
    second = GOOD + GOOD[GOOD.index("  web:\n") :].replace("  web:", "  www:", 1).replace("prod/web", "prod/www")
    (found,) = problems(second)
    assert found.endswith("apps.www.repo_url: the app 'web' already has this repository; one app per repository")


def test_one_release_is_not_fed_twice() -> None:
    line = "          - {cluster: prod, namespace: shop, tracker: flux, timeout: 90s}\n"
    (found,) = problems(GOOD + line)
    assert "targets.1: the same cluster, namespace and release stand here twice" in found
    (found,) = problems(GOOD + line.replace("timeout: 90s", "release: web"))
    assert "targets.1: the same cluster, namespace and release stand here twice" in found


def test_placeholders_are_replaced_inside_strings(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    text = GOOD.replace(
        "{url: /srv/iac.git}", f"{{url: '${{env:BASE}}/iac.git', username: dag, password: '${{file:{secret}}}'}}"
    )
    config = parse(text, {"BASE": "https://git.example.com"})
    repository = config.repositories["iac"]
    assert repository.url == "https://git.example.com/iac.git"
    assert repository.password is not None
    assert repository.password.get_secret_value() == "s3cret"


def test_missing_placeholders_name_the_key(tmp_path: Path) -> None:
    text = GOOD.replace("/srv/iac.git", "'${env:NOWHERE}'").replace(
        "https://10.0.0.1:6443", f"${{file:{tmp_path}/gone}}"
    )
    assert problems(text) == [
        "line 6: repositories.iac.url: the environment variable NOWHERE is not set",
        f"line 8: clusters.prod.server: the file {tmp_path}/gone can not be read: No such file or directory",
    ]


def test_a_placeholder_file_must_be_text(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    text = GOOD.replace("/srv/iac.git", f"'${{file:{tmp_path}/binary}}'")
    assert "can not be read: it is not UTF-8" in problems(text)[0]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "https://gitlab.example.com/shop/web.git",
            "https://me:${env:SECRET}#x@git.example.com/a",
            "this is not a repo",
        ),
        ("/srv/iac.git", "'${env:SECRET}@https://git.example.com/a'", "the scheme of the url is not supported"),
        ("/srv/iac.git", "'${env:SECRET}://git.example.com/a'", "the scheme of the url is not supported"),
        ("timeout: 90s", "timeout: '${env:SECRET}'", "'${env:SECRET}' is not a duration"),
        ("cluster: prod", "cluster: '${env:SECRET}'", "'${env:SECRET}' is not among the clusters (prod)"),
        ("path: prod/web", "path: '../${env:SECRET}'", "'../${env:SECRET}' is not a relative folder"),
        ("kind: gitlab", "kind: '${env:SECRET}'", "Input tag '${env:SECRET}' found"),
        ("forges:\n", "server: {limits: {file: '${env:SECRET}'}}\nforges:\n", "'${env:SECRET}' is not a size"),
        ("forges:\n", "server: {trusted_proxies: ['${env:SECRET}']}\nforges:\n", "'${env:SECRET}' is not a network"),
        ("forges:\n", "server: {port: '${env:SECRET}'}\nforges:\n", "server.port: Input should be a valid integer"),
        ("forges:\n", "database: {url: '${env:SECRET}'}\nforges:\n", "the database URL starts with"),
    ],
)
def test_what_was_filled_in_is_never_shown(old: str, new: str, problem: str) -> None:
    found = "\n".join(problems(GOOD.replace(old, new), {"SECRET": "hunter2"}))
    assert problem in found
    assert "hunter2" not in found


def test_text_that_is_not_yaml_is_told_with_line_and_column() -> None:
    assert problems("server: {port: 1\nforges: [") == ["line 2: not YAML, column 7: expected ',' or '}', but got ':'"]
    assert problems("- a\n- b\n") == ["line 1: the file is not a mapping of sections such as server: and apps:"]


def test_an_empty_file_lacks_its_sections() -> None:
    assert [found.split(": ", 1)[1] for found in problems("")] == [
        "apps: this key is required",
        "clusters: this key is required",
        "forges: this key is required",
        "repositories: this key is required",
    ]


def test_a_file_that_can_not_be_read_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="the file can not be read: No such file or directory"):
        load(tmp_path / "gone.yaml", {})
    (tmp_path / "latin.yaml").write_bytes(b"\xe9")
    with pytest.raises(BadConfig, match="the file can not be read: it is not UTF-8"):
        load(tmp_path / "latin.yaml", {})


def test_an_app_may_be_named_like_a_kind_of_forge() -> None:
    text = GOOD.replace("  web:\n    repo_url", "  static:\n    colour: red\n    repo_url")
    assert problems(text) == ["line 11: apps.static.colour: there is no such key"]


def test_every_setting_is_in_the_schema_with_its_meaning() -> None:
    schema = Config.model_json_schema()
    limits = schema["$defs"]["LimitSettings"]["properties"]
    assert limits["upload"]["description"] == "The compressed archive."
    assert schema["$defs"]["TargetSettings"]["properties"]["timeout"]["type"] == "string"


def test_a_missing_placeholder_is_the_only_problem_of_its_section() -> None:
    text = GOOD.replace("{url: /srv/iac.git}", "{url: 'https://git/iac.git', token: '${env:NOWHERE}'}")
    assert problems(text) == ["line 6: repositories.iac.token: the environment variable NOWHERE is not set"]
