"""Values documents: our reading and writing beside real Helm's."""

from typing import Any

import helm_python
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_gateway.cli.exits import WrongUsage
from dag_gateway.cli.values_yaml import dump_values, load_values

# fmt: off
SCALARS = [
    "y", "n", "yes", "No", "ON", "off", "true", "False", "TRUE", "null", "Null", "~", "12:30:45", "22:22",
    "2024-01-01", "2024-01-01T10:00:00Z", "1e3", "12e4567", "1234e56", "0o14", "014", "08", "0", "00", "-0", "+5",
    "-17", "0x1F", "-0x1f", "0b11", "1_000", ".5", "1.", "1.10", "-1.5e-3", "1e+3", "=", "1.2.3", "v1.2.3", "1,000",
    "0x", "0b2", "..", "e3", "100m", "1Gi", "9007199254740993", "/path", "a:b",
]
# fmt: on
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_WORDS = st.sampled_from(SCALARS)
_SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT | _WORDS
_VALUES = st.dictionaries(
    _TEXT | _WORDS,
    st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_TEXT | _WORDS, inner), max_leaves=8),
    max_size=4,
)


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_plain_scalar_is_read_as_helm_reads_it(scalar: str) -> None:
    document = f"value: {scalar}\nlist: [x, {scalar}]\n"
    assert helm_python.values_from_yaml(dump_values(load_values(document.encode(), "")).decode()) == (
        helm_python.values_from_yaml(document)
    )


@pytest.mark.parametrize("key", ["8080", "y", "no", "'y'", "1.5", "0x10", "2024-01-01", "a"])
def test_a_name_is_text_as_it_is_to_helm(key: str) -> None:
    document = f"{key}: x\n"
    assert load_values(document.encode(), "") == helm_python.values_from_yaml(document)


@given(_VALUES)
def test_helm_reads_back_what_is_written(values: dict[str, Any]) -> None:
    assert helm_python.values_from_yaml(dump_values(values).decode()) == values


def test_written_values_stay_readable() -> None:
    values = {"image": {"name": "web", "tag": "1e3"}, "ports": [80], "on": "off", "text": "a\nb\n"}
    assert dump_values(values).decode() == (
        'image:\n  name: web\n  tag: "1e3"\nports:\n- 80\n"on": "off"\ntext: |\n  a\n  b\n'
    )


def test_anchors_and_merge_keys_are_followed() -> None:
    document = b"base: &base {a: 1, b: 2}\nother:\n  <<: *base\n  b: 3\n"
    assert load_values(document, "") == {"base": {"a": 1, "b": 2}, "other": {"a": 1, "b": 3}}
    assert b"&" not in dump_values(load_values(document, ""))


@pytest.mark.parametrize("document", [b"", b"# nothing\n", b"---\n", b"null\n"])
def test_an_empty_document_has_no_values(document: bytes) -> None:
    assert load_values(document, "") == {}


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (b"a: [1\n", "x.yaml is not valid YAML: line 2, column 1: "),
        (b"a: b: c\n", "x.yaml is not valid YAML: line 1, column 5: mapping values are not allowed"),
        (b"a: !!python/object:os.system x\n", "x.yaml is not valid YAML: line 1, column 4: the tag"),
        (b"a: \x00\n", "x.yaml is not valid YAML: "),
        (b"a: \xff\n", "x.yaml is not UTF-8 in line 1"),
        (b"[" * 500, "x.yaml is not valid YAML: line 1, column 101: more than 100 levels deep"),
        (b"~: 1\n", "x.yaml is not valid YAML: line 1, column 1: a key is a string"),
        (b"[a]: 1\n", "x.yaml is not valid YAML: line 1, column 1: a key is a string"),
        (b"- a\n", "x.yaml holds a list where a mapping of keys to values is expected"),
        (b"text\n", "x.yaml holds a single value where a mapping of keys to values is expected"),
    ],
)
def test_a_bad_document_names_the_file_and_the_place(document: bytes, text: str) -> None:
    with pytest.raises(WrongUsage, match=text):
        load_values(document, "x.yaml")
