"""Charts on their way into an upload."""

import os
import time
from pathlib import Path

import helm_python
import pytest

from dag_gateway.cli.exits import WrongUsage
from dag_gateway.cli.package import pack, read_folder
from dag_gateway.cli.values import ValueChanges
from tests.fakes.gateway import unpacked

NONE = ValueChanges()


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_packed_folder_is_a_chart_to_helm(chart: Path) -> None:
    with helm_python.Chart.load_archive(pack(chart, NONE)) as loaded:
        assert (loaded.name, loaded.version) == ("web", "1.2.3")
        assert loaded.values == {"replicas": 1, "image": {"tag": "1.0", "name": "web"}}


def test_without_changes_every_file_is_packed_byte_for_byte(chart: Path) -> None:
    files = {path.relative_to(chart).as_posix(): path.read_bytes() for path in chart.rglob("*") if path.is_file()}
    assert unpacked(pack(chart, NONE)) == {f"chart/{name}": content for name, content in files.items()}


def test_the_same_folder_gives_the_same_bytes_at_another_time(chart: Path) -> None:
    first = pack(chart, NONE)
    for path in chart.rglob("*"):
        os.utime(path, (time.time() + 60, time.time() + 60))
    assert pack(chart, NONE) == first


def test_changes_go_into_the_upload_and_not_into_the_folder(chart: Path) -> None:
    before = snapshot(chart)
    packed = pack(chart, ValueChanges(sets=("replicas=3", "image.tag=2.0")))
    with helm_python.Chart.load_archive(packed) as loaded:
        assert loaded.values == {"replicas": 3, "image": {"tag": "2.0", "name": "web"}}
    assert snapshot(chart) == before


def test_a_tgz_is_sent_as_it_is(chart: Path, tmp_path: Path) -> None:
    archive_file = tmp_path / "web.tgz"
    archive_file.write_bytes(pack(chart, NONE))
    assert pack(archive_file, NONE) == archive_file.read_bytes()


def test_a_tgz_takes_no_changes(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match=r"--set-json needs a chart folder, and CHART '.*web.tgz' is not a folder"):
        pack(tmp_path / "web.tgz", ValueChanges(jsons=("a=1",)))


def test_what_is_no_chart_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.tgz").write_text("no archive")
    (tmp_path / "folder").mkdir()
    wrong = {
        "none.tgz": "CHART '.*none.tgz' is neither a chart folder nor a .tgz file",
        "text.tgz": "CHART '.*text.tgz' is not a .tgz: it is not compressed with gzip",
        "folder": "CHART '.*folder' is not a chart: it has no Chart.yaml",
        "x" * 300: "CHART '.*x' is neither a chart folder nor a .tgz file",
        "/proc/self/mem": "CHART: '/proc/self/mem' can not be read: Input/output error",
    }
    for name, text in wrong.items():
        with pytest.raises(WrongUsage, match=text):
            pack(tmp_path / name, NONE)


def test_git_is_never_packed(chart: Path) -> None:
    (chart / ".git").mkdir()
    (chart / ".git" / "config").write_text("[remote]")
    (chart / "templates" / ".git").write_text("gitdir: ../elsewhere")
    assert not [name for name in read_folder(chart) if ".git" in name]


def test_a_link_inside_the_folder_is_packed_as_a_file(chart: Path) -> None:
    (chart / "values-link.yaml").symlink_to("values.yaml")
    assert read_folder(chart)["values-link.yaml"] == (chart / "values.yaml").read_bytes()


def test_a_link_that_leads_outside_is_refused(chart: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    (chart / "stolen.yaml").symlink_to("../secret")
    with pytest.raises(WrongUsage, match=r"CHART: 'stolen.yaml' is a link that leads outside of the chart folder"):
        pack(chart, NONE)


def test_a_link_to_a_folder_is_refused(chart: Path) -> None:
    (chart / "charts").symlink_to(".")
    with pytest.raises(WrongUsage, match="CHART: 'charts' is a link to a folder; put the files themselves there"):
        pack(chart, NONE)


def test_an_ignored_link_does_no_harm(chart: Path) -> None:
    (chart / "stolen.yaml").symlink_to("/etc/passwd")
    (chart / "venv").symlink_to("/usr")
    (chart / ".helmignore").write_text("stolen.yaml\nvenv\n")
    assert set(read_folder(chart)) == {".helmignore", "Chart.yaml", "templates/app.yaml", "values.yaml"}


def test_what_is_not_a_file_is_refused(chart: Path) -> None:
    os.mkfifo(chart / "pipe")
    with pytest.raises(WrongUsage, match=r"CHART: 'pipe' is not a regular file; leave it out in .helmignore"):
        pack(chart, NONE)


@pytest.mark.parametrize("goal", ["nowhere", "gone"])
def test_a_link_to_nothing_is_refused(goal: str, chart: Path) -> None:
    (chart / "gone").symlink_to(goal)
    with pytest.raises(WrongUsage, match="CHART: 'gone' is not a regular file"):
        pack(chart, NONE)


def test_a_name_with_control_characters_is_refused(chart: Path) -> None:
    (chart / "a\nb").write_text("x")
    with pytest.raises(WrongUsage, match=r"CHART: 'a\\nb' has a name with unprintable characters"):
        pack(chart, NONE)


def test_a_chart_larger_than_helm_takes_is_refused(chart: Path) -> None:
    with (chart / "large").open("wb") as file:
        file.truncate(100 * 1024 * 1024 + 1)
    with pytest.raises(WrongUsage, match="CHART: with 'large' it is larger than 104857600 bytes"):
        pack(chart, NONE)


def test_a_chart_of_too_many_files_is_refused(chart: Path) -> None:
    for number in range(10_000):
        (chart / f"f{number}").touch()
    with pytest.raises(WrongUsage, match=r"CHART '.*web' has more than 10000 files; leave some out in .helmignore"):
        pack(chart, NONE)


@pytest.mark.parametrize("rules", [b"**/x\n", b"\xff\n"])
def test_a_bad_helmignore_is_refused(rules: bytes, chart: Path) -> None:
    (chart / ".helmignore").write_bytes(rules)
    with pytest.raises(WrongUsage, match=r"CHART '.*web': .*(is not supported in .helmignore|can't decode byte)"):
        pack(chart, NONE)


def test_long_names_survive(chart: Path) -> None:
    name = "/".join(["n" * 60] * 4)
    (chart / name).parent.mkdir(parents=True)
    (chart / name).write_bytes(b"x")
    assert unpacked(pack(chart, NONE))[f"chart/{name}"] == b"x"
