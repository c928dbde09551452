"""What the simulated API server answers instead of an object: Status bodies as Kubernetes writes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from dag_gateway.errors import GatewayError

from .kinds import Kind


class Refused(GatewayError):
    """A request that the API server refuses; ``http`` is the status code and ``reason`` the machine-readable word."""

    code = "simulated_refusal"

    def __init__(self, http: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message, **details)
        self.http = http
        self.reason = reason

    def body(self) -> Mapping[str, Any]:
        """The Status object (``meta/v1``)."""
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.http,
        }
        return {**status, "details": dict(self.details)} if self.details else status


def _about(kind: Kind, name: str) -> dict[str, Any]:
    return {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}


def bad_request(message: str) -> Refused:
    return Refused(400, "BadRequest", message)


def unauthorized() -> Refused:
    return Refused(401, "Unauthorized", "Unauthorized")


def forbidden(kind: Kind, verb: str, namespace: str, name: str, subresource: str = "") -> Refused:
    """As the RBAC authorizer words it."""
    subject = f'{kind.qualified} "{name}"' if name else kind.qualified
    plural = f"{kind.plural}/{subresource}" if subresource else kind.plural
    where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    message = (
        f'{subject} is forbidden: User "simulated-user" cannot {verb} resource "{plural}" '
        f'in API group "{kind.group}"{where}'
    )
    return Refused(403, "Forbidden", message, **_about(kind, name))


def over_quota(name: str, quota: str, *, used: int, limit: int) -> Refused:
    counts = f"requested: pods=1, used: pods={used}, limited: pods={limit}"
    message = f'pods "{name}" is forbidden: exceeded quota: {quota}, {counts}'
    return Refused(403, "Forbidden", message, name=name, kind="pods")


def no_such_resource() -> Refused:
    """The group, version or plural is not installed."""
    return Refused(404, "NotFound", "the server could not find the requested resource")


def not_found(kind: Kind, name: str) -> Refused:
    return Refused(404, "NotFound", f'{kind.qualified} "{name}" not found', **_about(kind, name))


def method_not_allowed() -> Refused:
    message = "the server does not allow this method on the requested resource"
    return Refused(405, "MethodNotAllowed", message)


def already_exists(kind: Kind, name: str) -> Refused:
    return Refused(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', **_about(kind, name))


def conflict(kind: Kind, name: str) -> Refused:
    """The writer had read an older version."""
    message = (
        f'Operation cannot be fulfilled on {kind.qualified} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return Refused(409, "Conflict", message, **_about(kind, name))


def apply_conflict(manager: str, fields: Sequence[str]) -> Refused:
    """Another field manager owns a field that would change."""
    many = "conflict" if len(fields) == 1 else "conflicts"
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}"', "field": field} for field in fields
    ]
    message = f'Apply failed with {len(fields)} {many}: {many} with "{manager}": {", ".join(fields)}'
    return Refused(409, "Conflict", message, causes=causes)


def expired(message: str) -> Refused:
    """The resource version is older than the kept history."""
    return Refused(410, "Expired", message)


def unsupported_patch(accepted: Sequence[str]) -> Refused:
    message = (
        "the body of the request was in an unknown format - accepted media types include: "  # the server's own words
        + ", ".join(accepted)
    )
    return Refused(415, "UnsupportedMediaType", message)


def invalid(kind: Kind, name: str, field: str, problem: str) -> Refused:
    qualified = f"{kind.name}.{kind.group}" if kind.group else kind.name
    causes = [{"reason": "FieldValueInvalid", "message": problem, "field": field}]
    message = f'{qualified} "{name}" is invalid: {field}: {problem}'
    return Refused(422, "Invalid", message, **_about(kind, name), causes=causes)


def unavailable() -> Refused:
    return Refused(503, "ServiceUnavailable", "the server is currently unable to handle the request")


def version_too_large(wanted: int, current: int) -> Refused:
    message = f"Timeout: Too large resource version: {wanted}, current: {current}"
    return Refused(504, "Timeout", message)
