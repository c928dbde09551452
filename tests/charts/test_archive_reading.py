"""Archives as honest tools write them are read, whatever their dialect of tar and gzip."""

import gzip
import io
import tarfile

import pytest

from dag_gateway.charts import read_chart
from dag_gateway.charts.archive import read_files
from tests.fakes.archives import CHART_YAML, END_OF_TAR, LIMITS, chart_tgz, pax, tar_entry, tgz

LONG = "templates/" + "long-name-" * 15 + ".yaml"
SPLIT = f"templates/{'a' * 90}/{'b' * 90}"


def test_a_chart_is_read_without_its_top_folder() -> None:
    chart = read_chart(chart_tgz({"values.yaml": b"a: 1\n"}), LIMITS)
    assert chart.files == {"Chart.yaml": CHART_YAML, "values.yaml": b"a: 1\n"}
    assert (chart.metadata.name, chart.metadata.version) == ("demo", "1.0.0")


@pytest.mark.parametrize("top", ["", "./", "demo/", "./demo/", "another name/"])
def test_the_top_folder_may_be_missing_and_may_start_with_a_dot(top: str) -> None:
    assert read_files(chart_tgz({"a/b": b"x"}, top=top), LIMITS) == {"Chart.yaml": CHART_YAML, "a/b": b"x"}


def test_a_chart_is_read_from_a_file_as_from_bytes() -> None:
    assert read_files(io.BytesIO(chart_tgz()), LIMITS) == read_files(chart_tgz(), LIMITS)


@pytest.mark.parametrize(
    ("dialect", "long"), [(tarfile.PAX_FORMAT, LONG), (tarfile.GNU_FORMAT, LONG), (tarfile.USTAR_FORMAT, SPLIT)]
)
def test_every_dialect_of_pythons_tarfile_is_read(dialect: int, long: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=dialect) as tar:
        folder = tarfile.TarInfo("demo")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for path, content in {"demo/Chart.yaml": CHART_YAML, f"demo/{long}": b"x" * 700}.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    assert read_files(buffer.getvalue(), LIMITS) == {"Chart.yaml": CHART_YAML, long: b"x" * 700}


def test_folders_of_every_age_are_passed_over() -> None:
    archive = tgz(
        tar_entry(b"./", kind=b"5"),
        tar_entry(b"demo/", kind=b"5"),
        tar_entry(b"demo/old/", kind=b"\0", magic=b""),
        tar_entry(b"demo/Chart.yaml", CHART_YAML, kind=b"\0", magic=b""),
        tar_entry(b"demo/old/file", b"x", kind=b"7"),
    )
    assert read_files(archive, LIMITS) == {"Chart.yaml": CHART_YAML, "old/file": b"x"}


def test_the_prefix_of_a_posix_header_belongs_to_the_name() -> None:
    archive = tgz(
        tar_entry(b"Chart.yaml", CHART_YAML, prefix=b"demo"), tar_entry(b"x", prefix=b"demo/a", magic=b"ustar  \0")
    )
    with pytest.raises(Exception, match=r"'x' is outside of the folder of the chart, 'demo'"):
        read_files(archive, LIMITS)


def test_a_pax_header_renames_and_resizes_the_next_entry() -> None:
    body = b"a: 1\n"
    entry = tar_entry(b"short", body, size=b"00000000000\0")
    archive = tgz(tar_entry(b"Chart.yaml", CHART_YAML), pax(path=b"values.yaml", size=b"5", mtime=b"1.5"), entry)
    assert read_files(archive, LIMITS)["values.yaml"] == body


def test_a_global_pax_header_may_carry_the_comment_of_git_archive() -> None:
    archive = tgz(pax(kind=b"g", comment=b"49cac74"), tar_entry(b"Chart.yaml", CHART_YAML))
    assert read_files(archive, LIMITS) == {"Chart.yaml": CHART_YAML}


def test_the_members_of_a_gzip_stream_are_read_as_one() -> None:
    plain = gzip.decompress(chart_tgz())
    assert read_files(gzip.compress(plain[:700]) + gzip.compress(plain[700:]), LIMITS) == {"Chart.yaml": CHART_YAML}


@pytest.mark.parametrize("end", [b"", bytes(512), END_OF_TAR, bytes(10240)])
def test_the_end_of_the_archive_may_be_short_or_padded(end: bytes) -> None:
    assert read_files(tgz(tar_entry(b"Chart.yaml", CHART_YAML), end=end), LIMITS) == {"Chart.yaml": CHART_YAML}
