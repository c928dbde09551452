"""``dag auth new-key``: the key on stdout, this once; its entry for the config file on stderr."""

import hashlib
import re

import pytest
import yaml
from typer.testing import CliRunner, Result

from dag_gateway.cli.main import app
from dag_gateway.config import AuthSettings


def new_key(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["auth", "new-key", *arguments])


def entry(result: Result) -> AuthSettings:
    said, _, section = result.stderr.partition("\n\n")
    assert said == "The key is shown this once. Add its hash to the config file and restart the gateway:"
    return AuthSettings.model_validate(yaml.safe_load(section)["auth"])


def test_the_entry_is_as_the_config_file_wants_it_and_knows_the_key() -> None:
    result = new_key("--name", "oncall", "--role", "viewer")
    assert result.exit_code == 0
    key = result.stdout.removesuffix("\n")
    assert re.fullmatch("dag_[A-Za-z0-9_-]{43}", key)
    (known,) = entry(result).keys
    assert (known.name, known.role) == ("oncall", "viewer")
    assert known.sha256 == hashlib.sha256(key.encode()).hexdigest()
    assert key not in result.stderr


def test_no_two_keys_are_the_same() -> None:
    assert new_key("--name", "a", "--role", "admin").stdout != new_key("--name", "a", "--role", "admin").stdout


@pytest.mark.parametrize("name", ["1e3", "null", "on", "0"])
def test_a_name_that_yaml_reads_as_something_else_stays_a_name(name: str) -> None:
    assert entry(new_key("--name", name, "--role", "deployer")).keys[0].name == name


@pytest.mark.parametrize("name", ["", "on call", "-x", "a\n", 'a"', "é", "x" * 64])
def test_a_name_is_plain(name: str) -> None:
    result = new_key(f"--name={name}", "--role", "viewer")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"dag: --name: {name!r}: 1 to 63 letters, digits and ._@- are expected, a letter or digit first\n"
    )


def test_a_role_is_one_of_three() -> None:
    result = new_key("--name", "x", "--role", "root")
    assert result.exit_code == 2
    assert "'viewer', 'deployer', 'admin'" in re.sub(r"[\s│]+", " ", result.stderr)
