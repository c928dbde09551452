"""What is written over a folder: one version string never stands for two contents."""

import pytest

from dag_gateway.charts import parse_metadata, stamp
from dag_gateway.deployments.publish import Versions, edit
from dag_gateway.iac import Folder
from dag_gateway.model.chart import Chart, Metadata
from tests.fakes.deployments import a_deployment

CHART = Chart(
    Metadata("web", "0.1.0", "v2"),
    {"Chart.yaml": b"apiVersion: v2\nname: web\nversion: 0.1.0\n", "values.yaml": b"a: 1\n"},
)
OTHER = Chart(CHART.metadata, {**CHART.files, "values.yaml": b"a: 2\n"})
DEPLOYMENT = a_deployment(version="1.2.3", chart_digest=CHART.digest)


UNIQUE = f"1.2.3+{CHART.digest[:8]}"
FREE = Versions("1.2.3", UNIQUE)
LIVE = Versions("1.2.3", UNIQUE, taken=True)
FOREIGN = Versions("1.2.3", UNIQUE, taken=True, foreign=True)


def folder(chart: Chart, version: str) -> Folder:
    return Folder("c" * 40, "d" * 40, stamp(chart.files, version))


def version_written(before: Folder | None, versions: Versions = FREE) -> str | None:
    """None when what is there is written again, which changes nothing."""
    files = edit(DEPLOYMENT, CHART, versions, before).files
    return None if before and before.plain and files == before.files else parse_metadata(files["Chart.yaml"]).version


def test_an_empty_place_gets_the_version_that_was_asked_for() -> None:
    assert version_written(None) == "1.2.3"


def test_the_same_content_is_left_as_it_is() -> None:
    assert version_written(folder(CHART, "1.2.3")) is None
    assert version_written(folder(CHART, f"1.2.3+{CHART.digest[:8]}")) is None


@pytest.mark.parametrize("versions", [FREE, LIVE])
def test_what_is_live_and_known_to_be_the_same_is_left_as_it_is(versions: Versions) -> None:
    assert version_written(folder(CHART, "1.2.3"), versions) is None


def test_the_same_content_under_a_version_that_something_unknown_runs_under_gets_a_digest() -> None:
    assert version_written(folder(CHART, "1.2.3"), FOREIGN) == UNIQUE
    assert version_written(folder(CHART, UNIQUE), FOREIGN) is None


def test_the_same_files_with_a_link_among_them_are_other_content() -> None:
    with_link = Folder("c" * 40, "d" * 40, stamp(CHART.files, "1.2.3"), plain=False)
    assert version_written(with_link) == UNIQUE


def test_the_same_version_with_other_content_gets_a_digest() -> None:
    assert version_written(folder(OTHER, "1.2.3")) == f"1.2.3+{CHART.digest[:8]}"


def test_another_version_with_the_same_content_is_written() -> None:
    assert version_written(folder(CHART, "1.2.2")) == "1.2.3"


@pytest.mark.parametrize("before", [None, folder(OTHER, "1.2.2")])
def test_a_version_that_stood_for_other_content_elsewhere_gets_a_digest(before: Folder | None) -> None:
    assert version_written(before, LIVE) == f"1.2.3+{CHART.digest[:8]}"


@pytest.mark.parametrize("files", [{}, {"Chart.yaml": b"not: a chart"}, {"README.md": b"x"}])
def test_a_folder_without_a_readable_chart_is_written_over(files: dict[str, bytes]) -> None:
    assert version_written(Folder("c" * 40, "d" * 40, files)) == "1.2.3"


def test_the_commit_says_where_it_comes_from() -> None:
    written = edit(DEPLOYMENT, CHART, FREE, None)
    assert written.message == (
        "[web] deploy 1.2.3\n"
        "\n"
        "Repo: https://gitlab.example.com/shop/web\n"
        "Branch: main\n"
        "Environment: production\n"
        "Commit: c0ffee\n"
        "Job: https://gitlab.example.com/shop/web/-/jobs/1001\n"
        "IaC-Target: prod/web\n"
        "Deployment-Id: 01890a5d-ac96-774b-bcce-b302099a8057\n"
    )
