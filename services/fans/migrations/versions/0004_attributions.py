"""By what the fan came who left a contact."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FOUND_BY = ("ad_id", "promotion_id")


def upgrade() -> None:
    """Apply."""
    for table in ("lead", "lead_event"):
        op.add_column(table, sa.Column("attribution", JSONB()), schema="fans")
    for name in _FOUND_BY:
        op.add_column("lead", sa.Column(name, sa.Text()), schema="fans")
        op.create_index(
            f"ix_lead_{name}",
            "lead",
            ["organization_id", name, "id"],
            schema="fans",
            postgresql_where=sa.text(f"{name} IS NOT NULL"),
            if_not_exists=True,
        )


def downgrade() -> None:
    """Take back."""
    for name in _FOUND_BY:
        op.drop_index(f"ix_lead_{name}", table_name="lead", schema="fans")
        op.drop_column("lead", name, schema="fans")
    for table in ("lead_event", "lead"):
        op.drop_column(table, "attribution", schema="fans")
