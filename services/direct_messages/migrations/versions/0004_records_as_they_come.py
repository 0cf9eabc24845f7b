"""Records of decisions are kept as they come; conversations change in place."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _become("json")
    # room on the page for the next version: an update then touches no index
    op.execute("ALTER TABLE direct_messages.conversation SET (fillfactor = 70)")


def downgrade() -> None:
    """Take back."""
    _become("jsonb")
    op.execute("ALTER TABLE direct_messages.conversation RESET (fillfactor)")


def _become(kind: str) -> None:
    for column in ("quota", "record"):
        op.alter_column(
            "decision",
            column,
            type_=sa.JSON() if kind == "json" else JSONB(),
            postgresql_using=f"{column}::text::{kind}",
            schema="direct_messages",
        )
