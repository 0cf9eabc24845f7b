"""Consent texts of leads."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "lead_consent",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "account_id", "version", name=op.f("pk_lead_consent")
        ),
        schema="direct_messages",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("lead_consent", schema="direct_messages")
