"""Archives that break a rule are refused with the entry and the rule named."""

import gzip
import tracemalloc
import zlib

import pytest

from dag_gateway.charts import ChartTooLarge, InvalidChart, Limits, read_chart
from dag_gateway.charts.archive import read_files
from dag_gateway.charts.refusal import shown
from dag_gateway.errors import Invalid, TooLarge
from tests.fakes.archives import CHART_YAML, LIMITS, chart_tgz, pax, tar_entry, tgz

CHART = tar_entry(b"demo/Chart.yaml", CHART_YAML)


def refused(*entries: bytes) -> str:
    with pytest.raises(InvalidChart) as caught:
        read_files(tgz(CHART, *entries), LIMITS)
    return caught.value.message


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (b"1", "a hard link"),
        (b"2", "a symbolic link"),
        (b"3", "a character device"),
        (b"4", "a block device"),
        (b"6", "a FIFO"),
        (b"S", "a sparse file"),
        (b"K", "a link"),
    ],
)
def test_links_devices_and_sparse_files_are_refused(kind: bytes, what: str) -> None:
    assert refused(tar_entry(b"demo/x", kind=kind)) == f"'demo/x' is {what}; a chart has files and folders only"


def test_an_unknown_type_of_entry_is_refused() -> None:
    assert refused(tar_entry(b"demo/x", kind=b"V")) == "'demo/x' is an entry of the unknown type 'V'"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (b"/etc/passwd", "it is absolute"),
        (b"C:/x", "it is absolute"),
        (b"c:x", "it is absolute"),
        (b"demo/../x", "it leaves its folder with '..'"),
        (b"../x", "it leaves its folder with '..'"),
        (b"demo\\..\\x", "it has a backslash"),
        (b"a/" * 32 + b"x", "it has more than 32 parts"),
        (b"demo//x", "it has an empty part"),
        (b"demo/./x", "it has an empty part"),
        (b"", "it has an empty part"),
        (b"demo/a\nb", "it has a control or invisible character"),
        (b"demo/a\x1bb", "it has a control or invisible character"),
        ("demo/a\u202eb".encode(), "it has a control or invisible character"),
        ("demo/.g\u200cit/config".encode(), "it has a control or invisible character"),
        (b"demo/files/...", "it has a part of dots and spaces only"),
        (b"demo/ /x", "it has a part of dots and spaces only"),
        (b"demo/.git/config", "it has a .git part"),
        (b"demo/.GIT", "it has a .git part"),
        (b"demo/.git. /config", "it has a .git part"),
        (b"demo/git~1/config", "it has a .git part"),
        (b"demo/.git::$INDEX_ALLOCATION/x", "it has a .git part"),
    ],
)
def test_unsafe_names_are_refused(name: bytes, rule: str) -> None:
    assert refused(tar_entry(name, b"x")) == f"{shown(name)} is not a name for a file of a chart: {rule}"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (b"demo/nul\0byte", "it has a control or invisible character"),
        (b"demo/" + b"x" * 256, "a part of it is longer than 255 bytes"),
        (b"demo/" + b"ab/" * 400 + b"x", "it is longer than 1024 bytes"),
    ],
)
def test_names_that_only_fit_into_a_pax_header_are_checked_as_well(name: bytes, rule: str) -> None:
    assert refused(pax(path=name), tar_entry(b"x")) == f"{shown(name)} is not a name for a file of a chart: {rule}"


def test_a_name_of_gnu_tar_is_checked_as_well() -> None:
    message = refused(tar_entry(b"././@LongLink", b"demo/../x\0", kind=b"L"), tar_entry(b"x"))
    assert message == "'demo/../x' is not a name for a file of a chart: it leaves its folder with '..'"


def test_a_name_that_is_not_utf8_is_refused() -> None:
    assert refused(tar_entry(b"demo/caf\xe9")) == "'demo/caf\\\\xe9' is not a name in UTF-8"


def test_the_same_file_twice_is_refused() -> None:
    assert refused(tar_entry(b"demo/a"), tar_entry(b"./demo/a")) == "'demo/a' is in the archive twice"


@pytest.mark.parametrize(
    ("first", "second"),
    [("demo/values.yaml", "demo/Values.yaml"), ("demo/A/x", "demo/a/y"), ("demo/e\u0301", "demo/\u00e9")],
)
def test_names_that_some_file_systems_take_for_one_are_refused(first: str, second: str) -> None:
    message = refused(tar_entry(first.encode()), tar_entry(second.encode()))
    assert message.endswith("differ only in the case or form of their letters")


def test_a_file_where_a_folder_is_and_a_folder_where_a_file_is_are_refused() -> None:
    assert refused(tar_entry(b"demo/a/b"), tar_entry(b"demo/a")) == "'demo/a' is both a file and a folder"
    assert refused(tar_entry(b"demo/a"), tar_entry(b"demo/a/b")) == "'demo/a' is both a file and a folder"


@pytest.mark.parametrize("name", [b".", b"demo/a/"])
def test_a_file_with_the_name_of_a_folder_is_refused(name: bytes) -> None:
    assert refused(tar_entry(name, b"x")) == f"{shown(name)} is a file with the name of a folder"


def test_a_folder_with_content_is_refused() -> None:
    assert refused(tar_entry(b"demo/a", b"x", kind=b"5")) == "'demo/a' is a folder with content"


def test_a_sparse_file_in_pax_is_refused() -> None:
    message = refused(pax(GNU__sparse__major=b"1"), tar_entry(b"demo/x"))
    assert message == "'demo/x' is a sparse file; a chart has files and folders only"


@pytest.mark.parametrize("records", [{"path": b"demo/x"}, {"size": b"1"}, {"linkpath": b"x"}, {"GNU__sparse__a": b""}])
def test_a_global_header_that_changes_what_follows_is_refused(records: dict[str, bytes]) -> None:
    assert refused(pax(kind=b"g", **records)) == "a global pax header of the archive sets a path or a size"


@pytest.mark.parametrize("size", [b"-1", b"x", b"9" * 30])
def test_a_size_in_pax_that_is_no_number_is_refused(size: bytes) -> None:
    message = refused(pax(size=size), tar_entry(b"demo/x"))
    assert message == "'demo/x' has a size in its pax header that is not a number"


@pytest.mark.parametrize("data", [b"5 a=b", b"0 a=b\n", b"x", b"99 a=b\n", b"-5 a=b\n", b"5 abc\n"])
def test_a_damaged_pax_header_is_refused(data: bytes) -> None:
    assert refused(tar_entry(b"pax", data, kind=b"x")) == "a pax header of the archive is damaged"


def test_an_extension_header_without_its_entry_is_refused() -> None:
    assert refused(pax(path=b"demo/x")).startswith("the archive ends after an extension header")


def test_an_endless_extension_header_is_not_read() -> None:
    message = refused(tar_entry(b"x", b"a" * 70_000, kind=b"L"))
    assert message == "an extension header has 70000 bytes, at most 65536 are read"


def test_a_size_that_is_not_octal_is_refused() -> None:
    assert refused(tar_entry(b"demo/x", size=b"\x80" + bytes(10) + b"\x05")).startswith("'demo/x' has a size that is")


def test_a_damaged_header_is_refused_with_the_entry_before_it() -> None:
    assert refused(tar_entry(b"demo/x").replace(b"demo/x", b"demo/y")).startswith("the header after 'demo/Chart.yaml'")
    assert refused(b"half a header") == "the header after 'demo/Chart.yaml' is damaged"
    assert refused(tar_entry(b"x").replace(b"ustar", b"USTAR")).endswith("is damaged")


def test_something_behind_the_end_of_the_tar_archive_is_refused() -> None:
    assert refused(bytes(512), CHART) == "there is something behind the end of the tar archive"


def test_an_archive_that_is_cut_off_is_refused() -> None:
    with pytest.raises(InvalidChart, match=r"the archive is cut off in 'demo/x'"):
        read_files(tgz(CHART, tar_entry(b"demo/x", b"x" * 600)[:1000], end=b""), LIMITS)
    with pytest.raises(InvalidChart, match=r"the gzip stream is cut off; upload the whole \.tgz"):
        read_files(chart_tgz()[:-4], LIMITS)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x1f", b"apiVersion: v2"])
def test_what_is_not_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidChart, match=r"not a gzip archive; upload a \.tgz as `helm package` writes it"):
        read_files(data, LIMITS)


def test_what_is_not_tar_is_refused() -> None:
    with pytest.raises(InvalidChart, match=r"there is no tar archive in the gzip stream"):
        read_files(gzip.compress(b"just a text"), LIMITS)


def test_an_empty_archive_is_refused() -> None:
    with pytest.raises(InvalidChart, match=r"there is no Chart.yaml"):
        read_files(gzip.compress(b""), LIMITS)


def test_a_damaged_gzip_stream_is_refused() -> None:
    good = chart_tgz()
    broken = good[:-8] + bytes(4) + good[-4:]
    with pytest.raises(InvalidChart, match=r"the gzip stream is damaged: .*incorrect data check"):
        read_files(broken, LIMITS)


@pytest.mark.parametrize("garbage", [b"\0", b"garbage", b"\x1e"])
def test_garbage_behind_the_gzip_stream_is_refused(garbage: bytes) -> None:
    with pytest.raises(InvalidChart, match=r"there is something behind the end of the gzip stream"):
        read_files(chart_tgz() + garbage, LIMITS)


def test_half_a_gzip_member_behind_the_stream_is_refused() -> None:
    with pytest.raises(InvalidChart, match=r"the gzip stream is cut off"):
        read_files(chart_tgz() + b"\x1f", LIMITS)


def test_a_file_outside_of_the_top_folder_is_refused() -> None:
    assert refused(tar_entry(b"other/x")) == "'other/x' is outside of the folder of the chart, 'demo'"


@pytest.mark.parametrize("name", [b"Chart.yml", b"a/b/Chart.yaml", b"demo/chart.yaml"])
def test_an_archive_without_a_chart_yaml_is_refused(name: bytes) -> None:
    with pytest.raises(InvalidChart, match=r"there is no Chart.yaml, neither at the root .* nor in a single top"):
        read_files(tgz(tar_entry(name, CHART_YAML)), LIMITS)


def test_a_file_over_the_limit_is_too_large() -> None:
    with pytest.raises(ChartTooLarge, match=r"'demo/x' has 100001 bytes, a file has at most 100000 \(limits\.file\)"):
        read_files(tgz(CHART, tar_entry(b"demo/x", b"x" * 100_001)), LIMITS)


def test_a_size_that_is_only_claimed_is_refused_before_it_is_read() -> None:
    with pytest.raises(ChartTooLarge, match=r"'demo/x' has 8589934591 bytes"):
        read_files(tgz(CHART, tar_entry(b"demo/x", size=b"77777777777\0")), LIMITS)


def test_all_files_together_over_the_limit_are_too_large() -> None:
    files = (tar_entry(b"demo/%d" % number, b"x" * 90_000) for number in range(12))
    with pytest.raises(ChartTooLarge, match=r"with 'demo/11' the files have more than 1000000 bytes \(limits\.unp"):
        read_files(tgz(CHART, *files), LIMITS)


def test_too_many_entries_are_too_large() -> None:
    folders = (tar_entry(b"demo/again/", kind=b"5") for _ in range(50))
    with pytest.raises(ChartTooLarge, match=r"'demo/again/' is over the limit of 50 entries \(limits\.entries\)"):
        read_files(tgz(CHART, *folders), LIMITS)


def test_folders_that_only_names_imply_count_too() -> None:
    files = (tar_entry(b"demo/%d/a/b/c/file" % number) for number in range(12))
    with pytest.raises(
        ChartTooLarge, match=r"with 'demo/9/a/b/c' there are more than 50 files and folders \(limits\.ent"
    ):
        read_files(tgz(CHART, *files), LIMITS)


def test_a_bomb_of_extension_headers_ends_at_the_limit() -> None:
    headers = pax(kind=b"g", comment=b"x" * 60_000) * 30
    with pytest.raises(ChartTooLarge, match=r"the extension headers have more than 116736 bytes together"):
        read_files(tgz(CHART, headers), LIMITS)


def test_a_bomb_of_empty_gzip_members_ends_at_the_limit_of_the_stream() -> None:
    with pytest.raises(ChartTooLarge, match=r"the chart unpacks to more than \d+ bytes, headers included"):
        read_files(chart_tgz() + gzip.compress(b"") * 400, LIMITS)


def test_a_bomb_of_zeros_is_not_held_in_memory() -> None:
    packer = zlib.compressobj(wbits=31)
    zeros = bytes(1024 * 1024)
    bomb = b"".join(packer.compress(zeros) for _ in range(50)) + packer.flush()
    tracemalloc.start()
    with pytest.raises(ChartTooLarge, match=r"the chart unpacks to more than"):
        read_files(bomb, Limits(unpacked=20 * 1024**2, file=1024, entries=10))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 1024**2


def test_the_errors_belong_to_the_families_that_the_edge_knows() -> None:
    assert issubclass(InvalidChart, Invalid)
    assert InvalidChart.code == "invalid_chart"
    assert issubclass(ChartTooLarge, TooLarge)
    assert ChartTooLarge.code == "chart_too_large"


def test_a_hostile_name_can_not_write_lines_or_pages_into_a_message() -> None:
    assert shown("a\nb") == "'a\\nb'"
    assert len(shown("x" * 5000)) < 130


def test_a_refused_chart_yaml_refuses_the_chart() -> None:
    with pytest.raises(InvalidChart, match=r"Chart.yaml: name is missing"):
        read_chart(chart_tgz({"Chart.yaml": b"apiVersion: v2\nversion: 1.0.0\n"}), LIMITS)
