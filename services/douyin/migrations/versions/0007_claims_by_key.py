"""Indexes of the states that are soon left serve the sweeps alone, and what echoes look for is whole."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SWEPT = {
    "ix_attempt_waiting": ("position", "state = 'queued'", " AND position > 0"),
    "ix_attempt_expires": ("expires_at", "state = 'queued'", " AND expires_at > '-infinity'"),
    "ix_attempt_unknown": ("expires_at", "state = 'unknown'", " AND expires_at > '-infinity'"),
}
_UNECHOED = ["organization_id", "account_id", "conversation_id", "content_hash"]


def upgrade() -> None:
    """Apply."""
    op.drop_index("ix_attempt_lease", "attempt", schema="douyin")
    for name, (column, state, alone) in _SWEPT.items():
        _replace(name, [column], state + alone)
    _replace(
        "ix_attempt_unechoed",
        _UNECHOED,
        "echo_id IS NULL AND state IN ('sending', 'sent', 'unknown', 'presumed_not_sent')",
    )


def downgrade() -> None:
    """Take back."""
    _replace(
        "ix_attempt_unechoed",
        _UNECHOED,
        "echo_id IS NULL AND state IN ('sending', 'sent', 'unknown')",
    )
    for name, (column, state, _) in _SWEPT.items():
        _replace(name, [column], state)
    where = sa.text("state = 'sending'")
    op.create_index(
        "ix_attempt_lease", "attempt", ["lease_until"], schema="douyin", postgresql_where=where
    )


def _replace(name: str, columns: list[str], where: str) -> None:
    op.drop_index(name, "attempt", schema="douyin")
    op.create_index(name, "attempt", columns, schema="douyin", postgresql_where=sa.text(where))
