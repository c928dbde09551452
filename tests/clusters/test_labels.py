from typing import Any

import pytest

from dag_gateway.clusters.labels import first_pair, matches, of_selector

LABELS = {"app": "web", "tier": "front", "note": ""}


def expression(operator: str, *values: str, key: str = "app") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({}, ""),
        ({"matchLabels": None, "matchExpressions": None}, ""),
        ({"matchLabels": {"tier": "front", "app": "web"}}, "app=web,tier=front"),
        (expression("In", "web", "api"), "app in (web,api)"),
        (expression("NotIn", "db"), "app notin (db)"),
        (expression("Exists"), "app"),
        (expression("DoesNotExist", key="old"), "!old"),
        ({"matchLabels": {"tier": "front"}, **expression("In", "web")}, "tier=front,app in (web)"),
    ],
)
def test_a_selector_is_written_as_the_api_takes_it_and_takes_what_it_should(
    selector: dict[str, Any], text: str
) -> None:
    assert of_selector(selector) == text
    assert matches(text, LABELS)


@pytest.mark.parametrize(
    "text", ["app=api", "app==api", "app!=web", "app in (api,db)", "app notin (web)", "!app", "missing", "missing="]
)
def test_what_breaks_one_term_is_not_selected(text: str) -> None:
    assert not matches(text, LABELS)
    assert not matches(f"tier=front,{text}", LABELS)


@pytest.mark.parametrize(
    "text", ["missing!=x", "missing notin (x)", "note=", "note in ()", " app = web , tier == front"]
)
def test_an_absent_label_differs_from_every_value_and_an_empty_one_is_a_value(text: str) -> None:
    assert matches(text, LABELS)


def test_an_operator_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'Gt' is not an operator of a label selector"):
        of_selector(expression("Gt", "1"))


@pytest.mark.parametrize("text", ["a b", "!a=b", "a in b", "=b", "a in (b", "a=b=c"])
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a term of a label selector"):
        matches(text, LABELS)


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("", None),
        ("a,b!=c,d in (e,f)", None),
        ("a,b=c,d=e", ("b", "c")),
        ("a in (b)", ("a", "b")),
        ("a notin (b)", None),
    ],
)
def test_the_first_pair_is_the_first_label_with_one_value(text: str, pair: tuple[str, str] | None) -> None:
    assert first_pair(text) == pair
