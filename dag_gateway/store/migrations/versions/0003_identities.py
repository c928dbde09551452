"""Tokens that were used, and the projects behind the repository URLs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "token_uses",
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("token_id", sa.String(length=64), nullable=False, comment="SHA-256 (hex) of the claim jti"),
        sa.Column("purpose", sa.String(length=64), nullable=False, comment="SHA-256 (hex) over what it was used for"),
        sa.Column(
            "deployment",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="NULL: pruned since",
        ),
        sa.Column("until", sa.BigInteger(), nullable=False, comment="Unix time in s; kept until then"),
        sa.ForeignKeyConstraint(
            ["deployment"], ["deployments.number"], name=op.f("fk_token_uses_deployment"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("issuer", "token_id", name=op.f("pk_token_uses")),
    )
    op.create_index(op.f("ix_token_uses_until"), "token_uses", ["until"], unique=False)
    op.create_index(op.f("ix_token_uses_deployment"), "token_uses", ["deployment"], unique=False)
    op.create_table(
        "project_pins",
        sa.Column("app", sa.String(length=255), nullable=False),
        sa.Column("forge", sa.String(length=255), nullable=False),
        sa.Column("repo_url", sa.Text(), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False, comment="as the forge named it on first use"),
        sa.PrimaryKeyConstraint("app", "forge", name=op.f("pk_project_pins")),
    )
