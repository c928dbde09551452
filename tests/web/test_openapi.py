"""The description of the API has every route, each once, with what it asks for."""

from collections import Counter
from typing import Any

import pytest

from dag_gateway.web.errors import STATUS
from dag_gateway.web.openapi import openapi, places
from dag_gateway.web.operations import OPERATIONS
from dag_gateway.web.policy import POLICY
from dag_gateway.web.routes import ROUTES

DOCUMENT = openapi(places(ROUTES))


def operation(name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        operation
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        if operation["operationId"] == name
    )
    return found


def test_every_route_is_described_once_under_its_name() -> None:
    described = [
        (path, method, operation["operationId"])
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    ]
    assert Counter(described) == Counter(places(ROUTES))
    assert len({name for _, _, name in described}) == len(ROUTES)


def test_routes_operations_and_policy_have_the_same_names() -> None:
    assert {route.name for route in ROUTES} == set(OPERATIONS) == set(POLICY)


def test_every_family_of_errors_is_described_somewhere() -> None:
    described = {status for name in OPERATIONS for status in operation(name)["responses"]}
    assert {str(status) for status in STATUS.values()} <= described


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_refusal_has_the_one_shape_and_every_answer_an_id(name: str) -> None:
    for status, answer in operation(name)["responses"].items():
        assert "X-Request-ID" in answer["headers"]
        if int(status) >= 400:
            schema = answer["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_with_a_role_asks_for_a_key_and_may_refuse_it(name: str) -> None:
    described = operation(name)
    guarded = POLICY[name].role is not None
    assert (described["security"] == [{"apiKey": []}, {"apiKeyBearer": []}]) is guarded
    assert ({"401", "403"} <= set(described["responses"])) is guarded


def test_the_fields_of_an_upload_are_those_that_are_validated() -> None:
    schema = operation("deploy")["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(schema["properties"]) == {"repoUrl", "jobId", "jobToken", "environment", "version", "chart"}
    # The token may come as Bearer.
    assert set(schema["required"]) == {"repoUrl", "jobId", "version", "chart"}
    assert schema["properties"]["version"]["maxLength"] == 255


def test_a_parameter_that_is_left_out_is_absent_and_not_null() -> None:
    parameters = {parameter["name"]: parameter for parameter in operation("read_audit")["parameters"]}
    assert set(parameters) == {"limit", "before", "actor", "action", "outcome"}
    assert parameters["before"]["schema"]["type"] == "integer"
    assert parameters["limit"]["schema"]["maximum"] == 500


def test_an_unknown_route_can_not_be_described() -> None:
    with pytest.raises(KeyError, match="unheard_of"):
        openapi((("/unheard", "get", "unheard_of"),))
