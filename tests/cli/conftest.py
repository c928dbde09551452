"""A fake gateway per test, a chart folder, and a command line to call."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from dag_gateway.cli import deploy, fetch
from tests.fakes.gateway import JOB, FakeGateway, fake_gateway

Dag = Callable[..., Result]


@pytest.fixture(scope="session")
def _running_gateway() -> Iterator[FakeGateway]:
    with fake_gateway() as running:
        yield running


@pytest.fixture
def gateway(_running_gateway: FakeGateway) -> FakeGateway:
    """One server for all tests, with nothing left of the test before."""
    _running_gateway.reset()
    return _running_gateway


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A small chart folder."""
    folder = tmp_path / "web"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.2.3\n")
    (folder / "values.yaml").write_text("# how many\nreplicas: 1\nimage: {tag: '1.0', name: web}\n")
    (folder / "templates" / "app.yaml").write_text("kind: ConfigMap\n")
    return folder


@pytest.fixture
def dag() -> Dag:
    """``dag(*arguments, **variables)``: the client commands, with nothing in the environment but ``variables``."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    deploy.register(app)
    fetch.register(app)
    absent = dict.fromkeys((*CI_VARIABLES, *_TWINS))

    def call(*arguments: str | Path, **variables: str) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], env={**absent, **variables})

    return call


@pytest.fixture
def job(gateway: FakeGateway) -> list[str]:
    """The options that say who asks, and whom."""
    said = {"--repo": JOB["repoUrl"], "--job-id": JOB["jobId"], "--job-token": JOB["jobToken"]}
    return ["--server", gateway.url, *(part for option in said.items() for part in option)]


CI_VARIABLES = (
    "GITLAB_CI",
    "CI_PROJECT_URL",
    "CI_JOB_ID",
    "CI_JOB_TOKEN",
    "CI_COMMIT_SHA",
    "CI_COMMIT_TAG",
    "DAG_ID_TOKEN",
    "GITHUB_ACTIONS",
    "GITHUB_SERVER_URL",
    "GITHUB_REPOSITORY",
    "GITHUB_RUN_ID",
    "GITHUB_SHA",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
)
_TWINS = (
    "DAG_SERVER_URL",
    "DAG_DEPLOY_VERSION",
    "DAG_REPO_URL",
    "DAG_JOB_ID",
    "DAG_JOB_TOKEN",
    "DAG_AUDIENCE",
    "DAG_ENVIRONMENT",
    "DAG_TIMEOUT",
)
