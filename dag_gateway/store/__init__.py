"""Where deployments are kept: SQLAlchemy Core over SQLite or PostgreSQL, migrations, one module per table family.

The only place that knows SQL. Plain records of ``model`` go in and come out.
"""

from .audit import AuditStore
from .database import Database
from .deployments import DeploymentNotFound, DeploymentStore, Snapshot
from .idempotency import IdempotencyKey, KeyReused
from .identities import ProjectPins, ShownToken, TokenReplayed
from .leases import LEASE, Claim, Claimable, Leases, Replica, Work
from .migrate import upgrade
from .recording import LostRace
from .retention import Retention
from .sole import DatabaseInUse, sole_user
from .trouble import StoreUnavailable, Unstorable
from .uninterrupted import uninterrupted
from .wakeups import ACCEPTED, environment_key, open_wakeups

__all__ = [
    "ACCEPTED",
    "LEASE",
    "AuditStore",
    "Claim",
    "Claimable",
    "Database",
    "DatabaseInUse",
    "DeploymentNotFound",
    "DeploymentStore",
    "IdempotencyKey",
    "KeyReused",
    "Leases",
    "LostRace",
    "ProjectPins",
    "Replica",
    "Retention",
    "ShownToken",
    "Snapshot",
    "StoreUnavailable",
    "TokenReplayed",
    "Unstorable",
    "Work",
    "environment_key",
    "open_wakeups",
    "sole_user",
    "uninterrupted",
    "upgrade",
]
