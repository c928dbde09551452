"""The keys that an issuer publishes, and the signatures that they make. Source: RFC 7517, RFC 7518."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from jwt import PyJWK, PyJWS
from jwt.exceptions import PyJWTError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from .unverified_token import ALGORITHMS, LONGEST_NAME, TokenRefused, UnverifiedToken

_RSA_BITS = range(2048, 16384 + 1)
"""Fewer are weak (RFC 7518, section 3.3), more are slow."""

_PUBLIC_PARTS = ("kty", "crv", "x", "y", "n", "e")
"""A private part that was published by mistake is not even read."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key, and the one algorithm that it may be used with."""

    algorithm: str
    key: PyJWK = field(repr=False)


@dataclass(frozen=True, slots=True)
class UnusableKey:
    """A key that the issuer publishes, and the rule that it breaks."""

    rule: str


KeySet = Mapping[str, SigningKey | UnusableKey]
"""By ``kid``."""


class _Jwks(BaseModel):
    """A set of keys (RFC 7517, section 5)."""

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    keys: Annotated[list[dict[str, Any]], Field(max_length=100)]


JWKS = TypeAdapter(_Jwks)


def key_set(keys: Sequence[Mapping[str, Any]]) -> KeySet:
    """All keys that have a name. Two that share one are both unusable: which of them was meant is anybody's guess."""
    named: dict[str, SigningKey | UnusableKey] = {}
    for key in keys:
        name = key.get("kid")
        if isinstance(name, str) and 0 < len(name) <= LONGEST_NAME:
            named[name] = UnusableKey("it is published twice") if name in named else _read(key)
    return named


def check_signature(token: UnverifiedToken, key: SigningKey) -> None:
    """Raises TokenRefused unless the key has signed the token, with the algorithm that is the key's own."""
    algorithm = token.unverified_header.get("alg")
    if algorithm != key.algorithm:
        raise TokenRefused(f"the ID token is signed with {algorithm}, but its key is one for {key.algorithm}")
    try:
        PyJWS(algorithms=[key.algorithm]).decode(token.text, key.key, algorithms=[key.algorithm])
    except PyJWTError as error:
        raise TokenRefused("the signature of the ID token is not one of its issuer's") from error


def _read(published: Mapping[str, Any]) -> SigningKey | UnusableKey:
    algorithm = _algorithm(published)
    if algorithm is None:
        return UnusableKey(f"only keys for {' and '.join(ALGORITHMS)} count")
    if published.get("use", "sig") != "sig" or published.get("alg", algorithm) != algorithm:
        return UnusableKey(f"it is not published for signatures with {algorithm}")
    try:
        key = PyJWK({name: published[name] for name in _PUBLIC_PARTS if name in published}, algorithm)
    except PyJWTError:
        return UnusableKey(f"it is not a well-formed public key for {algorithm}")
    if algorithm == "RS256" and key.key.key_size not in _RSA_BITS:
        return UnusableKey(f"it has {key.key.key_size} bits; {_RSA_BITS.start} to {_RSA_BITS.stop - 1} are accepted")
    return SigningKey(algorithm, key)


def _algorithm(published: Mapping[str, Any]) -> str | None:
    kind, curve = published.get("kty"), published.get("crv")
    if kind == "RSA":
        return "RS256"
    return "ES256" if kind == "EC" and curve == "P-256" else None
