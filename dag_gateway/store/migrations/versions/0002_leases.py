"""Which replica carries a deployment, and which replicas are alive; what goes with a deployment is found by it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "replicas",
        sa.Column("id", sa.String(length=36), nullable=False, comment="one life of one process"),
        sa.Column("name", sa.String(length=255), nullable=False, comment="host and process, for people"),
        sa.Column("until", sa.BigInteger(), nullable=False, comment="Unix time in ms; its leases end with it"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replicas")),
    )
    with op.batch_alter_table("deployments") as deployments:
        deployments.add_column(
            sa.Column("lease", sa.Integer(), server_default="0", nullable=False, comment="grows with every claim")
        )
        deployments.add_column(
            sa.Column("replica", sa.String(length=36), nullable=True, comment="who carries it; NULL: nobody")
        )
    op.create_index(op.f("ix_deployments_replica"), "deployments", ["replica"], unique=False)
    op.create_index(op.f("ix_idempotency_keys_deployment"), "idempotency_keys", ["deployment"], unique=False)
