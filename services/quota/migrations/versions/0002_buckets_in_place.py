"""Buckets change in place: room on the page for the next version, so that no index is touched."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.execute("ALTER TABLE quota.bucket SET (fillfactor = 70)")


def downgrade() -> None:
    """Take back."""
    op.execute("ALTER TABLE quota.bucket RESET (fillfactor)")
