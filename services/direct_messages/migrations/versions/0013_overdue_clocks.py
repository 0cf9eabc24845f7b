"""Broken promises are counted every ten seconds: by an index of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "ix_response_clock_overdue",
        "response_clock",
        ["measure"],
        schema="direct_messages",
        if_not_exists=True,
        postgresql_where=sa.text("due_at IS NOT NULL AND told IN ('breached', 'escalated')"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_response_clock_overdue", "response_clock", schema="direct_messages")
