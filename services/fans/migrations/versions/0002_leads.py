"""Leads, and how long the contacts of one person are one lead."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def upgrade() -> None:
    """Apply."""
    for name, default in (("policy_version", "0"), ("lead_dedupe_days", "90")):
        column = sa.Column(name, sa.Integer(), server_default=default, nullable=False)
        op.add_column("account", column, schema="fans")
    op.create_table(
        "lead",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("open_id", sa.Text(), nullable=False),
        sa.Column("phone_key", sa.LargeBinary(), nullable=True),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("masked_phone", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("reached", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("consent_version", sa.Integer(), nullable=True),
        sa.Column("touches", sa.Integer(), nullable=False),
        sa.Column("reopens", sa.Text(), nullable=True),
        _time("captured_at"),
        _time("touched_at"),
        _time("moved_at"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("touches > 0 AND version > 0", name=op.f("ck_lead_counters")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_lead")),
        schema="fans",
    )
    for name, columns in (
        ("ix_lead_phone_key", ["organization_id", "phone_key", "captured_at"]),
        ("ix_lead_open_id", ["organization_id", "account_id", "open_id", "captured_at"]),
    ):
        op.create_index(name, "lead", columns, unique=False, schema="fans")
    op.create_index(
        "ix_lead_assigned",
        "lead",
        ["moved_at"],
        unique=False,
        schema="fans",
        postgresql_where=sa.text("stage = 'assigned' AND assignee IS NOT NULL"),
    )
    op.create_table(
        "lead_event",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        _time("at"),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("open_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("consent_version", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "lead_id", "id", name=op.f("pk_lead_event")),
        schema="fans",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("lead_event", schema="fans")
    op.drop_table("lead", schema="fans")
    for name in ("lead_dedupe_days", "policy_version"):
        op.drop_column("account", name, schema="fans")
