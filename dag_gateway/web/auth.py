"""Where the token of a job stands in a request: in the body, or as ``Authorization: Bearer``."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request


def with_bearer(request: Request, values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with ``jobToken`` taken from the Authorization header when the body has none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token and "jobToken" not in values:
        return {**values, "jobToken": token.strip()}
    return dict(values)
