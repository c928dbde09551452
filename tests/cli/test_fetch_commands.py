"""``dag get-chart`` and ``dag get-values`` from the outside."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from dag_gateway.cli.exits import WrongUsage
from dag_gateway.cli.fetch import write_whole
from tests.fakes.gateway import JOB, FakeGateway, Trouble

Dag = Callable[..., Result]


def test_the_live_chart_is_written_to_a_file(dag: Dag, job: list[str], gateway: FakeGateway, tmp_path: Path) -> None:
    result = dag("get-chart", tmp_path / "web.tgz", *job, "--environment", "production")
    assert (result.exit_code, result.output) == (0, "")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("web.tgz", gateway.chart)]
    assert gateway.questions == [{**JOB, "environment": "production"}]


def test_a_refusal_leaves_the_file_that_is_there(
    dag: Dag, job: list[str], gateway: FakeGateway, tmp_path: Path
) -> None:
    (tmp_path / "web.tgz").write_text("old")
    gateway.troubles = [Trouble(404, b'{"error": "no chart there", "code": "chart_not_found"}')]
    result = dag("get-chart", tmp_path / "web.tgz", *job)
    assert result.exit_code == 3
    assert result.stderr == "dag: no chart there (HTTP 404, chart_not_found)\n"
    assert (tmp_path / "web.tgz").read_text() == "old"


def test_a_chart_without_a_place_is_not_asked_for(
    dag: Dag, job: list[str], gateway: FakeGateway, tmp_path: Path
) -> None:
    result = dag("get-chart", tmp_path / "none" / "web.tgz", *job)
    assert result.exit_code == 2
    assert "OUT.tgz: there is no folder" in result.stderr
    assert gateway.questions == []


def test_a_place_that_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match=r"OUT.tgz: '.*' can not be written: Is a directory"):
        write_whole(tmp_path, b"x")


def test_a_device_is_written_to_as_it_is() -> None:
    write_whole(Path("/dev/null"), b"x")
    assert not Path("/dev/null").is_file()


def test_the_live_values_are_printed_as_json(dag: Dag, job: list[str], gateway: FakeGateway) -> None:
    gateway.values = {"name": "ü", "replicas": 2}
    result = dag("get-values", *job)
    assert (result.exit_code, json.loads(result.stdout)) == (0, gateway.values)
    assert "ü" in result.stdout
    assert gateway.questions == [JOB]


def test_values_that_are_none_leave_the_outcome_unknown(dag: Dag, job: list[str], gateway: FakeGateway) -> None:
    gateway.values = ["not", "a", "mapping"]
    result = dag("get-values", *job)
    assert result.exit_code == 4
    assert "the answer is not a JSON object" in result.stderr


def test_a_gateway_that_recovers_is_waited_for(dag: Dag, job: list[str], gateway: FakeGateway) -> None:
    gateway.troubles = [Trouble(503, headers={"retry-after": "0"})]
    result = dag("get-values", *job)
    assert result.exit_code == 0
    assert "(HTTP 503); trying again in 0 s" in result.stderr


def test_a_gateway_that_does_not_recover_in_time_exits_4(dag: Dag, job: list[str], gateway: FakeGateway) -> None:
    gateway.troubles = [Trouble(503, headers={"retry-after": "60"})] * 4
    result = dag("get-values", *job, "--timeout", "0.2")
    assert result.exit_code == 4
    assert f"dag: --timeout: 0.2 s are over, {gateway.url} has not answered" in result.stderr


def test_a_missing_file_name_exits_2(dag: Dag, job: list[str]) -> None:
    result = dag("get-chart", *job)
    assert result.exit_code == 2
    assert "Missing argument 'OUT.tgz'" in result.stderr


@pytest.mark.parametrize("command", [["get-values"], ["get-chart", "web.tgz"]])
def test_both_name_what_is_missing(command: list[str], dag: Dag) -> None:
    result = dag(*command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == ("dag: --server is missing: give it, or set DAG_SERVER_URL (no CI system was recognised)\n")
