"""Who may use which route is one table, and what it does not list is for admins."""

import pytest
from starlette.routing import Route

from dag_gateway.model.api_key import Role
from dag_gateway.web.policy import POLICY, Rule, rule_of
from dag_gateway.web.routes import ROUTES

FOR_OPERATORS = {"read_audit": Role.ADMIN}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_route_is_listed_in_the_policy(route: Route) -> None:
    assert route.name in POLICY


def test_a_route_that_is_not_listed_is_for_admins() -> None:
    assert rule_of("unlisted") == Rule(role=Role.ADMIN, told=True)


def test_the_routes_that_need_a_key_are_these() -> None:
    assert {name: rule.role for name, rule in POLICY.items() if rule.role is not None} == FOR_OPERATORS


@pytest.mark.parametrize(
    ("role", "needed", "enough"),
    [
        (Role.VIEWER, Role.VIEWER, True),
        (Role.VIEWER, Role.DEPLOYER, False),
        (Role.DEPLOYER, Role.VIEWER, True),
        (Role.DEPLOYER, Role.ADMIN, False),
        (Role.ADMIN, Role.VIEWER, True),
        (Role.ADMIN, Role.ADMIN, True),
    ],
)
def test_a_role_may_what_smaller_ones_may(role: Role, needed: Role, enough: bool) -> None:
    assert role.may(needed) is enough
