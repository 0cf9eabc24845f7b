"""The promise to answer, notes, replies kept ready, live updates."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_SCHEMA = "direct_messages"


def upgrade() -> None:
    """Apply."""
    _response_clocks()
    _notes()
    _live_updates()


def _response_clocks() -> None:
    op.create_table(
        "response_clock",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("round_the_clock", sa.Boolean(), nullable=False),
        sa.Column("escalates", sa.Boolean(), nullable=False),
        sa.Column("warn_at", _TIME, nullable=True),
        sa.Column("breach_at", _TIME, nullable=True),
        sa.Column("owner_at", _TIME, nullable=True),
        sa.Column("close_at", _TIME, nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("due_at", _TIME, nullable=True),
        sa.Column("answered_at", _TIME, nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("elapsed_ms", sa.BigInteger(), nullable=True),
        sa.Column("is_met", sa.Boolean(), nullable=True),
        sa.Column("cancelled_at", _TIME, nullable=True),
        sa.CheckConstraint("measure IN ('any', 'human')", name=op.f("ck_response_clock_measure")),
        sa.CheckConstraint(
            "told IN ('nothing', 'warned', 'breached', 'escalated')",
            name=op.f("ck_response_clock_told"),
        ),
        sa.CheckConstraint(
            "answered_at IS NULL OR answered_at >= started_at",
            name=op.f("ck_response_clock_answered"),
        ),
        sa.PrimaryKeyConstraint(
            *("organization_id", "account_id", "id", "measure"), name=op.f("pk_response_clock")
        ),
        schema=_SCHEMA,
    )
    op.create_index(
        "uq_response_clock_running",
        "response_clock",
        ["organization_id", "account_id", "conversation_id", "measure"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("answered_at IS NULL AND cancelled_at IS NULL"),
    )
    op.create_index(
        "ix_response_clock_started_at",
        "response_clock",
        ["organization_id", "account_id", "started_at"],
        schema=_SCHEMA,
    )
    op.create_index(
        "ix_response_clock_due_at",
        "response_clock",
        ["due_at"],
        schema=_SCHEMA,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )


def _notes() -> None:
    op.create_table(
        "note",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("mentions", ARRAY(sa.Text()), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "account_id", "id", name=op.f("pk_note")),
        schema=_SCHEMA,
    )
    op.create_index(
        "ix_note_conversation",
        "note",
        ["organization_id", "account_id", "conversation_id", "created_at", "id"],
        schema=_SCHEMA,
    )
    op.create_table(
        "canned_reply",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("shortcut", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "account_id", "id", name=op.f("pk_canned_reply")
        ),
        sa.UniqueConstraint(
            *("organization_id", "account_id", "shortcut"), name="uq_canned_reply_shortcut"
        ),
        schema=_SCHEMA,
    )


def _live_updates() -> None:
    op.create_table(
        "live_update",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("tx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "tx", "number", name=op.f("pk_live_update")),
        schema=_SCHEMA,
    )
    op.create_index("ix_live_update_created_at", "live_update", ["created_at"], schema=_SCHEMA)


def downgrade() -> None:
    """Take back."""
    for table in ("live_update", "canned_reply", "note", "response_clock"):
        op.drop_table(table, schema=_SCHEMA)
