"""Business tokens of accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "business_token",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("granted", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("expires_at", _TIME, nullable=True),
        sa.Column("refresh_token", sa.Text(), nullable=True),
        sa.Column("refresh_expires_at", _TIME, nullable=True),
        sa.Column("refused_reason", sa.Text(), nullable=True),
        sa.Column("refused_code", sa.Integer(), nullable=True),
        sa.Column("refreshing_until", _TIME, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["douyin.binding.organization_id", "douyin.binding.account_id"],
            name="fk_business_token_binding",
        ),
        sa.PrimaryKeyConstraint("organization_id", "account_id", name=op.f("pk_business_token")),
        schema="douyin",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("business_token", schema="douyin")
