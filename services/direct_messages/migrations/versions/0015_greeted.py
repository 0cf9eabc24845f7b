"""Whether a greeting answered lately is found without walking all clocks."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "ix_response_clock_greeted",
        "response_clock",
        ["organization_id", "account_id", "conversation_id", "answered_at"],
        unique=False,
        schema="direct_messages",
        postgresql_where=sa.text("answered_by = 'greeting'"),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_response_clock_greeted", "response_clock", schema="direct_messages")
