"""One API key for each role, and the section of the config file that knows them."""

from typing import Any

from dag_gateway.model.api_key import Role, hash_of_key

KEYS = {role: f"dag_{role}-key-of-the-tests" for role in Role}


def auth_section() -> dict[str, Any]:
    return {
        "keys": [
            {"name": f"the-{role}", "role": role.value, "sha256": hash_of_key(key.encode())}
            for role, key in KEYS.items()
        ]
    }


def shown(role: Role) -> dict[str, str]:
    """The header with the key of a role."""
    return {"X-API-KEY": KEYS[role]}
