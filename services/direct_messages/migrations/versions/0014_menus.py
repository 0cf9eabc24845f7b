"""Conversations remember which level of the menu they showed last, and what a flow asked."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for column in (
        sa.Column("menu_level", sa.Integer(), nullable=True),
        sa.Column("menu_shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("flow", JSONB(), nullable=True),
    ):
        op.add_column("conversation", column, schema="direct_messages")


def downgrade() -> None:
    """Take back."""
    for name in ("flow", "menu_shown_at", "menu_level"):
        op.drop_column("conversation", name, schema="direct_messages")
