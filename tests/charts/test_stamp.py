"""Only the version changes in Chart.yaml, whatever its form; what can not be changed alone is refused."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dag_gateway.charts import InvalidChart, parse_metadata, stamp
from dag_gateway.model.chart import is_semver
from tests.fakes.archives import CHART_YAML

NEW = "2.0.0-rc.1+abc.1"


def stamped(text: str, version: str = NEW) -> str:
    return stamp({"Chart.yaml": text.encode()}, version)["Chart.yaml"].decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("version: 1.0.0\nname: a\n", f"version: {NEW}\nname: a\n"),
        ("name: a\nversion:   1.0.0   # why\n", f"name: a\nversion:   {NEW}   # why\n"),
        ("name: a\nversion: '1.0.0'", f"name: a\nversion: '{NEW}'"),
        ('name: a\n"version" : "1.0.0" # c\n', f'name: a\n"version" : "{NEW}" # c\n'),
        ("name: a\r\nversion: 1.0.0\r\n# end\r\n", f"name: a\r\nversion: {NEW}\r\n# end\r\n"),
        ("\ufeffversion: 1.0.0\nname: a\n", f"\ufeffversion: {NEW}\nname: a\n"),
        ("{name: a, version: 1.0.0}", f"{{name: a, version: {NEW}}}"),
        ("? version\n: 1.0.0\n", f"? version\n: {NEW}\n"),
        ("---\n# é 😀\nversion: 1.0.0\n...\n", f"---\n# é 😀\nversion: {NEW}\n...\n"),
        ("version: 1.0.0\n---\nversion: 3.0.0\n", f"version: {NEW}\n---\nversion: 3.0.0\n"),
        (
            "d: |\n  version: 1.0.0\na: {version: 1.0.0}\nb:\n- version: 1.0.0\nversion: 1.0.0\nc: 1\n",
            f"d: |\n  version: 1.0.0\na: {{version: 1.0.0}}\nb:\n- version: 1.0.0\nversion: {NEW}\nc: 1\n",
        ),
    ],
)
def test_only_the_value_of_the_version_changes(before: str, after: str) -> None:
    assert stamped(before) == after


def test_the_other_files_stay_as_they_are() -> None:
    files = {"Chart.yaml": CHART_YAML, "values.yaml": b"version: 1.0.0"}
    stamped_files = stamp(files, NEW)
    assert stamped_files["Chart.yaml"] == CHART_YAML.replace(b"1.0.0", NEW.encode())
    assert stamped_files["values.yaml"] == b"version: 1.0.0"
    assert files["Chart.yaml"] == CHART_YAML


@pytest.mark.parametrize("text", ["name: a\n", "", "<<: {version: 1.0.0}\n", "a: {version: 1.0.0}\n"])
def test_a_missing_version_line_is_refused(text: str) -> None:
    with pytest.raises(InvalidChart, match=r"there is no version line of its own; write it on one line, such as `vers"):
        stamped(text)


@pytest.mark.parametrize(
    "text",
    [
        "version: &v 1.0.0\nappVersion: *v\n",
        "appVersion: &v 1.0.0\nversion: *v\n",
        "version: !!str 1.0.0\n",
        "version: |-\n  1.0.0\n",
        "version: >-\n  1.0.0\n",
        "version: [1.0.0]\n",
    ],
)
def test_a_version_that_can_not_be_replaced_alone_is_refused(text: str) -> None:
    with pytest.raises(InvalidChart, match=r"version is an alias, a block, or has an anchor or tag; write it on one"):
        stamped(text)


def test_a_replacement_that_would_change_something_else_is_refused() -> None:
    with pytest.raises(InvalidChart, match=r"the version can not be replaced alone; write it on one line"):
        stamped("version: 1.0.0\n<<: {version: 3.0.0}\n")


@pytest.mark.parametrize("text", ["version: 1.0.0\nname: [\n", "version: 1.0.0\nversion: 1.0.0\n"])
def test_a_broken_chart_yaml_is_refused(text: str) -> None:
    with pytest.raises(InvalidChart, match=r"Chart.yaml is not valid YAML: line \d, column \d"):
        stamped(text)


@given(st.one_of(st.text(), st.from_regex(r"\A[0-9]\.[0-9]\.[0-9]([-+][0-9A-Za-z.\"'\n:#-]+)?\Z")))
def test_no_version_can_write_yaml(version: str) -> None:
    text = "name: a # x\nversion: 1.0.0 # y\nz: [1]\n"
    if not is_semver(version):
        with pytest.raises(ValueError, match=r"is not SemVer, so it is not written into Chart.yaml"):
            stamped(text, version)
    else:
        assert yaml.safe_load(stamped(text, version)) == {"name": "a", "version": version, "z": [1]}


@given(st.sampled_from(["'", '"', ""]), st.from_regex(r"\A[0-9]\.[0-9]\.[0-9](-[a-z0-9]+)?\Z", fullmatch=True))
def test_a_stamped_version_is_read_back_as_that_string(quote: str, version: str) -> None:
    if is_semver(version):
        text = f"apiVersion: v2\nname: a\nversion: {quote}1.0.0{quote}\n"
        assert parse_metadata(stamped(text, version).encode()).version == version
