"""What an upload repeats is found by its content, however many deployments wait."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_index(
        op.f("ix_deployments_chart_digest_version"), "deployments", ["chart_digest", "version"], unique=False
    )
