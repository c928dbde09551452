"""The tables. Migrations bring a database to this shape; a test compares both."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only when the key is INTEGER.
_Number = BigInteger().with_variant(Integer, "sqlite")

deployments = Table(
    "deployments",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True, comment="order of acceptance"),
    Column("id", String(36), nullable=False, unique=True, comment="UUIDv7"),
    Column("app", String(255), nullable=False),
    Column("environment", String(255), nullable=False),
    Column("status", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("reason", String(32)),
    Column("repo_url", Text, nullable=False),
    Column("version", String(255), nullable=False),
    Column("chart_name", String(255), nullable=False),
    Column("chart_digest", String(64), nullable=False),
    Column("chart_version", String(400)),
    Column("commit", String(64)),
    Column("commit_url", Text),
    Column("changes", Text, nullable=False),
    Column("accepted_at", String(32), nullable=False, comment="RFC 3339, UTC"),
    Column("identity", Text, nullable=False, comment="JSON: who asked, as the forge confirmed it"),
    Column("destination", Text, nullable=False, comment="JSON: repository, branch, path"),
    Column("targets", Text, nullable=False, comment="JSON list of target states"),
    Column("last_event", Integer, nullable=False),
    Column("lease", Integer, nullable=False, server_default="0", comment="grows with every claim"),
    Column("replica", String(36), comment="who carries it; NULL: nobody"),
    Index(None, "app", "environment", "number"),
    Index(None, "status", "number"),
    Index(None, "replica"),
    Index(None, "chart_digest", "version"),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("deployment", _Number, ForeignKey("deployments.number", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="from 1, without a gap"),
    Column("kind", String(16), nullable=False),
    Column("at", String(32), nullable=False, comment="RFC 3339, UTC"),
    Column("data", Text, nullable=False, comment="JSON as subscribers see it"),
)

charts = Table(
    "charts",
    metadata,
    Column("deployment", _Number, ForeignKey("deployments.number", ondelete="CASCADE"), primary_key=True),
    Column("archive", LargeBinary, nullable=False, comment="the checked chart as .tgz; gone once it is pushed"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("app", String(255), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False, comment="SHA-256 over what was asked with the key"),
    Column("deployment", _Number, ForeignKey("deployments.number", ondelete="CASCADE"), nullable=False),
    Index(None, "deployment"),
)

replicas = Table(
    "replicas",
    metadata,
    Column("id", String(36), primary_key=True, comment="one life of one process"),
    Column("name", String(255), nullable=False, comment="host and process, for people"),
    Column("until", BigInteger, nullable=False, comment="Unix time in ms; its leases end with it"),
)

token_uses = Table(
    "token_uses",
    metadata,
    Column("issuer", String(255), primary_key=True),
    Column("token_id", String(64), primary_key=True, comment="SHA-256 (hex) of the claim jti"),
    Column("purpose", String(64), nullable=False, comment="SHA-256 (hex) over what it was used for"),
    Column("deployment", _Number, ForeignKey("deployments.number", ondelete="SET NULL"), comment="NULL: pruned since"),
    Column("until", BigInteger, nullable=False, comment="Unix time in s; kept until then"),
    Index(None, "until"),
    Index(None, "deployment"),
)

project_pins = Table(
    "project_pins",
    metadata,
    Column("app", String(255), primary_key=True),
    Column("forge", String(255), primary_key=True),
    Column("repo_url", Text, nullable=False),
    Column("project_id", String(64), nullable=False, comment="as the forge named it on first use"),
)

audit = Table(
    "audit",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("at", String(32), nullable=False, comment="RFC 3339, UTC"),
    Column("actor", String(255), nullable=False, comment="a verified name, or empty"),
    Column("address", String(64), nullable=False, comment="of the client"),
    Column("action", String(64), nullable=False),
    Column("outcome", String(64), nullable=False, comment="allowed, or the code of the refusal"),
    Column("request_id", String(128), nullable=False),
    Column("data", Text, nullable=False, comment="JSON: app, environment, deployment and the like"),
    sqlite_autoincrement=True,
)
