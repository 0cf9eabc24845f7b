"""A send that is settled changes no index of its message, which stays on its page."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TABLE, _SCHEMA = "message", "direct_messages"


def upgrade() -> None:
    """Apply."""
    op.add_column(_TABLE, sa.Column("sent_id", sa.Text()), schema=_SCHEMA)
    # room on the page for the settled version of every reply
    op.execute("ALTER TABLE direct_messages.message SET (fillfactor = 60)")


def downgrade() -> None:
    """Take back."""
    op.execute(
        "UPDATE direct_messages.message SET platform_message_id = sent_id WHERE sent_id IS NOT NULL"
    )
    op.execute("ALTER TABLE direct_messages.message RESET (fillfactor)")
    op.drop_column(_TABLE, "sent_id", schema=_SCHEMA)
