"""The keys of operators: what a role may do, and the hash by which a key is known."""

import hashlib
from enum import StrEnum

KEY_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$"
"""Names stand in the audit log, in config files and in URLs, so they are plain."""


class Role(StrEnum):
    """What a key may do; each role may do what those before it may."""

    VIEWER = "viewer"
    DEPLOYER = "deployer"
    ADMIN = "admin"

    def may(self, needed: "Role") -> bool:
        """Whether this role is enough where ``needed`` is asked for."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


def hash_of_key(key: bytes) -> str:
    """SHA-256 (hex). A key has 256 random bits, so it needs neither salt nor a slow hash."""
    return hashlib.sha256(key).hexdigest()
