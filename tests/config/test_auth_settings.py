"""API keys in the config file: hashes only, each key once, each name once."""

import pytest

from dag_gateway.config import BadConfig, parse
from dag_gateway.model.api_key import Role

REST = """
forges: {git: {kind: gitlab, url: "https://gitlab.example.com"}}
repositories: {iac: {url: /srv/iac.git}}
clusters: {prod: {server: "https://10.0.0.1:6443"}}
apps:
  web:
    repo_url: https://gitlab.example.com/shop/web
    forge: git
    environments:
      production:
        branch: main
        repository: iac
        path: prod/web
        targets: [{cluster: prod, namespace: shop, tracker: flux}]
"""
ONE, TWO = "1" * 64, "2" * 64
HASH = f"sha256: '{ONE}'}}"


def with_keys(*keys: str) -> str:
    return "auth:\n  keys:\n" + "".join(f"    - {key}\n" for key in keys) + REST


def problems(text: str) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        parse(text, {})
    return [str(problem) for problem in caught.value.problems]


def test_without_the_section_there_are_no_keys() -> None:
    assert parse(REST, {}).auth.keys == ()


def test_a_key_has_a_name_a_role_and_a_hash() -> None:
    config = parse(with_keys(f"{{name: oncall, role: viewer, sha256: '{ONE}'}}"), {})
    (key,) = config.auth.keys
    assert (key.name, key.role, key.sha256) == ("oncall", Role.VIEWER, ONE)


def test_names_and_hashes_are_unique() -> None:
    text = with_keys(
        f"{{name: oncall, role: viewer, sha256: '{ONE}'}}",
        f"{{name: oncall, role: admin, sha256: '{TWO}'}}",
        f"{{name: other, role: admin, sha256: '{ONE}'}}",
    )
    assert problems(text) == [
        "line 4: auth.keys.1.name: auth.keys.0 has it too; each key needs a name of its own, "
        "so that the audit log tells them apart",
        "line 5: auth.keys.2.sha256: auth.keys.0 has it too; one key has one name and one role",
    ]


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("{role: viewer, " + HASH, "auth.keys.0.name: this key is required"),
        ("{name: a, " + HASH, "auth.keys.0.role: this key is required"),
        ("{name: a, role: viewer}", "auth.keys.0.sha256: this key is required"),
        (
            "{name: a, role: root, " + HASH,
            "auth.keys.0.role: Input should be 'viewer', 'deployer' or 'admin'",
        ),
        ("{name: 'a b', role: viewer, " + HASH, "auth.keys.0.name: String should match pattern"),
        ("{name: a, role: viewer, sha256: dag_hunter2}", "auth.keys.0.sha256: String should match pattern"),
        ("{name: a, role: viewer, key: dag_hunter2, " + HASH, "auth.keys.0.key: there is no such key"),
        ("{name: [], role: viewer, " + HASH, "auth.keys.0.name: Input should be a valid string"),
        ("oncall", "auth.keys.0: Input should be a valid dictionary"),
    ],
)
def test_a_wrong_key_is_told_with_its_place_and_without_what_was_written(key: str, problem: str) -> None:
    (told,) = problems(with_keys(key))
    assert told.startswith(f"line 3: {problem}")
    assert "hunter2" not in told
