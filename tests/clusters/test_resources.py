import pytest

from dag_gateway.clusters.resources import CRDS, EVENTS, PODS, SECRETS, Selection, resource_of


def test_a_collection_is_of_one_namespace_or_of_the_whole_cluster() -> None:
    assert PODS.path("shop") == "/api/v1/namespaces/shop/pods"
    assert PODS.path("") == "/api/v1/pods"
    assert CRDS.path("") == "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def test_a_selection_asks_for_its_labels_name_and_fields() -> None:
    named = Selection(SECRETS, "shop", "owner=helm", "web")
    refused = Selection(EVENTS, "shop", name="web", fields="type=Warning")

    assert named.query() == [("labelSelector", "owner=helm"), ("fieldSelector", "metadata.name=web")]
    assert refused.query() == [("fieldSelector", "metadata.name=web,type=Warning")]
    assert Selection(PODS, "shop").query() == []


@pytest.mark.parametrize(
    ("selection", "words"),
    [(Selection(PODS, "shop"), "pods in namespace shop"), (Selection(PODS, ""), "all namespaces")],
)
def test_a_selection_says_where_it_looks(selection: Selection, words: str) -> None:
    assert words in str(selection)


@pytest.mark.parametrize("kind", ["Gadget", ""])
def test_a_kind_that_is_not_known_has_no_address(kind: str) -> None:
    assert resource_of({"apiVersion": "v1", "kind": kind}) is None
