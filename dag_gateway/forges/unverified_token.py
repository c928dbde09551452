"""An ID token before its signature was checked: what it looks like, and what its header may say."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from dag_gateway.errors import Unverified

from .issuer import Issuer

LONGEST_TOKEN = 16 * 1024
"""Characters. GitHub's are about 2,000; a list of groups or custom properties makes them longer."""

LONGEST_NAME = 255
"""Characters of a key's or a token's name."""

ALGORITHMS = ("RS256", "ES256")
"""All that are accepted anywhere. Source: RFC 8725, section 3.1; both are asymmetric, so a public key signs nothing."""

_KEY_HEADERS = ("jwk", "jku", "x5c", "x5u")
"""Ways to bring one's own key along (RFC 7515, section 4.1). Keys come from the issuer alone."""


class TokenRefused(Unverified):
    """The ID token breaks a rule; the message says which."""

    code = "token_refused"


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A JSON Web Token that anybody may have written. The text never prints."""

    text: str = field(repr=False)
    unverified_header: Mapping[str, Any] = field(repr=False)
    unverified_claims: Mapping[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "UnverifiedToken | None":
        """None when it is no JSON Web Token, so some other kind of token. Raises TokenRefused when it is too long."""
        if len(text) > LONGEST_TOKEN:
            raise TokenRefused(f"the ID token is longer than {LONGEST_TOKEN} characters")
        parts = text.split(".")
        if len(parts) != 3:
            return None
        header, claims = _json_object(parts[0]), _json_object(parts[1])
        return None if header is None or claims is None else cls(text, header, claims)

    @property
    def unverified_issuer(self) -> str:
        """The claim ``iss``; "" when there is none."""
        issuer = self.unverified_claims.get("iss")
        return issuer if isinstance(issuer, str) else ""


def is_id_token(text: str) -> bool:
    """Whether a token has the form of an ID token. That proves nothing; but no forge is asked whose it is."""
    return UnverifiedToken.parse(text) is not None


def key_id(token: UnverifiedToken, issuer: Issuer) -> str:
    """The name of the key that the header asks for: only ever to be looked up among the issuer's.

    Raises TokenRefused when the header is not that of a plain token signed with an algorithm of the issuer.
    """
    header = token.unverified_header
    _check_algorithm(header.get("alg"), issuer)
    _check_kind(header)
    name = header.get("kid")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isascii() or not name.isprintable():
        raise TokenRefused(f"the ID token names no key: its kid must be 1 to {LONGEST_NAME} printable ASCII characters")
    return name


def _check_algorithm(algorithm: object, issuer: Issuer) -> None:
    accepted = [name for name in issuer.algorithms if name in ALGORITHMS]
    if algorithm not in accepted:
        raise TokenRefused(
            f"the ID token is signed with {_shown(algorithm)}; forge {issuer.name!r} signs with {' or '.join(accepted)}"
        )


def _check_kind(header: Mapping[str, Any]) -> None:
    if "crit" in header:
        raise TokenRefused("the ID token has the header crit, and no extension that it could ask for is known here")
    if carried := [name for name in _KEY_HEADERS if name in header]:
        raise TokenRefused(
            f"the ID token brings its own key in the header {carried[0]}; keys come from the issuer alone"
        )
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise TokenRefused(f"the token is of the type {_shown(kind)}; only an ID token (JWT) counts")


def _shown(value: object) -> str:
    """What is short and plain; what else somebody has put there is not worth an answer."""
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9+_-]{1,20}", value)
    return f"{value!r}" if plain else "something else"


def _json_object(part: str) -> Mapping[str, Any] | None:
    """A part of a token that is base64url of a JSON object; None when it is not."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", part):
        return None
    try:
        value = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_number(constant: str) -> NoReturn:
    """``NaN`` and ``Infinity`` are not JSON (RFC 8259, section 6), and compare with nothing."""
    raise ValueError(constant)
