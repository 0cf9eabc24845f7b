"""Which lead cards are an account's."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "card",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("is_there", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "account_id", "card_id", name=op.f("pk_card")),
        schema="direct_messages",
    )
    op.create_index(
        "ix_card_card_id", "card", ["organization_id", "card_id"], schema="direct_messages"
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("card", schema="direct_messages")
