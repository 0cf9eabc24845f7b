"""What endpoints are told, and how each try ended."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NOW = sa.text("now()")
_SCHEMA = "open_platform"


def upgrade() -> None:
    """Apply."""
    _deliveries()
    _tries()


def _deliveries() -> None:
    op.create_table(
        "webhook_delivery",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tried", sa.Integer(), nullable=False),
        sa.Column("tried_before", sa.Integer(), nullable=False),
        sa.Column("next_try_at", _TIME, nullable=True),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            [f"{_SCHEMA}.webhook_endpoint.organization_id", f"{_SCHEMA}.webhook_endpoint.id"],
            name=op.f("fk_webhook_delivery_organization_id_endpoint_id"),
        ),
        *_checks(),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint(
            *("organization_id", "endpoint_id", "event_id"),
            name=op.f("uq_webhook_delivery_organization_id_endpoint_id_event_id"),
        ),
        schema=_SCHEMA,
    )
    owner = ["organization_id", "endpoint_id"]
    op.create_index(
        "ix_webhook_delivery_created_at", "webhook_delivery", ["created_at"], schema=_SCHEMA
    )
    op.create_index(
        "ix_webhook_delivery_endpoint", "webhook_delivery", [*owner, "id"], schema=_SCHEMA
    )
    op.create_index(
        "ix_webhook_delivery_pending",
        "webhook_delivery",
        [*owner, "next_try_at"],
        schema=_SCHEMA,
        postgresql_where=sa.text("state = 'pending'"),
    )


def _checks() -> tuple[sa.CheckConstraint, ...]:
    return tuple(
        sa.CheckConstraint(rule, name=op.f(f"ck_webhook_delivery_{name}"))
        for name, rule in {
            "state": "state IN ('pending', 'delivered', 'failed')",
            "next_try": "(state = 'pending') = (next_try_at IS NOT NULL)",
            "end": "(state = 'pending') = (ended_at IS NULL)",
            "reason": "(state = 'failed') = (reason IS NOT NULL)",
        }.items()
    )


def _tries() -> None:
    op.create_table(
        "webhook_try",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "delivery_id"],
            [f"{_SCHEMA}.webhook_delivery.organization_id", f"{_SCHEMA}.webhook_delivery.id"],
            name=op.f("fk_webhook_try_organization_id_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            *("organization_id", "delivery_id", "number"), name=op.f("pk_webhook_try")
        ),
        schema=_SCHEMA,
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("webhook_try", schema=_SCHEMA)
    op.drop_table("webhook_delivery", schema=_SCHEMA)
