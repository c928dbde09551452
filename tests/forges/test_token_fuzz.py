"""Whatever is handed over as a token, or published as a key, is told, refused with a rule, or left to others."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dag_gateway.forges.issuer import Issuer
from dag_gateway.forges.jwks import SigningKey, UnusableKey, check_signature, key_set
from dag_gateway.forges.registered_claims import check_claims
from dag_gateway.forges.unverified_token import TokenRefused, UnverifiedToken, key_id
from tests.fakes.signed_tokens import encoded, unsigned_token
from tests.fakes.signing_keys import public_jwk, rsa_key

NOW = datetime(2027, 1, 15, tzinfo=UTC)
ISSUER = Issuer(
    "forge", "https://forge.example.com", "https://forge.example.com/.well-known", "https://dag.example.com"
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.just("RS256") | JSON, "kid": st.just("first") | JSON},
    optional=dict.fromkeys(["typ", "crit", "b64", "jwk", "x"], JSON),
)
TIMES = st.integers(int(NOW.timestamp()) - 100_000, int(NOW.timestamp()) + 100) | JSON
CLAIMS = st.fixed_dictionaries(
    {"iat": TIMES, "nbf": TIMES, "exp": TIMES, "aud": st.just(ISSUER.audience) | JSON, "jti": st.text() | JSON},
    optional={"iss": JSON, "ref": JSON},
)
PUBLISHED = st.fixed_dictionaries(
    {"kid": st.just("first") | JSON, "kty": st.sampled_from(["RSA", "EC", "oct"]) | JSON},
    optional={name: st.just("P-256") | st.just("AQAB") | JSON for name in ("crv", "n", "e", "x", "y", "use", "alg")},
)


FEW = settings(max_examples=40)


@given(st.text() | st.lists(st.binary(max_size=60).map(encoded), min_size=2, max_size=4).map(".".join))
@FEW
def test_any_text_may_be_handed_over(text: str) -> None:
    token = UnverifiedToken.parse(text)
    assert token is None or isinstance(token.unverified_issuer, str)


@given(HEADERS)
@FEW
def test_any_header_may_be_handed_over(header: dict[str, Any]) -> None:
    with suppress(TokenRefused):
        assert key_id(parsed(unsigned_token(header, {})), ISSUER) == header["kid"]


@given(CLAIMS)
@FEW
def test_any_claims_may_be_signed(claims: dict[str, Any]) -> None:
    with suppress(TokenRefused):
        told = check_claims(parsed(unsigned_token({}, claims)), ISSUER, NOW)
        assert (told.jti, told.expires > NOW) == (claims["jti"], True)


@given(st.lists(PUBLISHED | st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=4))
@FEW
def test_any_keys_may_be_published(published: list[dict[str, Any]]) -> None:
    assert all(isinstance(key, SigningKey | UnusableKey) for key in key_set(published).values())


@given(st.binary(max_size=300), HEADERS)
@FEW
def test_no_signature_is_guessed(signature: bytes, header: dict[str, Any]) -> None:
    key = key_set([public_jwk(rsa_key("first"), "first")])["first"]
    assert isinstance(key, SigningKey)
    with pytest.raises(TokenRefused, match=r"^(the signature of the ID token is not|the ID token is signed with)"):
        check_signature(parsed(unsigned_token(header, {}) + encoded(signature)), key)


def parsed(text: str) -> UnverifiedToken:
    token = UnverifiedToken.parse(text)
    assert token is not None
    return token
