"""``dag deploy`` from the outside: exit codes, stdout, stderr."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import helm_python
import pytest
import typer
from typer.testing import Result

from dag_gateway.cli.exits import ExitCode
from dag_gateway.cli.rollout import Journey
from dag_gateway.cli.run import run
from dag_gateway.cli.updates import StatusUpdate
from tests.fakes.gateway import (
    DEPLOYMENT,
    JOB,
    Ending,
    FakeGateway,
    Stream,
    Trouble,
    status_event,
    target_event,
)

Dag = Callable[..., Result]
START = status_event(1, "pending", "accepted") + target_event(
    2, "monitoring", "web: 1/3 pods ready", ready=1, desired=3
)
DEPLOYED = START + status_event(3, "deployed", "3/3 pods ready")
FAILED = START + status_event(3, "failed", "web-1 crashed\nlast words: boom", reason="crash_loop")


def test_a_proven_deployment_exits_0(dag: Dag, job: list[str], chart: Path, gateway: FakeGateway) -> None:
    gateway.streams = [Stream(DEPLOYED)]
    result = dag("deploy", chart, *job, "--deploy-version", "1.2.3", "--environment", "production")
    assert (result.exit_code, result.stdout) == (0, "")
    (upload,) = gateway.uploads
    assert upload.fields == {**JOB, "version": "1.2.3", "environment": "production"}
    assert result.stderr.splitlines() == [
        f"Upload to {gateway.url}",
        f"dag: sent {len(upload.content)} bytes",
        f"dag: accepted: {gateway.url}/api/deployments/{DEPLOYMENT}",
        f"Deployment {DEPLOYMENT}",
        "pending: accepted",
        "target production/shop/web monitoring 1/3: web: 1/3 pods ready",
        "deployed: 3/3 pods ready",
    ]


def test_a_failed_deployment_exits_1_and_says_why(dag: Dag, job: list[str], chart: Path, gateway: FakeGateway) -> None:
    gateway.streams = [Stream(FAILED)]
    result = dag("deploy", chart, *job, "--deploy-version", "1.2.3")
    assert result.exit_code == 1
    assert result.stderr.endswith("failed (crash_loop): web-1 crashed\n  | last words: boom\n")


def test_a_refused_deployment_exits_3_in_the_gateways_words(
    dag: Dag, job: list[str], chart: Path, gateway: FakeGateway
) -> None:
    gateway.troubles = [Trouble(404, b'{"error": "no app for that repository", "code": "app_not_found"}')]
    result = dag("deploy", chart, *job, "--deploy-version", "1.2.3")
    assert result.exit_code == 3
    assert result.stderr.endswith("dag: no app for that repository (HTTP 404, app_not_found)\n")


def test_a_deployment_out_of_time_exits_4(dag: Dag, job: list[str], chart: Path, gateway: FakeGateway) -> None:
    gateway.streams = [Stream(START, Ending.HANG)]
    result = dag("deploy", chart, *job, "--deploy-version", "1.2.3", "--timeout", "0.5")
    assert result.exit_code == 4
    assert "dag: --timeout: 0.5 s are over: " in result.stderr


@pytest.mark.parametrize(
    ("journey", "text"),
    [
        (Journey(), "the gateway has not accepted the chart yet"),
        (Journey("1", "https://dag/1"), "nothing was heard of it and goes on without this job: https://dag/1"),
        (
            Journey("1", "https://dag/1", StatusUpdate("monitoring")),
            "it was 'monitoring' and goes on without this job: https://dag/1",
        ),
        (
            Journey("1", "https://dag/1", StatusUpdate("deployed")),
            "it ended 'deployed', but its record was not read: https://dag/1",
        ),
    ],
)
def test_a_client_that_stops_looking_says_where_to_look(journey: Journey, text: str) -> None:
    assert journey.told() == text


def test_json_output_is_the_record_and_nothing_else(
    dag: Dag, job: list[str], chart: Path, gateway: FakeGateway
) -> None:
    gateway.streams = [Stream(FAILED)]
    gateway.record = {"id": DEPLOYMENT, "status": "failed", "message": "ü"}
    result = dag("deploy", chart, *job, "--deploy-version", "1.2.3", "--output", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, gateway.record)


@pytest.mark.parametrize(("stream", "code"), [(DEPLOYED, 0), (FAILED, 1)])
def test_a_known_end_stays_known_when_the_record_can_not_be_read(
    stream: bytes, code: int, dag: Dag, job: list[str], chart: Path, gateway: FakeGateway
) -> None:
    gateway.streams, gateway.record_troubles = [Stream(stream)], [Trouble(404)]
    result = dag("deploy", chart, *job, "--deploy-version", "1.2.3", "--output", "json")
    assert (result.exit_code, result.stdout) == (code, "")
    text = "dag: the record of the deployment can not be read: an answer that is not the gateway's (HTTP 404)\n"
    assert result.stderr.endswith(text)


def test_an_end_that_nobody_told_is_unknown_when_the_record_is_refused(
    dag: Dag, job: list[str], chart: Path, gateway: FakeGateway
) -> None:
    gateway.streams, gateway.record_troubles = [Stream(status=204)], [Trouble(403, b"<html>")]
    result = dag("deploy", chart, *job, "--deploy-version", "1.2.3")
    assert result.exit_code == 4
    assert "dag: the record of the deployment can not be read: " in result.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_what_stdout_has_no_characters_for_is_escaped(
    encoding: str, job: list[str], chart: Path, gateway: FakeGateway
) -> None:
    gateway.streams = [Stream(START + status_event(3, "deployed", "\u674e ok"))]
    gateway.record = {"id": DEPLOYMENT, "status": "deployed", "actor": "\u674e\u96f7 \U0001f680"}
    command = [sys.executable, "-m", "dag_gateway.cli", "deploy", str(chart), *job, "--deploy-version", "1"]
    ran = subprocess.run(
        [*command, "--output", "json"],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, json.loads(ran.stdout.decode(encoding))) == (0, gateway.record)
    assert b"deployed: " in ran.stderr


def test_a_broken_stream_is_resumed(dag: Dag, job: list[str], chart: Path, gateway: FakeGateway) -> None:
    gateway.streams = [Stream(b"retry: 1\n\n" + START, Ending.CUT), Stream(status_event(3, "deployed"))]
    result = dag("deploy", chart, *job, "--deploy-version", "1.2.3")
    assert (result.exit_code, gateway.last_ids) == (0, [None, "2"])
    assert "dag: the stream broke: " in result.stderr


@pytest.mark.parametrize(("status", "code"), [("deployed", 0), ("failed", 1), ("monitoring", 4)])
def test_a_stream_without_an_end_is_decided_by_the_record(
    status: str, code: int, dag: Dag, job: list[str], chart: Path, gateway: FakeGateway
) -> None:
    gateway.streams = [Stream(status=204)]
    gateway.record = {"id": DEPLOYMENT, "status": status, "message": "from the record"}
    result = dag("deploy", chart, *job, "--deploy-version", "1.2.3")
    assert result.exit_code == code
    expected = f"{status}: from the record" if code != 4 else "the stream is over, but the deployment is not: nothing"
    assert expected in result.stderr


def test_every_option_has_an_environment_twin(dag: Dag, chart: Path, gateway: FakeGateway) -> None:
    gateway.streams = [Stream(DEPLOYED)]
    result = dag(
        "deploy",
        chart,
        DAG_SERVER_URL=gateway.url,
        DAG_DEPLOY_VERSION="1.2.3",
        DAG_REPO_URL=JOB["repoUrl"],
        DAG_JOB_ID=JOB["jobId"],
        DAG_JOB_TOKEN=JOB["jobToken"],
        DAG_ENVIRONMENT="production",
        DAG_TIMEOUT="60",
    )
    assert result.exit_code == 0
    assert gateway.uploads[0].fields == {**JOB, "version": "1.2.3", "environment": "production"}


def test_a_gitlab_job_needs_the_server_only(dag: Dag, chart: Path, gateway: FakeGateway) -> None:
    gateway.streams = [Stream(DEPLOYED)]
    result = dag(
        "deploy",
        chart,
        "--server",
        gateway.url,
        GITLAB_CI="true",
        CI_PROJECT_URL=JOB["repoUrl"],
        CI_JOB_ID=JOB["jobId"],
        CI_JOB_TOKEN=JOB["jobToken"],
        CI_COMMIT_SHA="0123abc",
    )
    assert result.exit_code == 0
    assert gateway.uploads[0].fields == {**JOB, "version": "0123abc"}
    assert result.stderr.count("section_start:") == result.stderr.count("section_end:") == 2
    assert result.stderr.endswith("deployed: 3/3 pods ready\n")


def test_values_are_changed_in_the_upload(
    dag: Dag, job: list[str], chart: Path, gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.streams = [Stream(DEPLOYED)]
    (tmp_path / "more.yaml").write_text("replicas: 2\nextra: x\n")
    (tmp_path / "motd").write_text("hello")
    changes = {"--values-file": "more.yaml", "--set": "replicas=3", "--set-json": "ports=[80]"}
    options = [
        part for option, value in changes.items() for part in (option, value.replace("more", f"{tmp_path}/more"))
    ]
    result = dag("deploy", chart, *job, "--deploy-version", "1", *options, "--set-file", f"motd={tmp_path}/motd")
    assert result.exit_code == 0, result.stderr
    values = helm_python.values_from_yaml(gateway.uploads[0].files["chart/values.yaml"].decode())
    image = {"tag": "1.0", "name": "web"}
    assert values == {"replicas": 3, "image": image, "extra": "x", "ports": [80], "motd": "hello"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--server", ""], "--server is missing: give it, or set DAG_SERVER_URL"),
        (["--server", "dag.example.com"], "--server must be an http(s) URL"),
        (["--deploy-version", ""], "--deploy-version is missing: give it, or set DAG_DEPLOY_VERSION"),
        (["--deploy-version", "1\n2"], "--deploy-version must be 1 to 255 printable characters"),
        (["--deploy-version", "1" * 256], "--deploy-version must be 1 to 255 printable characters"),
        (["--repo", ""], "--repo is missing"),
        (["--job-id", ""], "--job-id is missing"),
        (["--job-token", ""], "--job-token is missing"),
        (["--timeout", "0"], "--timeout must be between 0 and 604800 seconds (a week), not 0"),
        (["--timeout", "nan"], "--timeout must be between 0 and 604800 seconds (a week), not nan"),
        (["--timeout", "soon"], "Invalid value for '--timeout'"),
        (["--output", "xml"], "Invalid value for '--output'"),
        (["--set", "password"], "--set: 'password' has no value"),
        (["--unknown"], "No such option: --unknown"),
    ],
)
def test_wrong_usage_exits_2_and_names_the_option(
    options: list[str], text: str, dag: Dag, job: list[str], chart: Path, gateway: FakeGateway
) -> None:
    result = dag("deploy", chart, *job, "--deploy-version", "1", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
    assert gateway.uploads == []


def test_a_missing_chart_exits_2(dag: Dag, job: list[str], tmp_path: Path) -> None:
    assert "Missing argument 'CHART'" in dag("deploy", *job).stderr
    result = dag("deploy", tmp_path / "none", *job, "--deploy-version", "1")
    assert result.exit_code == dag("deploy", *job).exit_code == 2
    assert "none' is neither a chart folder nor a .tgz file" in result.stderr


@pytest.mark.parametrize("answer", [Trouble(400), Trouble(200), Trouble(301)])
def test_the_token_is_never_written(
    answer: Trouble, dag: Dag, job: list[str], chart: Path, gateway: FakeGateway
) -> None:
    gateway.troubles = [answer]
    assert JOB["jobToken"] not in dag("deploy", chart, *job, "--deploy-version", "1").output


def test_an_interrupted_client_does_not_say_that_it_failed(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> ExitCode:
        raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as caught:
        run(interrupted)
    assert caught.value.exit_code == 4
    assert capsys.readouterr().err == "dag: interrupted; what the gateway has accepted goes on\n"


def test_a_mistake_of_the_client_does_not_say_that_it_failed(capsys: pytest.CaptureFixture[str]) -> None:
    def mistaken() -> ExitCode:
        codes = {"token": 12345678}
        return ExitCode(codes["nothing"])

    with pytest.raises(typer.Exit) as caught:
        run(mistaken)
    assert caught.value.exit_code == 4
    shown = capsys.readouterr().err
    assert "KeyError: 'nothing'" in shown
    assert "12345678" not in shown


def test_certificates_that_are_not_there_are_wrong_usage(dag: Dag, job: list[str], chart: Path) -> None:
    result = dag("deploy", chart, *job, "--deploy-version", "1", SSL_CERT_FILE="/none/ca.pem")
    assert result.exit_code == 2
    assert "dag: SSL_CERT_FILE, SSL_CERT_DIR, HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names something" in result.stderr


def test_the_client_runs_on_the_base_install() -> None:
    heavy = ["alembic", "dulwich", "helm_python", "kubernetes", "pydantic", "sqlalchemy", "starlette", "uvicorn"]
    program = f"import sys, dag_gateway.cli.deploy, dag_gateway.cli.fetch; print(set({heavy!r}) & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
