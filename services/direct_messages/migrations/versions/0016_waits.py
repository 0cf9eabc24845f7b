"""When the rules for fans who wait are due, and how far they were asked."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INDEX, _TABLE, _SCHEMA = "ix_response_clock_ask_at", "response_clock", "direct_messages"


def upgrade() -> None:
    """Apply."""
    op.add_column(_TABLE, sa.Column("ask_at", sa.DateTime(timezone=True)), schema=_SCHEMA)
    asked = sa.Column("asked_minutes", sa.Integer(), server_default="0", nullable=False)
    op.add_column(_TABLE, asked, schema=_SCHEMA)
    op.create_index(
        _INDEX,
        _TABLE,
        ["ask_at"],
        schema=_SCHEMA,
        if_not_exists=True,
        postgresql_where=sa.text(
            "ask_at IS NOT NULL AND answered_at IS NULL AND cancelled_at IS NULL"
        ),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index(_INDEX, _TABLE, schema=_SCHEMA)
    op.drop_column(_TABLE, "asked_minutes", schema=_SCHEMA)
    op.drop_column(_TABLE, "ask_at", schema=_SCHEMA)
