"""Webhooks that were put aside are found without looking through all."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "ix_inbound_quarantined",
        "inbound",
        ["id"],
        unique=False,
        schema="douyin",
        if_not_exists=True,
        postgresql_where=sa.text("state = 'quarantined'"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_inbound_quarantined", table_name="inbound", schema="douyin")
