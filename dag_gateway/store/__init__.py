"""Where deployments are kept: SQLAlchemy Core over SQLite, migrations, one module per table family.

The only place that knows SQL. Plain records of ``model`` go in and come out.
"""

from .database import Database, StoreUnavailable
from .deployments import DeploymentNotFound, DeploymentStore, KeyReused, LostRace, Snapshot
from .idempotency import IdempotencyKey
from .migrate import upgrade

__all__ = [
    "Database",
    "DeploymentNotFound",
    "DeploymentStore",
    "IdempotencyKey",
    "KeyReused",
    "LostRace",
    "Snapshot",
    "StoreUnavailable",
    "upgrade",
]
