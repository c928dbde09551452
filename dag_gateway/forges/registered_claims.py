"""The claims that every ID token has: for whom, from when, until when, and under which name.

Source: RFC 7519, section 4.1; OpenID Connect Core 1.0, section 3.1.3.7.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from .issuer import Issuer, VerifiedClaims
from .unverified_token import LONGEST_NAME, TokenRefused, UnverifiedToken

LEEWAY = 30
"""Seconds that the clocks of the forge and the gateway may differ."""

LONGEST_AGE = 24 * 3600
"""Seconds. GitLab's tokens live as long as the job may run, so longer than anybody needs to deploy."""

_REQUIRED = ("aud", "exp", "iat", "nbf")


class TokenExpired(TokenRefused):
    """The ID token is no longer valid; the job needs a new one."""

    code = "token_expired"


class WrongAudience(TokenRefused):
    """The ID token was made for somebody else."""

    code = "wrong_audience"


def check_claims(token: UnverifiedToken, issuer: Issuer, now: datetime) -> VerifiedClaims:
    """The claims of a token whose signature was found to be the issuer's. Raises TokenRefused with the broken rule."""
    claims = token.unverified_claims
    for name in (*_REQUIRED, *(["jti"] if issuer.has_token_ids else [])):
        if claims.get(name) is None:
            raise TokenRefused(f"the ID token has no claim {name}")
    _check_audience(claims["aud"], issuer)
    expires = _check_times(claims, int(now.timestamp()))
    return VerifiedClaims(issuer.issuer, claims, _token_id(token), datetime.fromtimestamp(expires, UTC))


def _check_audience(audience: object, issuer: Issuer) -> None:
    named = audience if isinstance(audience, list) else [audience]
    if issuer.audience not in named:
        raise WrongAudience(
            f"the ID token is not made for this gateway: its claim aud must be {issuer.audience!r}, "
            f"which is the audience of forge {issuer.name!r}"
        )


def _check_times(claims: Mapping[str, Any], now: int) -> int:
    """When the token is refused from, as a Unix time."""
    issued, starts, ends = (_unix_time(claims, name) for name in ("iat", "nbf", "exp"))
    if now > ends + LEEWAY:
        raise TokenExpired(f"the ID token expired {now - ends} s ago; the job needs to ask for a new one")
    if now > issued + LONGEST_AGE + LEEWAY:
        raise TokenExpired(
            f"the ID token is older than {LONGEST_AGE // 3600} hours; the job needs to ask for a new one"
        )
    if starts > now + LEEWAY:
        raise TokenRefused(f"the ID token is not valid before {starts - now} s from now; check both clocks")
    if issued > now + LEEWAY:
        raise TokenRefused(f"the ID token was issued {issued - now} s in the future; check both clocks")
    return min(ends, issued + LONGEST_AGE) + LEEWAY + 1


def _unix_time(claims: Mapping[str, Any], name: str) -> int:
    """Whole seconds; a fraction is dropped. The bound keeps out what is no time at all."""
    value = claims[name]
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 2**40:
        raise TokenRefused(f"the claim {name} of the ID token is not a Unix time")
    return int(value)


def _token_id(token: UnverifiedToken) -> str:
    """``jti``, or where the issuer has none the digest of header and claims: a copy of the token has the same one."""
    name = token.unverified_claims.get("jti")
    if name is None:
        return sha256(token.text.rpartition(".")[0].encode()).hexdigest()
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise TokenRefused(f"the claim jti of the ID token must be 1 to {LONGEST_NAME} printable characters")
    return name
