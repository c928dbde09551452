"""Keys that sign tokens, made once per run: a good RSA key takes a while."""

import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Another name is another key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(name: str, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """Another name is another key."""
    return ec.generate_private_key(curve())


def public_jwk(key: PrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    """As an issuer publishes it (RFC 7517). A member that is given as None is left out."""
    if isinstance(key, rsa.RSAPrivateKey):
        parts: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    else:
        parts = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    parts.pop("key_ops", None)
    members = {"kid": kid, "use": "sig", **parts, **more}
    return {name: value for name, value in members.items() if value is not None}


def public_pem(key: PrivateKey) -> bytes:
    """What a confused verifier would take for the shared secret of HS256."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
