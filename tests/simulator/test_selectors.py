import pytest

from dag_gateway.simulator.kinds import Object
from dag_gateway.simulator.refusals import Refused
from dag_gateway.simulator.selectors import field_selector, label_selector, matches_selector

ITEM: Object = {
    "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web", "tier": "front"}},
    "spec": {"nodeName": "node-1"},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app=api", False),
        ("app!=api", True),
        ("app!=web", False),
        ("missing!=x", True),
        ("app in (web,api)", True),
        ("app in (api), tier", False),
        ("tier notin (back, side)", True),
        ("tier notin (front)", False),
        ("app", True),
        ("other", False),
        ("!other", True),
        ("!app", False),
    ],
)
def test_label_selectors_choose_as_kubectl_does(text: str, matches: bool) -> None:
    assert label_selector(text)(ITEM) is matches


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("metadata.name=web-1", True),
        ("metadata.name=web-2", False),
        ("status.phase!=Running", False),
        ("spec.nodeName==node-1,metadata.namespace=shop", True),
        ("involvedObject.name=web-1", False),
    ],
)
def test_field_selectors_choose_by_the_fields_that_the_api_offers(text: str, matches: bool) -> None:
    assert field_selector(text)(ITEM) is matches


def test_a_label_selector_that_can_not_be_read_is_refused() -> None:
    with pytest.raises(Refused, match=r"unable to parse requirement: found 'app in'"):
        label_selector("app in")


def test_a_field_that_the_api_does_not_offer_is_refused() -> None:
    with pytest.raises(Refused, match=r"field label not supported: spec.replicas"):
        field_selector("spec.replicas=2")


def test_a_field_selector_without_an_operator_is_refused() -> None:
    with pytest.raises(Refused, match=r"invalid field selector: 'metadata.name'; can't understand it"):
        field_selector("metadata.name")


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "api"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_the_selector_of_a_workload_is_matched_against_labels(selector: Object, matches: bool) -> None:
    assert matches_selector(selector, {"app": "web"}) is matches
