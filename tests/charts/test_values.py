"""values.yaml becomes JSON as Helm makes it, or is refused with line and column."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_gateway.charts import InvalidValues, parse_values

ALIAS_BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{depth}: &a{depth} [{', '.join([f'*a{depth - 1}'] * 10)}]\n" for depth in range(1, 9)
)


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "~", "{}"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert parse_values(text.encode()) == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2020-01-01", "2020-01-01"),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("1:30", "1:30"),
        ("1e3", 1000),
        (".5", 0.5),
        (".5_0", 0.5),
        (".5_", ".5_"),
        ("-1_000", -1000),
        ("0777", 511),
        ("0o17", 15),
        ("08", 8),
        ("0x1F", 31),
        ("0b101", 5),
        ("18446744073709551616", 18446744073709551616.0),
        ("9" * 400, "9" * 400),
        ("+.", "+."),
        ("+", "+"),
        ("=", "="),
        ("yes", True),
        ("Off", False),
        ("y", True),
        ("'yes'", "yes"),
        ('"1"', "1"),
        ("", None),
        ("~", None),
        ("|\n  text\n", "text\n"),
        ("!!str 5", "5"),
        ("!!timestamp 2020-01-01", "2020-01-01"),
        ("!!int '5'", 5),
        ("!!float 5", 5),
        ("!!bool yes", True),
        ("!!null ~", None),
        ("!!map {a: !!seq [1]}", {"a": [1]}),
    ],
)
def test_scalars_mean_what_they_mean_to_helm(text: str, value: object) -> None:
    assert parse_values(f"a: {text}\n".encode()) == {"a": value}


def test_keys_are_written_out_as_strings() -> None:
    text = b"1: a\ntrue: b\n2.5: c\n1e30: d\n2020-01-01: e\n0x10: f\n"
    assert parse_values(text) == {"1": "a", "true": "b", "2.5": "c", "1e+30": "d", "2020-01-01": "e", "16": "f"}


def test_the_last_of_two_equal_keys_counts_as_in_helm() -> None:
    assert parse_values(b"a: 1\na: 2\n") == {"a": 2}


def test_merges_and_aliases_are_written_out() -> None:
    text = b"base: &base {a: 1, b: [x]}\none:\n  <<: *base\n  a: 2\ntwo:\n  <<: [*base, {a: 5, c: 6}]\nthree: *base\n"
    values = parse_values(text)
    assert values["one"] == {"a": 2, "b": ["x"]}
    assert values["two"] == {"a": 1, "b": ["x"], "c": 6}
    assert values["three"] == values["base"]


def test_a_quoted_merge_key_is_a_key() -> None:
    assert parse_values(b"'<<': 1\n") == {"<<": 1}


def test_the_first_document_is_the_one_that_helm_reads() -> None:
    assert parse_values(b"\xef\xbb\xbfa: 1\n---\nb: [\n") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [\n", r"values\.yaml is not valid YAML: line 2, column 1: did not find expected node content"),
        ("a: 1\n b: 2\n", r"line 2, column 3: mapping values are not allowed in this context"),
        ("a: .inf", r"line 1, column 4: \.inf is not a value in JSON"),
        ("a: -.Inf", r"line 1, column 4: -\.Inf is not a value in JSON"),
        ("a: .NaN", r"line 1, column 4: \.NaN is not a value in JSON"),
        ("~: 1", r"line 1, column 1: a key is a string, a boolean or a short number; write it in quotes"),
        ("1.23456789: 1", r"line 1, column 1: a key is a string, a boolean or a short number"),
        ("1e99: 1", r"line 1, column 1: a key is a string, a boolean or a short number"),
        ("[a]: 1", r"line 1, column 1: a key is a string, a boolean or a short number"),
        ("a: !!binary aGk=", r"the tag 'tag:yaml\.org,2002:binary' is not one that JSON has a type for"),
        ("a: !!python/object:os.system x", r"the tag 'tag:yaml\.org,2002:python/object:os\.system' is not one"),
        ("a: !!set {b}", r"the tag 'tag:yaml\.org,2002:set' is not one that JSON has a type for"),
        ("a: !mine [b]", r"the tag '!mine' is not one that JSON has a type for"),
        ("a: !!int x", r"'x' is not of the type int"),
        ("a: !!bool 5", r"'5' is not of the type bool"),
        ("a: !!int yes", r"'yes' is not of the type int"),
        ("<<: 5", r"line 1, column 5: only a mapping, or a list of mappings, can be merged with '<<'"),
        ("<<: [5]", r"only a mapping, or a list of mappings"),
        ("a: *b", r"line 1, column 4: the anchor 'b' is not defined before this alias"),
        ("a: &b [*b]", r"line 1, column 8: the value of the anchor 'b' contains itself"),
        ("a: " + "[" * 150, r"line 1, column 103: more than 100 levels deep"),
        (ALIAS_BOMB, r"line \d, column \d+: more than 100000 values, aliases written out"),
        ("[1]", r"values\.yaml holds a list where a mapping of keys to values is expected"),
        ("just text", r"values\.yaml holds a single value where a mapping"),
        ("a: 'x\0'", r"values\.yaml is not valid YAML: .*(control characters|unexpected end|special characters)"),
        ("a: \x1b", r"values\.yaml is not valid YAML: "),
    ],
)
def test_what_json_can_not_say_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InvalidValues, match=message):
        parse_values(text.encode())


def test_a_file_in_another_encoding_is_refused() -> None:
    with pytest.raises(InvalidValues, match=r"values.yaml is not UTF-8 in line 1"):
        parse_values("a: 1".encode("utf-16"))
    assert InvalidValues.code == "invalid_values"


@given(st.text(max_size=60))
def test_any_text_is_json_or_refused(text: str) -> None:
    try:
        values = parse_values(text.encode("utf-8", "surrogatepass"))
    except InvalidValues:
        return
    assert json.loads(json.dumps(values, allow_nan=False)) == values


PRINTABLE = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp"))
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(PRINTABLE, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc01", max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=4), JSON_VALUES, max_size=4))
def test_json_is_read_as_what_it_says(values: dict[str, object]) -> None:
    assert parse_values(json.dumps(values, ensure_ascii=False).encode()) == values


def test_reading_ends_at_the_most_values_that_are_allowed() -> None:
    with pytest.raises(InvalidValues, match=r"line 100000, column 3: more than 100000 values"):
        parse_values(b"- a\n" * 120_000)
