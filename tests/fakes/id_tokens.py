"""ID tokens of jobs, as a runner hands them out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tests.fakes.oidc_issuer import OidcIssuer


def id_token(issuer: OidcIssuer, claims: Mapping[str, Any]) -> str:
    """A new token, good for an hour, that says ``claims``; one that is None is left out."""
    now = datetime.now(UTC)
    return issuer.sign(issuer.claims(now, **{"exp": int(now.timestamp()) + 3600, "jti": uuid4().hex, **claims}))
