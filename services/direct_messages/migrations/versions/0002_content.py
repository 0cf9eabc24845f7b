"""Messages keep what belongs to a kind other than text."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    content = sa.Column("content", postgresql.JSONB(), nullable=True)
    op.add_column("message", content, schema="direct_messages")


def downgrade() -> None:
    """Take back."""
    op.drop_column("message", "content", schema="direct_messages")
