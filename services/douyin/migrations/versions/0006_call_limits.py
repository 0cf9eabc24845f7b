"""Calls of apps: a limit a second, and what of a day is taken."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_CHECK = op.f("ck_app_calls_per_second")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "call_day",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("calls", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("taken", sa.Integer(), server_default="0", nullable=False),
        sa.Column("closed_at", _TIME, nullable=True),
        sa.CheckConstraint("taken >= 0", name=op.f("ck_call_day_taken")),
        sa.PrimaryKeyConstraint(
            "organization_id", "client_key", "calls", "day", name=op.f("pk_call_day")
        ),
        schema="douyin",
    )
    op.create_table(
        "call_pace",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("free_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "client_key", name=op.f("pk_call_pace")),
        schema="douyin",
    )
    per_second = sa.Column("calls_per_second", sa.Integer(), nullable=True)
    op.add_column("app", per_second, schema="douyin")
    op.create_check_constraint(_CHECK, "app", "calls_per_second > 0", schema="douyin")


def downgrade() -> None:
    """Take back."""
    op.drop_constraint(_CHECK, "app", schema="douyin", type_="check")
    op.drop_column("app", "calls_per_second", schema="douyin")
    op.drop_table("call_pace", schema="douyin")
    op.drop_table("call_day", schema="douyin")
