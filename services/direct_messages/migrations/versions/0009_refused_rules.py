"""What the platform refused of rules is counted, so that a rule that cannot work is put aside."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "rule_failure",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("first_message_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "account_id", "rule_id", name=op.f("pk_rule_failure")
        ),
        schema="direct_messages",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("rule_failure", schema="direct_messages")
