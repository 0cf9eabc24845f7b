"""Bodies of webhooks may be forgotten; what is kept is found by its age."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.alter_column("inbound", "body", nullable=True, schema="douyin")
    op.create_index(
        "ix_inbound_body_kept",
        "inbound",
        ["received_at"],
        schema="douyin",
        postgresql_where=sa.text("body IS NOT NULL"),
    )


def downgrade() -> None:
    """Take back: a body that was forgotten becomes an empty one."""
    op.drop_index("ix_inbound_body_kept", "inbound", schema="douyin")
    op.execute("UPDATE douyin.inbound SET body = '' WHERE body IS NULL")
    op.alter_column("inbound", "body", nullable=False, schema="douyin")
