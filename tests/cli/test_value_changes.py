"""``--values-file``, ``--set``, ``--set-json`` and ``--set-file`` on top of a chart's values."""

from pathlib import Path
from typing import Any

import helm_python
import pytest

from dag_gateway.cli.exits import WrongUsage
from dag_gateway.cli.values import ValueChanges, changed_values, coalesced, merged, overrides
from dag_gateway.cli.values_yaml import load_values


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"a": {"b": None}},
        {"z": None, "l": [3]},
        {"a": None},
        {"a": 5},
        {"z": {"y": 1}},
        {"a": {"new": {"deep": True}}},
        {"new": "x"},
    ],
)
def test_changes_meet_the_chart_as_in_helm(changes: dict[str, Any], chart: Path) -> None:
    (chart / "values.yaml").write_text("a: {b: 1, c: 2}\nl: [1, 2]\nz: 5\n")
    with helm_python.Chart.load(chart) as loaded:
        assert coalesced(loaded.values, changes) == loaded.merge_values(changes)


def test_a_null_without_a_default_stays_for_the_subcharts() -> None:
    assert coalesced({"a": 1}, {"sub": {"enabled": None}}) == {"a": 1, "sub": {"enabled": None}}


def test_merging_leaves_its_arguments_alone() -> None:
    below: dict[str, Any] = {"a": {"b": 1}}
    assert merged(below, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert coalesced(below, {"a": {"b": None}}) == {"a": {}}
    assert below == {"a": {"b": 1}}


def test_later_options_win_in_helms_order(tmp_path: Path) -> None:
    first, second, text = tmp_path / "first.yaml", tmp_path / "second.yaml", tmp_path / "text"
    first.write_text("a: 1\nb: 1\nm: {x: 1}\n")
    second.write_text("b: 2\nc: 2\nm: {z: 2}\n")
    text.write_text("from file\n")
    changes = ValueChanges((first, second), ("c=3,d=3,e=3",), ("d=4", "e=4"), (f"e={text}",))
    assert overrides(changes) == {"a": 1, "b": 2, "c": 3, "d": 4, "e": "from file\n", "m": {"x": 1, "z": 2}}


def test_a_chart_without_values_gets_some() -> None:
    assert changed_values(b"", ValueChanges(sets=("image.tag=1e3",))) == b'image:\n  tag: "1e3"\n'


def test_what_is_written_once_and_meant_twice_can_be_changed_apart(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("a: &x {b: 1}\nc: *x\n")
    assert overrides(ValueChanges((file,), sets=("a.b=2",))) == {"a": {"b": 2}, "c": {"b": 1}}


def test_untouched_values_survive_a_change() -> None:
    content = b"time: 12:30\ncommit: 12e4567\nquoted: '1e3'\nmode: 0644\n"
    result = changed_values(content, ValueChanges(sets=("new=1",)))
    expected = helm_python.values_from_yaml(content.decode()) | {"new": 1}
    assert helm_python.values_from_yaml(result.decode()) == expected
    assert load_values(result, "")["mode"] == 0o644


def test_wrong_changes_name_their_option(tmp_path: Path) -> None:
    binary, broken, large = tmp_path / "binary", tmp_path / "broken.yaml", tmp_path / "large"
    binary.write_bytes(b"\xff")
    broken.write_text("a: [")
    large.write_bytes(b"#" * (5 * 1024 * 1024 + 1))
    wrong = [
        (ValueChanges(sets=("a",)), "--set: 'a' has no value"),
        (ValueChanges(jsons=("a=x",)), "--set-json: 'a' is not followed by a JSON value"),
        (ValueChanges(set_files=("a",)), "--set-file: 'a' has no value"),
        (ValueChanges(set_files=(f"a={tmp_path}/none",)), "--set-file .*/none: No such file or directory"),
        (ValueChanges(set_files=(f"a={binary}",)), "--set-file .*/binary: not UTF-8 text"),
        (ValueChanges(set_files=(f"a={large}",)), "--set-file .*/large: larger than 5242880 bytes"),
        (ValueChanges(files=(tmp_path / "none",)), "--values-file .*/none: No such file or directory"),
        (ValueChanges(files=(broken,)), "--values-file .*/broken.yaml is not valid YAML: line 2, column 1"),
    ]
    for changes, text in wrong:
        with pytest.raises(WrongUsage, match=text):
            overrides(changes)


def test_the_charts_own_bad_values_are_named() -> None:
    with pytest.raises(WrongUsage, match=r"CHART: values.yaml holds a list where a mapping"):
        changed_values(b"- a\n", ValueChanges(sets=("a=1",)))


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        (ValueChanges(files=(Path("x"),), sets=("a=1",)), "--values-file"),
        (ValueChanges(sets=("a=1",)), "--set"),
        (ValueChanges(jsons=("a=1",)), "--set-json"),
        (ValueChanges(set_files=("a=x",)), "--set-file"),
        (ValueChanges(), ""),
    ],
)
def test_changes_know_whether_and_by_what_they_were_asked_for(changes: ValueChanges, option: str) -> None:
    assert changes.first_option == option
    assert bool(changes) == bool(option)
