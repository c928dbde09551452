"""Who is asking: job tokens checked with the forge that issued them.

Belongs here: one file per kind of forge and the rules that bind a job to an app and an environment. A forge's API is
read by pure functions over its answers; the call itself is a thin edge. Tokens pass through and stay nowhere.
"""

from .answer import ForgeUnavailable
from .environments import AmbiguousEnvironment, EnvironmentNotFound
from .verify import AppNotFound, Forge, RefNotProtected, Verified, Verifier

__all__ = [
    "AmbiguousEnvironment",
    "AppNotFound",
    "EnvironmentNotFound",
    "Forge",
    "ForgeUnavailable",
    "RefNotProtected",
    "Verified",
    "Verifier",
]
