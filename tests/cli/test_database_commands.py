"""The database of a running gateway is left alone, and no password is shown."""

import os
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from dag_gateway.cli.main import app
from dag_gateway.store import sole_user

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
SECRETS = {"DAG_IAC_PASSWORD": "x", "DAG_STAGING_TOKEN": "x"}


def dag(folder: Path, url: str, *command: str) -> Result:
    """The command with the example configuration and this database."""
    config = folder / "gateway.yaml"
    settings = yaml.safe_load(EXAMPLE.read_text()) | {"database": {"url": url}}
    config.write_text(yaml.safe_dump(settings))
    return CliRunner().invoke(app, [*command, "--config", str(config)], env=SECRETS)


@pytest.mark.parametrize("command", [("db", "upgrade"), ("serve",), ("serve", "--no-migrate")])
def test_a_file_that_another_process_has_is_left_alone(tmp_path: Path, command: tuple[str, ...]) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    with sole_user(url):
        result = dag(tmp_path, url, *command)
    assert result.exit_code == 1
    assert result.stderr == (
        f"the database '{tmp_path}/gateway.db' is in use by process {os.getpid()}: only one process may use a SQLite "
        "file; stop that one first, or move to PostgreSQL (database.url)\n"
    )
    assert not (tmp_path / "gateway.db").exists()


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("sqlite:///", "the database URL names no file: sqlite:///relative.db or sqlite:////absolute.db"),
        ("mysql://dag:open-sesame@host/dag", "the database URL starts with sqlite:/// or postgresql://"),
        ("postgresql://dag:open/sesame@host:5432/dag", "the database URL reads postgresql://user:password@host:port"),
        ("postgresql://dag:open@sesame@host/dag", "the database URL reads postgresql://user:password@host:port"),
        ("postgresql://dag:open%sesame@host/dag", "the database URL reads postgresql://user:password@host:port"),
        ("postgresql://dag:open-sesame@host/", "the database URL reads postgresql://user:password@host:port"),
        ("postgresql://dag:open-sesame@host:port/dag", "the database URL reads postgresql://user:password@host:port"),
    ],
)
def test_a_url_that_is_not_understood_is_not_shown(tmp_path: Path, url: str, rule: str) -> None:
    result = dag(tmp_path, url, "config", "check")
    assert result.exit_code == 2
    assert rule in result.stderr
    assert "sesame" not in result.stderr


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://dag:open%2Fsesame@db.example.com:5432/dag?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql://dag@one:5432,[::1]:5433/dag?target_session_attrs=read-write",
        "postgresql:///dag?host=/run/postgresql",
    ],
)
def test_urls_of_postgresql_are_understood(tmp_path: Path, url: str) -> None:
    assert dag(tmp_path, url, "config", "check").exit_code == 0
