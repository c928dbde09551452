"""Who asks: the token of a job, in the body or as ``Authorization: Bearer``; the API key of an operator."""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from dag_gateway.config import KeySettings
from dag_gateway.errors import Forbidden, Unverified
from dag_gateway.model.api_key import Role, hash_of_key


class KeyRequired(Unverified):
    """The route is for operators, and the request has no key that is known."""

    code = "key_required"


class RoleTooSmall(Forbidden):
    """The key is known, and its role may not do this."""

    code = "role_too_small"


def with_bearer(request: Request, values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with ``jobToken`` taken from the Authorization header when the body has none."""
    token = _bearer(request)
    if token and "jobToken" not in values:
        return {**values, "jobToken": token}
    return dict(values)


def key_of(request: Request, keys: Sequence[KeySettings]) -> KeySettings:
    """The settings of the key that the request shows. Raises KeyRequired."""
    given = request.headers.get("x-api-key") or _bearer(request)
    if not given:
        raise KeyRequired("an API key is needed here: send it as X-API-KEY or as Authorization: Bearer")
    # Header values were decoded as Latin-1 (ASGI), so this gives the bytes that were sent.
    found = _matching(hash_of_key(given.encode("latin-1")), keys)
    if found is None:
        raise KeyRequired("the API key is not among auth.keys")
    return found


def require_role(key: KeySettings, needed: Role) -> None:
    """Raises RoleTooSmall."""
    if not key.role.may(needed):
        raise RoleTooSmall(f"the API key {key.name!r} has the role {key.role}, and this needs {needed}")


def _matching(digest: str, keys: Sequence[KeySettings]) -> KeySettings | None:
    """All keys are compared, in constant time each, so that the time tells nothing."""
    found = None
    for key in keys:
        if hmac.compare_digest(key.sha256, digest):
            found = key
    return found


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
