"""Lead cards that are gone keep their row, and other services hear which cards there are."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for column in (
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_told", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    ):
        op.add_column("lead_card", column, schema="douyin")


def downgrade() -> None:
    """Take back."""
    op.execute("DELETE FROM douyin.lead_card WHERE deleted_at IS NOT NULL")
    for name in ("is_told", "deleted_at"):
        op.drop_column("lead_card", name, schema="douyin")
