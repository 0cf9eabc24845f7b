"""Attempts that stay in doubt though their words may go again are found by these words."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "ix_attempt_freed",
        "attempt",
        ["organization_id", "account_id", "conversation_id", "content_hash"],
        schema="douyin",
        postgresql_where=sa.text("state = 'unknown' AND content_freed"),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_attempt_freed", "attempt", schema="douyin")
