"""How close a fan is and how one came, for the conditions of rules."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_SCHEMA = "direct_messages"
_OF_FOLLOWS = ("follows", "observed_at", "epoch")


def upgrade() -> None:
    """Apply."""
    op.add_column("conversation", sa.Column("source", sa.Text()), schema=_SCHEMA)
    op.add_column("fan_fact", sa.Column("tier", sa.Text()), schema=_SCHEMA)
    version = sa.Column("tier_version", sa.Integer(), server_default="0", nullable=False)
    op.add_column("fan_fact", version, schema=_SCHEMA)
    for name in _OF_FOLLOWS:  # a tier may be told before anybody looked whether the fan follows
        op.alter_column("fan_fact", name, nullable=True, schema=_SCHEMA)


def downgrade() -> None:
    """Take back."""
    op.execute(f"DELETE FROM {_SCHEMA}.fan_fact WHERE observed_at IS NULL")  # noqa: S608  a constant
    for name in _OF_FOLLOWS:
        op.alter_column("fan_fact", name, nullable=False, schema=_SCHEMA)
    op.drop_column("fan_fact", "tier_version", schema=_SCHEMA)
    op.drop_column("fan_fact", "tier", schema=_SCHEMA)
    op.drop_column("conversation", "source", schema=_SCHEMA)
