"""Who did what, with which outcome: rows are only ever added."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False, comment="RFC 3339, UTC"),
        sa.Column("actor", sa.String(length=255), nullable=False, comment="a verified name, or empty"),
        sa.Column("address", sa.String(length=64), nullable=False, comment="of the client"),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False, comment="allowed, or the code of the refusal"),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("data", sa.Text(), nullable=False, comment="JSON: app, environment, deployment and the like"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
