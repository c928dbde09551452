"""The rules of Chart.yaml, and of the dependencies it declares."""

import pytest

from dag_gateway.charts import ChartTooLarge, InvalidChart, Limits, parse_metadata, read_chart
from dag_gateway.model.chart import Metadata
from tests.fakes.archives import CHART_YAML, LIMITS, chart_tgz

DEPENDING = CHART_YAML + b"dependencies:\n- {name: redis, version: 1.x.x, repository: 'https://x', condition: a.b}\n"
REDIS = CHART_YAML.replace(b"demo", b"redis")


def test_what_the_gateway_uses_is_read() -> None:
    text = b"apiVersion: v1\nname: My.app_1\nversion: '2.0.0-rc.1+5'\nappVersion: 1.5\nunknown: kept quiet\n"
    assert parse_metadata(text) == Metadata("My.app_1", "2.0.0-rc.1+5", "v1", "1.5")


@pytest.mark.parametrize("version", ["v1.2.3", "'1.2'", "'1'", "0.0.0-a.1", "1.0.0+001"])
def test_versions_that_helm_takes_are_taken(version: str) -> None:
    assert parse_metadata(b"apiVersion: v2\nname: a\nversion: %b\n" % version.encode()).version == version.strip("'")


@pytest.mark.parametrize("kind", ["application", "''", "null"])
def test_an_application_is_taken(kind: str) -> None:
    assert parse_metadata(CHART_YAML + f"type: {kind}\n".encode()).app_version == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nversion: 1.0.0", r"apiVersion is missing; write `apiVersion: v2`"),
        ("apiVersion: v3\nname: a\nversion: 1.0.0", r"apiVersion is 'v3'; it is v1 or v2"),
        ("apiVersion: 2\nname: a\nversion: 1.0.0", r"apiVersion is '2'; it is v1 or v2"),
        ("apiVersion: v2\nversion: 1.0.0", r"name is missing, or not a string"),
        ("apiVersion: v2\nname: 5\nversion: 1.0.0", r"name is missing, or not a string"),
        ("apiVersion: v2\nname: ''\nversion: 1.0.0", r"name is missing, or not a string"),
        ("apiVersion: v2\nname: ..\nversion: 1.0.0", r"name is '\.\.'; it has letters, digits"),
        ("apiVersion: v2\nname: a/b\nversion: 1.0.0", r"name is 'a/b'; it has letters, digits"),
        (f"apiVersion: v2\nname: {'a' * 251}\nversion: 1.0.0", r"at most 250 of them"),
        ("apiVersion: v2\nname: a", r"version is missing; write a line such as `version: 1\.2\.3`"),
        ("apiVersion: v2\nname: a\nversion: 1.5", r"version is '1\.5', not a string; write it in quotes"),
        ("apiVersion: v2\nname: a\nversion: main", r"version is 'main'; it is SemVer such as 1\.2\.3"),
        ("apiVersion: v2\nname: a\nversion: 1.02.3", r"version is '1\.02\.3'; it is SemVer"),
        ('apiVersion: v2\nname: a\nversion: "1.0.0\\n"', r"version is '1\.0\.0\\n'; it is SemVer"),
        (
            "apiVersion: v2\nname: a\nversion: 1.0.0\ntype: library",
            r"type is library; a library chart is used by",
        ),
        ("apiVersion: v2\nname: a\nversion: 1.0.0\ntype: app", r"type is 'app'; it is application"),
        ("apiVersion: v1\nname: a\nversion: 1.0.0\ntype: application", r"type is a key of apiVersion v2"),
        (
            "apiVersion: v1\nname: a\nversion: 1.0.0\ndependencies: [{name: b}]",
            r"dependencies is a key of apiVersion",
        ),
        ("apiVersion: v2\nname: a\nversion: 1.0.0\ndependencies: {b: c}", r"dependencies is not a list of mappings"),
        ("apiVersion: v2\nname: a\nversion: 1.0.0\ndependencies: [b]", r"dependencies is not a list of mappings"),
        ("apiVersion: v2\nname: a\nversion: 1.0.0\ndependencies: [{version: 1}]", r"a dependency has no name"),
        (
            "apiVersion: v2\nname: a\nversion: 1.0.0\ndependencies: [{name: b}, {name: b}]",
            r"more than one .* 'b'",
        ),
        (
            "apiVersion: v2\nname: a\nversion: 1.0.0\ndependencies: [{name: b}, {name: c, alias: b}]",
            r"more than one dependency has the name or alias 'b'; use alias",
        ),
        (
            "apiVersion: v2\nname: a\nversion: 1.0.0\ndependencies: [{name: b, alias: 'x y'}]",
            r"the alias 'x y' of the dependency 'b' has something other than letters",
        ),
        ("apiVersion: v2\nname: a\nname: b\nversion: 1.0.0", r"line 3, column 1: the key 'name' is there twice"),
        (
            "apiVersion: v2\n  name: a",
            r"Chart.yaml is not valid YAML: line 2, column 7: mapping values are",
        ),
        ("- a", r"Chart.yaml holds a list where a mapping of keys to values is expected"),
        ("a", r"Chart.yaml holds a single value where a mapping"),
        ("", r"apiVersion is missing"),
        ("#" * 262_145, r"Chart.yaml has 262145 bytes, at most 262144 are read"),
    ],
)
def test_a_broken_rule_is_named(text: str, message: str) -> None:
    with pytest.raises(InvalidChart, match=message):
        parse_metadata(text.encode())


def test_a_file_in_another_encoding_is_refused_with_its_line() -> None:
    with pytest.raises(InvalidChart, match=r"Chart.yaml is not UTF-8 in line 2"):
        parse_metadata(b"name: a\ndescription: caf\xe9\n")


@pytest.mark.parametrize(
    "vendored",
    [
        {"charts/any-folder/Chart.yaml": REDIS},
        {"charts/redis-1.0.0.tgz": chart_tgz({"Chart.yaml": REDIS}, top="redis/")},
        {"charts/other/Chart.yaml": CHART_YAML, "charts/other/charts/x/Chart.yaml": b"", "charts/r/Chart.yaml": REDIS},
    ],
)
def test_a_dependency_in_the_chart_is_found_by_the_name_it_gives_itself(vendored: dict[str, bytes]) -> None:
    assert set(vendored) < set(read_chart(chart_tgz({"Chart.yaml": DEPENDING, **vendored}), LIMITS).files)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"charts/redis/values.yaml": b""},
        {"charts/_redis/Chart.yaml": REDIS},
        {"charts/.redis/Chart.yaml": REDIS},
        {"charts/redis.tgz": chart_tgz()},
        {"vendor/redis/Chart.yaml": REDIS},
        {"redis/Chart.yaml": REDIS},
    ],
)
def test_a_dependency_that_is_not_in_the_chart_is_refused_with_the_way_out(files: dict[str, bytes]) -> None:
    message = r"the dependency 'redis' is not in charts/; run `helm dependency build` before the chart is uploaded"
    with pytest.raises(InvalidChart, match=message):
        read_chart(chart_tgz({"Chart.yaml": DEPENDING, **files}), LIMITS)


def test_a_broken_archive_of_a_dependency_is_named() -> None:
    with pytest.raises(InvalidChart, match=r"'charts/redis\.tgz': the chart is not a gzip archive"):
        read_chart(chart_tgz({"Chart.yaml": DEPENDING, "charts/redis.tgz": b"x"}), LIMITS)


def test_the_archives_of_dependencies_share_one_limit() -> None:
    nested = {f"charts/{number}.tgz": chart_tgz({"x": b"x" * 40_000}) for number in range(3)}
    limits = Limits(unpacked=100_000, file=50_000, entries=50)
    with pytest.raises(ChartTooLarge, match=r"'charts/2\.tgz': with 'demo/x' the files have more than 100000 bytes"):
        read_chart(chart_tgz({"Chart.yaml": DEPENDING, **nested}), limits)


def test_the_chart_yamls_of_dependencies_share_one_limit() -> None:
    long = {f"charts/{number}/Chart.yaml": b"name: x #" + bytes(300_000).replace(b"\0", b"x") for number in range(4)}
    limits = Limits(unpacked=2_000_000, file=500_000, entries=50)
    with pytest.raises(ChartTooLarge, match=r"with 'charts/3/Chart\.yaml' the Chart\.yaml in charts/ have more"):
        read_chart(chart_tgz({"Chart.yaml": DEPENDING, **long}), limits)


@pytest.mark.parametrize("files", [{}, {"charts/redis.tgz": b"not even an archive"}])
def test_a_chart_without_dependencies_may_have_anything_in_charts(files: dict[str, bytes]) -> None:
    assert read_chart(chart_tgz(files), LIMITS).metadata.name == "demo"


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (b"version: &v 1.0.0", r"version is an alias, a block, or has an anchor or tag; write it on one line"),
        (b"version: >-\n  1.0.0", r"version is an alias, a block, or has an anchor or tag; write it on one line"),
        (b"<<: {version: 1.0.0}", r"there is no version line of its own; write it on one line"),
        (b"version: 1.0.0\n<<: {version: 3.0.0}", r"the version can not be replaced alone; write it on one line"),
    ],
)
def test_a_version_that_could_not_be_stamped_refuses_the_chart(version: bytes, message: str) -> None:
    with pytest.raises(InvalidChart, match=message):
        read_chart(chart_tgz({"Chart.yaml": b"apiVersion: v2\nname: a\n" + version + b"\n"}), LIMITS)


def test_a_chart_yaml_leaves_room_for_the_version_that_is_stamped_into_it() -> None:
    longest, too_long = (CHART_YAML + b"#" * (262_144 - 395 - len(CHART_YAML) + more) for more in (0, 1))
    limits = Limits(unpacked=1_000_000, file=500_000, entries=50)
    assert read_chart(chart_tgz({"Chart.yaml": longest}), limits).metadata.name == "demo"
    with pytest.raises(InvalidChart, match=r"Chart\.yaml has 262145 bytes, at most 262144 are read"):
        read_chart(chart_tgz({"Chart.yaml": too_long}), limits)


def test_a_version_leaves_room_for_what_is_added_to_it() -> None:
    chart_yaml = "apiVersion: v2\nname: a\nversion: 1.0.0-"
    longest, too_long = (chart_yaml + "a" * count for count in (244, 245))
    assert read_chart(chart_tgz({"Chart.yaml": longest.encode()}), LIMITS).metadata.version.endswith("a")
    with pytest.raises(InvalidChart, match=r"Chart\.yaml: version has 251 characters; at most 250 are taken"):
        read_chart(chart_tgz({"Chart.yaml": too_long.encode()}), LIMITS)
