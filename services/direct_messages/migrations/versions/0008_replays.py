"""Rules can be tried on what fans did before."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "rule_replay",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rule_set", sa.Integer(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=True),
        sa.Column("since", time, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("containing", sa.Text(), nullable=False),
        sa.Column("last", sa.Text(), nullable=False),
        sa.Column("reached", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("updated_at", time, nullable=False),
        sa.CheckConstraint("state IN ('running', 'done')", name=op.f("ck_rule_replay_state")),
        sa.PrimaryKeyConstraint("organization_id", "account_id", "id", name=op.f("pk_rule_replay")),
        schema="direct_messages",
    )
    op.create_index(
        "ix_rule_replay_created_at",
        "rule_replay",
        ["created_at"],
        unique=False,
        schema="direct_messages",
        postgresql_where=sa.text("state = 'running'"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("rule_replay", schema="direct_messages")
