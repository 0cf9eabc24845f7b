"""Where organizations want to be told what happens."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NOW = sa.text("now()")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "webhook_endpoint",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("event_types", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("previous_secret", sa.Text(), nullable=True),
        sa.Column("previous_secret_until", _TIME, nullable=True),
        sa.Column("failing_since", _TIME, nullable=True),
        sa.Column("troubled_at", _TIME, nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["open_platform.organization.organization_id"],
            name=op.f("fk_webhook_endpoint_organization_id"),
        ),
        sa.CheckConstraint(
            "state IN ('enabled', 'disabled', 'deleted')", name=op.f("ck_webhook_endpoint_state")
        ),
        sa.CheckConstraint(
            "(state = 'disabled') = (disabled_reason IS NOT NULL)",
            name=op.f("ck_webhook_endpoint_reason"),
        ),
        sa.CheckConstraint(
            "(previous_secret IS NULL) = (previous_secret_until IS NULL)",
            name=op.f("ck_webhook_endpoint_previous_secret"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook_endpoint")),
        schema="open_platform",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("webhook_endpoint", schema="open_platform")
