"""Who is asking: tokens of CI jobs, checked with the forge that issued them or by its signature.

Belongs here: the tables of what each kind of forge says of a job, and the rules that bind a job to an app and to an
environment. What is said is read by pure functions; the calls are thin edges. Tokens pass through and stay nowhere.
"""

from .answer import ForgeUnavailable
from .environments import AmbiguousEnvironment, EnvironmentNotFound
from .projects import Pins, ProjectChanged
from .unverified_token import is_id_token
from .verify import AppNotFound, RefNotProtected, Verified, Verifier

__all__ = [
    "AmbiguousEnvironment",
    "AppNotFound",
    "EnvironmentNotFound",
    "ForgeUnavailable",
    "Pins",
    "ProjectChanged",
    "RefNotProtected",
    "Verified",
    "Verifier",
    "is_id_token",
]
