"""The commands of whoever runs the gateway."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dag_gateway import __version__
from dag_gateway.cli.main import app

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
SECRETS = {"DAG_IAC_PASSWORD": "x", "DAG_STAGING_TOKEN": "x"}
SERVER_LIBRARIES = {"alembic", "dulwich", "helm_python", "kubernetes", "pydantic", "sqlalchemy", "starlette", "uvicorn"}


def dag(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), env=env)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_version_is_printed() -> None:
    assert dag("--version").stdout == f"dag-gateway {__version__}\n"


def test_a_good_config_is_said_to_be_good() -> None:
    result = dag("config", "check", "--config", str(EXAMPLE), env=SECRETS)
    assert (result.exit_code, result.stdout) == (0, f"{EXAMPLE}: ok, 3 app(s), 4 environment(s)\n")


def test_the_config_file_may_be_named_by_the_environment() -> None:
    assert dag("config", "check", env={**SECRETS, "DAG_CONFIG": str(EXAMPLE)}).exit_code == 0


def test_a_name_that_stdout_has_no_characters_for_is_spelled_out(tmp_path: Path) -> None:
    config = tmp_path / "\u674e.yaml"
    config.write_text(EXAMPLE.read_text())
    env = {**os.environ, **SECRETS, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "dag_gateway.cli", "config", "check", "--config", str(config)]
    ran = subprocess.run(command, env=env, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.endswith(b"\\u674e.yaml: ok, 3 app(s), 4 environment(s)" + os.linesep.encode())


@pytest.mark.parametrize("command", [["config", "check"], ["serve"], ["db", "upgrade"]])
def test_a_bad_config_is_wrong_usage_with_every_problem(tmp_path: Path, command: list[str]) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("server: {port: many}\nforges: {}\ncolour: red\n")
    result = dag(*command, "--config", str(config))
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"{config}: 6 problems",
        "  line 1: apps: this key is required",
        "  line 1: clusters: this key is required",
        "  line 1: repositories: this key is required",
        "  line 1: server.port: Input should be a valid integer, unable to parse string as an integer",
        "  line 2: forges: at least one is required",
        "  line 3: colour: there is no such key",
    ]


def test_the_schema_is_json_for_editors() -> None:
    schema = json.loads(dag("config", "schema").stdout)
    assert set(schema["required"]) == {"apps", "clusters", "forges", "repositories"}


def test_the_database_is_brought_up_to_date(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    text = EXAMPLE.read_text().replace("sqlite:////var/lib/dag-gateway/gateway.db", f"sqlite:///{tmp_path}/gateway.db")
    config.write_text(text)
    for _ in range(2):
        result = dag("db", "upgrade", "--config", str(config), env=SECRETS)
        assert (result.exit_code, result.stdout) == (0, "the database is up to date\n")
    assert (tmp_path / "gateway.db").stat().st_size > 0


def test_the_client_loads_nothing_of_the_server() -> None:
    result = python("import sys, dag_gateway.cli.main; print(*{name.split('.')[0] for name in sys.modules})")
    assert result.returncode == 0, result.stderr
    assert SERVER_LIBRARIES & set(result.stdout.split()) == set()


@pytest.mark.parametrize("library", ["pydantic", "starlette"])
def test_a_server_command_without_its_extra_says_what_to_install(library: str) -> None:
    result = python(
        f"import sys; sys.modules[{library!r}] = None; sys.argv = ['dag', 'serve', '--config', {str(EXAMPLE)!r}]\n"
        "from dag_gateway.cli.main import main; main()"
    )
    assert result.returncode == 2
    assert result.stderr == f"this command needs {library}: pip install 'dag-gateway[server]'\n"


def test_a_bug_is_not_taken_for_a_missing_library() -> None:
    result = python(
        "import sys; sys.modules['dag_gateway.config'] = None; sys.argv = ['dag', 'config', 'schema']\n"
        "from dag_gateway.cli.main import main; main()"
    )
    assert "dag_gateway.config" in result.stderr
    assert "pip install" not in result.stderr


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_that_is_taken_is_wrong_usage(tmp_path: Path, command: str) -> None:
    config = tmp_path / "gateway.yaml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = EXAMPLE.read_text().replace("sqlite:////var/lib/dag-gateway", f"sqlite:///{tmp_path}")
        config.write_text(text.replace("port: 8080", f"port: {port}").replace("host: 0.0.0.0", "host: 127.0.0.1"))
        arguments = ["--config", str(config)] if command == "serve" else ["--port", str(port), "--once"]
        result = subprocess.run(
            [sys.executable, "-m", "dag_gateway.cli", command, *arguments],
            env={**os.environ, **SECRETS},
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 2
    assert result.stderr == (
        f"dag: can not listen on 127.0.0.1:{port} (server.host, server.port): Address already in use\n"
    )


@pytest.mark.parametrize("command", [["serve"], ["db", "upgrade"]])
def test_a_database_that_can_not_be_opened_is_told_in_one_line(tmp_path: Path, command: list[str]) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(EXAMPLE.read_text().replace("sqlite:////var/lib/dag-gateway", f"sqlite:///{tmp_path}/nowhere"))
    result = dag(*command, "--config", str(config), env=SECRETS)
    assert result.exit_code == 1
    assert result.stderr == (f"there is no folder '{tmp_path}/nowhere' for the database: create it (database.url)\n")
