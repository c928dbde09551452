"""Who may use which route: one table, by the name of the route."""

from collections.abc import Mapping
from dataclasses import dataclass

from dag_gateway.model.api_key import Role


@dataclass(frozen=True, slots=True)
class Rule:
    """``role`` is the smallest that may use the route, None where no API key is asked for.

    ``told``: what is allowed is written into the audit log. What is refused always is.
    """

    role: Role | None
    told: bool


# The job proves itself to its forge, which the handler asks.
_JOB = Rule(role=None, told=True)
# Its row is written with the deployment, in one transaction.
_UPLOAD = Rule(role=None, told=False)
# Whoever knows the id of a deployment may follow it.
_CAPABILITY = Rule(role=None, told=False)
_OPEN = Rule(role=None, told=False)
_ADMIN = Rule(role=Role.ADMIN, told=True)

POLICY: Mapping[str, Rule] = {
    "deploy": _UPLOAD,
    "get_chart": _JOB,
    "get_values": _JOB,
    "read_deployment": _CAPABILITY,
    "follow_deployment": _CAPABILITY,
    "read_audit": _ADMIN,
    "read_openapi": _OPEN,
    "live": _OPEN,
    "ready": _OPEN,
    "health": _OPEN,
    "health_v1": _OPEN,
}


def rule_of(name: str) -> Rule:
    """The rule of a route; one that is not listed is for admins."""
    return POLICY.get(name, _ADMIN)
