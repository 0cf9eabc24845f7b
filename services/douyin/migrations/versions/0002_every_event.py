"""Keep what nobody hears yet with its reading; attempts of every kind."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATES = "state IN ('handled', 'stored', 'ignored', 'quarantined')"
_STATES_BEFORE = "state IN ('handled', 'ignored', 'quarantined')"
_STATE = op.f("ck_inbound_state")


def upgrade() -> None:
    """Apply."""
    reading = sa.Column("reading", postgresql.JSONB(), nullable=True)
    op.add_column("inbound", reading, schema="douyin")
    op.drop_constraint(_STATE, "inbound", schema="douyin", type_="check")
    op.create_check_constraint(_STATE, "inbound", _STATES, schema="douyin")
    kind = sa.Column("kind", sa.Text(), server_default="text", nullable=False)
    op.add_column("attempt", kind, schema="douyin")


def downgrade() -> None:
    """Take back."""
    op.drop_column("attempt", "kind", schema="douyin")
    op.execute("UPDATE douyin.inbound SET state = 'ignored' WHERE state = 'stored'")
    op.drop_constraint(_STATE, "inbound", schema="douyin", type_="check")
    op.create_check_constraint(_STATE, "inbound", _STATES_BEFORE, schema="douyin")
    op.drop_column("inbound", "reading", schema="douyin")
