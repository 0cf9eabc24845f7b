"""When an echo was said that was bound by its content: it may have to be bound anew."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("attempt", sa.Column("echo_at", sa.DateTime(timezone=True)), schema="douyin")


def downgrade() -> None:
    """Take back."""
    op.drop_column("attempt", "echo_at", schema="douyin")
