"""Conversations know who began them, and carry the tags that rules gave."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for column in (
        sa.Column("started_by", sa.Text(), nullable=False, server_default="fan"),
        sa.Column("tags", ARRAY(sa.Text()), nullable=False, server_default="{}"),
    ):
        op.add_column("conversation", column, schema="direct_messages")


def downgrade() -> None:
    """Take back."""
    for name in ("started_by", "tags"):
        op.drop_column("conversation", name, schema="direct_messages")
