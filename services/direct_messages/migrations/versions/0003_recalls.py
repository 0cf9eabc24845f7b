"""Messages that were taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATES = "state IN ('received', 'queued', 'sent', 'failed', 'unknown', 'recalled')"
_STATES_BEFORE = "state IN ('received', 'queued', 'sent', 'failed', 'unknown')"
_STATE = op.f("ck_message_state")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "recall",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("platform_message_id", sa.Text(), nullable=False),
        sa.Column("fan_open_id", sa.Text(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "account_id", "platform_message_id", name=op.f("pk_recall")
        ),
        schema="direct_messages",
    )
    op.create_index(
        "ix_recall_heard_at",
        "recall",
        ["heard_at"],
        schema="direct_messages",
        postgresql_where=sa.text("NOT applied"),
    )
    op.drop_constraint(_STATE, "message", schema="direct_messages", type_="check")
    op.create_check_constraint(_STATE, "message", _STATES, schema="direct_messages")


def downgrade() -> None:
    """Take back."""
    op.execute(
        "UPDATE direct_messages.message SET state = 'sent' WHERE state = 'recalled' AND direction = 'out'"
    )
    op.execute("UPDATE direct_messages.message SET state = 'received' WHERE state = 'recalled'")
    op.drop_constraint(_STATE, "message", schema="direct_messages", type_="check")
    op.create_check_constraint(_STATE, "message", _STATES_BEFORE, schema="direct_messages")
    op.drop_table("recall", schema="direct_messages")
