"""Who signs the ID tokens of a forge's jobs, and what a verified token is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

_DISCOVERY = "/.well-known/openid-configuration"
"""OpenID Connect Discovery 1.0, section 4."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """One issuer of ID tokens, as the configuration has it. Nothing of it ever comes from a request.

    ``name`` is the forge's in the configuration. ``issuer`` is what the claim ``iss`` must be, character by
    character. ``discovery_url`` is where the gateway reads the issuer's document, which may be an inner address.
    """

    name: str
    issuer: str
    discovery_url: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256",)
    """Those of its tokens that are accepted; of RS256 and ES256."""
    has_token_ids: bool = True
    """Whether a token without ``jti`` is refused. Otherwise the digest of what was signed stands in for it."""


@dataclass(frozen=True, slots=True)
class VerifiedClaims:
    """What a token says, signed by its issuer, meant for this gateway and valid now.

    ``issuer`` is the claim ``iss``. ``jti`` names the token among all of its issuer; ``expires`` is the moment from
    which on the token is refused, with the leeway in it: until then its use must be remembered.
    """

    issuer: str
    claims: Mapping[str, Any] = field(repr=False)
    jti: str
    expires: datetime


def gitlab_issuer(name: str, url: str, audience: str, issuer: str | None = None) -> Issuer:
    """A GitLab reached at ``url``. ``issuer`` is its external URL, where that is another.

    Source: https://docs.gitlab.com/ci/secrets/id_token_authentication/
    """
    return Issuer(name, issuer or url.rstrip("/"), url.rstrip("/") + _DISCOVERY, audience)


def github_issuer(name: str, url: str, audience: str, issuer: str | None = None) -> Issuer:
    """github.com, an enterprise with data residency (``https://SUB.ghe.com``), or a GitHub Enterprise Server.

    Source: https://docs.github.com/en/actions/reference/security/oidc
    """
    signer = issuer or _github_signer(url)
    return Issuer(name, signer, signer + _DISCOVERY, audience)


def forgejo_issuer(name: str, url: str, audience: str, issuer: str | None = None) -> Issuer:
    """A Forgejo reached at ``url``. ``issuer`` is ``<its ROOT_URL>api/actions``, where that is another.

    Its tokens have no ``jti``: ``claims_supported`` of its discovery document does not list it. RS256 is its default,
    ES256 a setting.
    Source: Forgejo's ``tests/integration/api_actions_oidc_test.go``; https://forgejo.org/docs/next/user/actions/
    """
    address = url.rstrip("/") + "/api/actions"
    return Issuer(name, issuer or address, address + _DISCOVERY, audience, ("RS256", "ES256"), has_token_ids=False)


def _github_signer(url: str) -> str:
    host = urlsplit(url).netloc
    if host in ("github.com", "www.github.com"):
        return "https://token.actions.githubusercontent.com"
    if host.endswith(".ghe.com"):
        return f"https://token.actions.{host}"
    return url.rstrip("/") + "/_services/token"
