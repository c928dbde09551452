"""``--set``: our parser beside the one of real Helm."""

from typing import Any

import helm_python
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_gateway.cli.set_values import BadSetExpression, apply_set, apply_set_json, typed


def parsed(expression: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    apply_set(expression, values, typed)
    return values


def parsed_json(expression: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    apply_set_json(expression, values)
    return values


@pytest.mark.parametrize(
    "expression",
    [
        "a=1",
        "a=1,b.c=two",
        "a.b.c=x,a.b.d=y",
        "a[2]=x",
        "a[0].b=1,a[0].c=2",
        "a[0][1]=q",
        "a=",
        "a.b=",
        "a[0]=",
        "a={}",
        "a={1,x,null,true}",
        r"a={x\,y,z}",
        "a[0]={x}",
        "a={1},b=2",
        r"a=1\,2",
        r"a\.b=2",
        r"a\=b=c",
        r"nodeSelector.kubernetes\.io/role=master",
        "a=null",
        "a=NULL,b=True,c=fAlSe",
        "a=0,b=00,c=01,d=-1,e=+5,f=-0,g=-01",
        "a=9223372036854775807,b=9223372036854775808,c=-9223372036854775808,d=-9223372036854775809",
        "a=1.5,b=1_000,c=1e3",
        "a= 5 ",
        "a=1,",
        "",
        "a=b=c",
        "a=}{",
        "a=x{y}",
        "a=1,a=2",
        "a=1,a.b=",
        "ü.é=ß",
        "a=\\",
        "a[1].b=1,a[0].b=2",
    ],
)
def test_set_means_what_it_means_to_helm(expression: str) -> None:
    try:
        expected = helm_python.parse_set_string(expression)
    except helm_python.HelmValuesError:
        with pytest.raises(BadSetExpression, match="'a' is already something else than a map"):
            parsed(expression)
    else:
        assert parsed(expression) == expected


@given(st.text(st.sampled_from("ab.,=[]{}01\\ n"), max_size=12))
def test_whatever_is_accepted_means_the_same_to_helm(expression: str) -> None:
    try:
        ours = parsed(expression)
    except BadSetExpression:
        return
    assert ours == helm_python.parse_set_string(expression)


@pytest.mark.parametrize(
    "expression",
    [
        'a={"x":[1,null]},b=[1,2]',
        "a=",
        "a= ,b=2",
        "a=1,b=true",
        "a[1]=true",
        'a.b="x,y"',
        'a="ü"',
        "a= 1 ,b=2",
        "a=1.5",
    ],
)
def test_set_json_means_what_it_means_to_helm(expression: str) -> None:
    assert parsed_json(expression) == helm_python.parse_set_json(expression)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("a", "'a' has no value: write name=value"),
        ("a.b", "'a.b' has no value"),
        ("a[0]", r"'a\[0\]' has no value"),
        ("a=1,,b=2", "a name is empty"),
        (".a=1", "a name is empty"),
        ("a.=1", "a name is empty after 'a'"),
        ("[0]=1", "a name is empty"),
        ("a={1,2", "'a' is a list that does not end in '}'"),
        ("a={1}b=2", "'a' has text after its value; a comma separates two values"),
        ("a[x]=1", "'a' has an index that is not a number in square brackets"),
        ("a[-1]=1", "'a' has an index that is not a number"),
        ("a[1=1", "'a' has an index that is not a number"),
        ("a[65537]=1", "'a' has an index above 65536"),
        ("a[0]x=1", r"'a\[0\]' is followed by text; after an index comes '=', '\.' or '\['"),
        ("a[0]=1,a.b=2", "'a' is already something else than a map"),
        ("a.b=1,a[0]=2", "'a' is already something else than a list"),
        ("a=1,a.b=2", "'a' is already something else than a map"),
        (".".join("a" * 31) + "=1", "is nested deeper than 30 levels"),
        ("a" + "[0]" * 31 + "=1", "is nested deeper than 30 levels"),
    ],
)
def test_a_bad_expression_names_the_place_and_the_rule(expression: str, text: str) -> None:
    with pytest.raises(BadSetExpression, match=text):
        parsed(expression)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("a=s3cret", "'a' is not followed by a JSON value"),
        ("a=NaN", "'a' is not followed by a JSON value"),
        ("a=" + "[" * 100_000, "'a' is not followed by a JSON value"),
        ("a=1 b=2", "'a' has text after its value"),
    ],
)
def test_a_bad_json_value_is_named_but_not_quoted(expression: str, text: str) -> None:
    with pytest.raises(BadSetExpression, match=text) as caught:
        parsed_json(expression)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
