"""Whether owners let their accounts send."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "authorisation",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("usable_until", _TIME, nullable=True),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('authorised', 'needed')", name=op.f("ck_authorisation_state")
        ),
        sa.CheckConstraint(
            "(state = 'needed') = (reason IS NOT NULL)", name=op.f("ck_authorisation_reason")
        ),
        sa.PrimaryKeyConstraint("organization_id", "account_id", name=op.f("pk_authorisation")),
        schema="open_platform",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("authorisation", schema="open_platform")
