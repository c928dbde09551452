"""Which of the keys that an issuer publishes are used, and for which signatures."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from dag_gateway.forges.jwks import JWKS, SigningKey, UnusableKey, check_signature, key_set
from dag_gateway.forges.unverified_token import TokenRefused, UnverifiedToken
from tests.fakes.signed_tokens import signed
from tests.fakes.signing_keys import PrivateKey, ec_key, public_jwk, rsa_key

RSA = rsa_key("first")
EC = ec_key("first")


@pytest.mark.parametrize(
    ("published", "algorithm"),
    [
        (public_jwk(RSA, "k"), "RS256"),
        (public_jwk(EC, "k"), "ES256"),
        (public_jwk(RSA, "k", use=None), "RS256"),
        (public_jwk(RSA, "k", alg="RS256", x5c=["..."], x5u="https://evil.example.com"), "RS256"),
        (public_jwk(RSA, "k", d="not even read"), "RS256"),
    ],
)
def test_a_key_is_for_one_algorithm(published: dict[str, Any], algorithm: str) -> None:
    key = key_set([published])["k"]
    assert isinstance(key, SigningKey)
    assert key.algorithm == algorithm


ONLY = "only keys for RS256 and ES256 count"


@pytest.mark.parametrize(
    ("published", "rule"),
    [
        ({"kid": "k", "kty": "oct", "k": "c2VjcmV0"}, ONLY),
        ({"kid": "k", "kty": "OKP", "crv": "Ed25519", "x": "AA"}, ONLY),
        ({"kid": "k", "kty": ["RSA"]}, ONLY),
        ({"kid": "k", "kty": "EC", "crv": ["P-256"]}, ONLY),
        ({"kid": "k"}, ONLY),
        (public_jwk(ec_key("first", ec.SECP384R1), "k"), ONLY),
        (public_jwk(ec_key("first", ec.SECP256K1), "k"), ONLY),
        (public_jwk(EC, "k", crv="P-384"), ONLY),
        (public_jwk(RSA, "k", use="enc"), "it is not published for signatures with RS256"),
        (public_jwk(RSA, "k", alg="PS256"), "it is not published for signatures with RS256"),
        (public_jwk(RSA, "k", alg="HS256"), "it is not published for signatures with RS256"),
        (public_jwk(EC, "k", alg="RS256"), "it is not published for signatures with ES256"),
        (public_jwk(rsa_key("weak", 1024), "k"), "it has 1024 bits; 2048 to 16384 are accepted"),
        (public_jwk(RSA, "k", n=None), "it is not a well-formed public key for RS256"),
        (public_jwk(RSA, "k", n=7), "it is not a well-formed public key for RS256"),
        (public_jwk(RSA, "k", n="!"), "it is not a well-formed public key for RS256"),
        (public_jwk(RSA, "k", e="AQ"), "it is not a well-formed public key for RS256"),
        (public_jwk(EC, "k", x=public_jwk(EC, "k")["y"]), "it is not a well-formed public key for ES256"),
        (public_jwk(EC, "k", y="AAAA"), "it is not a well-formed public key for ES256"),
    ],
)
def test_a_key_that_breaks_a_rule_is_not_used(published: dict[str, Any], rule: str) -> None:
    assert key_set([published]) == {"k": UnusableKey(rule)}


def test_two_keys_of_one_name_are_both_unusable() -> None:
    keys = key_set([public_jwk(RSA, "k"), public_jwk(rsa_key("second"), "k"), public_jwk(EC, "other")])
    assert keys["k"] == UnusableKey("it is published twice")
    assert isinstance(keys["other"], SigningKey)


@pytest.mark.parametrize("kid", [None, "", 7, ["k"], "k" * 256])
def test_a_key_without_a_name_can_not_be_asked_for(kid: Any) -> None:
    assert key_set([{**public_jwk(RSA, "k"), "kid": kid}]) == {}


def test_a_key_does_not_print() -> None:
    assert repr(key_set([public_jwk(RSA, "k")])["k"]) == "SigningKey(algorithm='RS256')"


def test_a_hundred_keys_are_enough() -> None:
    assert len(JWKS.validate_python({"keys": [{}] * 100}).keys) == 100
    with pytest.raises(ValidationError, match="at most 100 items"):
        JWKS.validate_python({"keys": [{}] * 101})


def token(key: PrivateKey, **header: Any) -> UnverifiedToken:
    parsed = UnverifiedToken.parse(signed(key, header, {"iss": "anybody"}))
    assert parsed is not None
    return parsed


def signing_key(key: PrivateKey) -> SigningKey:
    found = key_set([public_jwk(key, "k")])["k"]
    assert isinstance(found, SigningKey)
    return found


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256")])
def test_a_signature_of_the_key_is_found_to_be_one(key: PrivateKey, algorithm: str) -> None:
    check_signature(token(key, alg=algorithm), signing_key(key))


@pytest.mark.parametrize(
    ("signer", "algorithm", "key"),
    [
        (rsa_key("second"), "RS256", RSA),
        (ec_key("second"), "ES256", EC),
        (ec_key("first", ec.SECP384R1), "ES256", EC),
        (RSA, "ES256", EC),
        (EC, "RS256", RSA),
    ],
)
def test_a_signature_of_another_key_is_refused(signer: PrivateKey, algorithm: str, key: PrivateKey) -> None:
    with pytest.raises(TokenRefused, match=r"^the signature of the ID token is not one of its issuer's$") as refusal:
        check_signature(token(signer, alg=algorithm), signing_key(key))
    assert refusal.value.code == "token_refused"


@pytest.mark.parametrize(("key", "algorithm", "own"), [(RSA, "ES256", "RS256"), (EC, "RS256", "ES256")])
def test_a_key_makes_no_signatures_of_another_algorithm(key: PrivateKey, algorithm: str, own: str) -> None:
    with pytest.raises(TokenRefused, match=f"^the ID token is signed with {algorithm}, but its key is one for {own}$"):
        check_signature(token(key, alg=algorithm), signing_key(key))


def test_a_payload_that_is_not_encoded_is_refused() -> None:
    with pytest.raises(TokenRefused, match=r"^the signature of the ID token is not one of its issuer's$"):
        check_signature(token(RSA, alg="RS256", b64=False), signing_key(RSA))
