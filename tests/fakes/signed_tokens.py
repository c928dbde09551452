"""ID tokens as a forge signs them, and as somebody forges them."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.fakes.signing_keys import PrivateKey


def signed(key: PrivateKey, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Signed with SHA-256 as the kind of key does it, whatever the header says."""
    unsigned = _unsigned(header, claims)
    message = unsigned.encode()
    if isinstance(key, RSAPrivateKey):
        return f"{unsigned}.{encoded(RSAAlgorithm(RSAAlgorithm.SHA256).sign(message, key))}"
    return f"{unsigned}.{encoded(ECAlgorithm(ECAlgorithm.SHA256).sign(message, key))}"


def signed_with_secret(secret: bytes, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """HMAC-SHA256, whatever the header says."""
    unsigned = _unsigned(header, claims)
    return f"{unsigned}.{encoded(hmac.digest(secret, unsigned.encode(), sha256))}"


def unsigned_token(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return _unsigned(header, claims) + "."


def with_claims(token: str, claims: Mapping[str, Any]) -> str:
    """Header and signature of ``token`` around other claims."""
    header, _, signature = token.split(".")
    return f"{header}.{_json(claims)}.{signature}"


def encoded(data: bytes) -> str:
    """base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return f"{_json(header)}.{_json(claims)}"


def _json(value: Mapping[str, Any]) -> str:
    return encoded(json.dumps(value).encode())
