"""Which host keys a known_hosts file vouches for (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT")."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostKey:
    """``kind`` is the name of the file, such as ``ssh-ed25519``; ``blob`` is the key in the form of the protocol."""

    kind: str
    blob: bytes


@dataclass(frozen=True, slots=True)
class HostKeys:
    """What the file says of one host, in its order. Certificate authorities are left out: they vouch for no key."""

    trusted: tuple[HostKey, ...]
    revoked: tuple[HostKey, ...]


def host_keys(text: str, host: str, port: int) -> HostKeys:
    """The keys of the host that listens at this port. Lines that can not be read are skipped, as ssh does."""
    name = host.lower() if port == 22 else f"[{host.lower()}]:{port}"
    found = list(_entries(text, name))
    return HostKeys(
        tuple(key for marker, key in found if marker == ""), tuple(key for marker, key in found if marker == "@revoked")
    )


def _entries(text: str, name: str) -> Iterator[tuple[str, HostKey]]:
    for line in text.splitlines():
        fields = line.split()
        marker = fields.pop(0) if line.lstrip().startswith("@") else ""
        if len(fields) < 3 or fields[0].startswith("#") or not _is_for(fields[0], name):
            continue
        try:
            yield marker, HostKey(fields[1], base64.b64decode(fields[2], validate=True))
        except binascii.Error:
            continue


def _is_for(names: str, name: str) -> bool:
    patterns = names.split(",")
    if any(one.startswith("!") and _matches(one[1:], name) for one in patterns):
        return False
    return any(_matches(one, name) for one in patterns)


def _matches(pattern: str, name: str) -> bool:
    if pattern.startswith("|1|"):
        return _matches_hashed(pattern, name)
    wildcards = re.escape(pattern.lower()).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(wildcards, name) is not None


def _matches_hashed(pattern: str, name: str) -> bool:
    """``|1|salt|hash``: HMAC-SHA1 of the name under the salt."""
    salt, _, wanted = pattern.removeprefix("|1|").partition("|")
    try:
        known = base64.b64decode(wanted, validate=True)
        key = base64.b64decode(salt, validate=True)
    except binascii.Error:
        return False
    return hmac.compare_digest(hmac.new(key, name.encode(), hashlib.sha1).digest(), known)
