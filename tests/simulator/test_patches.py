from typing import Any

import pytest

from dag_gateway.simulator.kinds import Object
from dag_gateway.simulator.patches import json_patch, merge_patch, strategic_patch
from dag_gateway.simulator.refusals import Refused

CONTAINERS: Object = {
    "containers": [
        {"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}], "args": ["--old"]},
        {"name": "side", "image": "side:1"},
    ]
}


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": "text"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_a_merge_patch_follows_the_examples_of_its_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


def test_a_strategic_patch_merges_containers_and_their_variables_by_name() -> None:
    patch = {"containers": [{"name": "web", "image": "web:2", "env": [{"name": "B", "value": "2"}]}]}
    web, side = strategic_patch(CONTAINERS, patch)["containers"]
    assert web["image"] == "web:2"
    assert web["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert side == {"name": "side", "image": "side:1"}


def test_a_strategic_patch_replaces_lists_without_names() -> None:
    patch = {"containers": [{"name": "web", "args": ["--new"]}]}
    assert strategic_patch(CONTAINERS, patch)["containers"][0]["args"] == ["--new"]


def test_a_strategic_patch_deletes_by_directive() -> None:
    patch = {"containers": [{"name": "side", "$patch": "delete"}]}
    assert [item["name"] for item in strategic_patch(CONTAINERS, patch)["containers"]] == ["web"]


def test_a_strategic_patch_replaces_by_directive() -> None:
    whole = {"$patch": "replace", "a": 1}
    listed = {"containers": [{"$patch": "replace"}, {"name": "new", "image": "new:1"}]}
    assert strategic_patch({"b": 2}, whole) == {"a": 1}
    assert strategic_patch(CONTAINERS, listed)["containers"] == [{"name": "new", "image": "new:1"}]


def test_a_strategic_patch_removes_what_is_null_and_ignores_ordering_hints() -> None:
    patch: Object = {"$setElementOrder/containers": [], "a": None, "b": {"$patch": "delete"}}
    assert strategic_patch({"a": 1, "b": {"c": 2}, "d": 3}, patch) == {"d": 3}


def test_a_json_patch_performs_its_operations_in_order() -> None:
    operations: list[Object] = [
        {"op": "test", "path": "/a", "value": 1},
        {"op": "add", "path": "/list/0", "value": "first"},
        {"op": "add", "path": "/list/-", "value": "last"},
        {"op": "replace", "path": "/list/1", "value": "middle"},
        {"op": "copy", "from": "/a", "path": "/b~1c"},
        {"op": "move", "from": "/a", "path": "/d"},
        {"op": "remove", "path": "/list/0"},
    ]
    result = json_patch({"a": 1, "list": ["old"]}, operations)
    assert result == {"list": ["middle", "last"], "b/c": 1, "d": 1}


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        ({"op": "test", "path": "/a", "value": 2}, "testing value /a failed"),
        ({"op": "remove", "path": "/missing"}, "the JSON patch path /missing does not exist"),
        ({"op": "remove", "path": "missing"}, "a JSON patch path starts with a slash, not 'missing'"),
        ({"op": "invent", "path": "/a"}, "unexpected JSON patch operation 'invent'"),
    ],
)
def test_a_json_patch_that_can_not_be_done_is_refused(operation: Object, problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        json_patch({"a": 1}, [operation])
