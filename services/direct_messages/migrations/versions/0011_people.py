"""Agents, and hand-offs of conversations to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_SCHEMA = "direct_messages"


def upgrade() -> None:
    """Apply."""
    misses = sa.Column("misses", sa.Integer(), server_default="0", nullable=False)
    op.add_column("conversation", misses, schema=_SCHEMA)
    _agents()
    _hand_offs()


def _agents() -> None:
    op.create_table(
        "agent",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("accounts", ARRAY(sa.Text()), nullable=False),
        sa.Column("skills", ARRAY(sa.Text()), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("presence", sa.Text(), nullable=False),
        sa.Column("present_until", _TIME, nullable=False),
        sa.Column("last_offered_at", _TIME, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.CheckConstraint(
            "presence IN ('online', 'away', 'offline')", name=op.f("ck_agent_presence")
        ),
        sa.CheckConstraint("role IN ('agent', 'supervisor', 'owner')", name=op.f("ck_agent_role")),
        sa.CheckConstraint("capacity > 0", name=op.f("ck_agent_capacity")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_agent")),
        schema=_SCHEMA,
    )
    op.create_index(
        "uq_agent_key",
        "agent",
        ["organization_id", "key_id"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("key_id IS NOT NULL"),
    )


def _hand_offs() -> None:
    op.create_table(
        "hand_off",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("fan_open_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("skill", sa.Text(), nullable=True),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("passed_over", ARRAY(sa.Text()), nullable=False),
        sa.Column("queued_at", _TIME, nullable=False),
        sa.Column("accepted_at", _TIME, nullable=True),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("noticed_at", _TIME, nullable=True),
        sa.Column("due_at", _TIME, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "stage IN ('queued', 'offered', 'accepted', 'wrap_up', 'ended')",
            name=op.f("ck_hand_off_stage"),
        ),
        sa.CheckConstraint(
            "(stage = 'ended') = (ended_at IS NOT NULL)", name=op.f("ck_hand_off_ended")
        ),
        sa.CheckConstraint(
            "stage <> 'offered' OR agent_id IS NOT NULL", name=op.f("ck_hand_off_offered")
        ),
        sa.PrimaryKeyConstraint("organization_id", "account_id", "id", name=op.f("pk_hand_off")),
        schema=_SCHEMA,
    )
    tenant = ("organization_id", "account_id")
    _index("uq_hand_off_open", [*tenant, "conversation_id"], "stage <> 'ended'", unique=True)
    _index("ix_hand_off_stage", ["organization_id", "stage", "queued_at", "id"], "stage <> 'ended'")
    _index(
        "ix_hand_off_fan",
        [*tenant, "fan_open_id", "accepted_at"],
        "agent_id IS NOT NULL AND accepted_at IS NOT NULL",
    )
    _index("ix_hand_off_due_at", ["due_at"], "due_at IS NOT NULL")


def _index(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(
        name,
        "hand_off",
        columns,
        unique=unique,
        schema=_SCHEMA,
        postgresql_where=sa.text(where),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("hand_off", schema=_SCHEMA)
    op.drop_table("agent", schema=_SCHEMA)
    op.drop_column("conversation", "misses", schema=_SCHEMA)
