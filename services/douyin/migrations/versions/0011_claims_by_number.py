"""One number tells one claim of an attempt from another."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("attempt", sa.Column("claim", sa.BigInteger), schema="douyin")


def downgrade() -> None:
    """Take back."""
    op.drop_column("attempt", "claim", schema="douyin")
