"""The first tables: deployments, their events and charts, idempotency keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_deployments()
    _create_charts()
    _create_events()
    _create_idempotency_keys()


def _create_deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
            comment="order of acceptance",
        ),
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7"),
        sa.Column("app", sa.String(length=255), nullable=False),
        sa.Column("environment", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("repo_url", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=255), nullable=False),
        sa.Column("chart_name", sa.String(length=255), nullable=False),
        sa.Column("chart_digest", sa.String(length=64), nullable=False),
        sa.Column("chart_version", sa.String(length=400), nullable=True),
        sa.Column("commit", sa.String(length=64), nullable=True),
        sa.Column("commit_url", sa.Text(), nullable=True),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.String(length=32), nullable=False, comment="RFC 3339, UTC"),
        sa.Column("identity", sa.Text(), nullable=False, comment="JSON: who asked, as the forge confirmed it"),
        sa.Column("destination", sa.Text(), nullable=False, comment="JSON: repository, branch, path"),
        sa.Column("targets", sa.Text(), nullable=False, comment="JSON list of target states"),
        sa.Column("last_event", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_deployments")),
        sa.UniqueConstraint("id", name=op.f("uq_deployments_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_deployments_app_environment_number"), "deployments", ["app", "environment", "number"], unique=False
    )
    op.create_index(op.f("ix_deployments_status_number"), "deployments", ["status", "number"], unique=False)


def _create_charts() -> None:
    op.create_table(
        "charts",
        sa.Column("deployment", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "archive", sa.LargeBinary(), nullable=False, comment="the checked chart as .tgz; gone once it is pushed"
        ),
        sa.ForeignKeyConstraint(
            ["deployment"], ["deployments.number"], name=op.f("fk_charts_deployment"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("deployment", name=op.f("pk_charts")),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("deployment", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False, comment="from 1, without a gap"),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False, comment="RFC 3339, UTC"),
        sa.Column("data", sa.Text(), nullable=False, comment="JSON as subscribers see it"),
        sa.ForeignKeyConstraint(
            ["deployment"], ["deployments.number"], name=op.f("fk_events_deployment"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("deployment", "number", name=op.f("pk_events")),
    )


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("app", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column(
            "fingerprint", sa.String(length=64), nullable=False, comment="SHA-256 over what was asked with the key"
        ),
        sa.Column("deployment", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"], ["deployments.number"], name=op.f("fk_idempotency_keys_deployment"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("app", "key", name=op.f("pk_idempotency_keys")),
    )
