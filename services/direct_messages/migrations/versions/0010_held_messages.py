"""Messages that come in pieces can be held, to be decided together."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "held_message",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("fan_open_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("due_at", time, nullable=False),
        sa.Column("held_at", time, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id",
            "account_id",
            "fan_open_id",
            "event_id",
            name=op.f("pk_held_message"),
        ),
        schema="direct_messages",
    )
    op.create_index(
        "ix_held_message_due_at",
        "held_message",
        ["due_at"],
        unique=False,
        schema="direct_messages",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("held_message", schema="direct_messages")
