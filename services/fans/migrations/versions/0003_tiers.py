"""The tier of a fan, and by what it was reckoned."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("fan", sa.Column("tier", sa.Text()), schema="fans")
    op.add_column("fan", sa.Column("tier_rule_version", sa.Text()), schema="fans")
    op.add_column("fan", sa.Column("tiered_at", sa.DateTime(timezone=True)), schema="fans")


def downgrade() -> None:
    """Take back."""
    for name in ("tiered_at", "tier_rule_version", "tier"):
        op.drop_column("fan", name, schema="fans")
