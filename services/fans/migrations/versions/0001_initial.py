"""Initial tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "account",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "account_id", name=op.f("pk_account")),
        schema="fans",
    )
    op.create_table(
        "fan",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("open_id", sa.Text(), nullable=False),
        sa.Column("nickname", sa.Text(), nullable=True),
        sa.Column("follows", sa.Boolean(), nullable=True),
        sa.Column("followed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(follows IS NULL) = (observed_at IS NULL)", name=op.f("ck_fan_observed")
        ),
        sa.CheckConstraint("epoch >= 0 AND version >= 0", name=op.f("ck_fan_counters")),
        sa.PrimaryKeyConstraint("organization_id", "account_id", "id", name=op.f("pk_fan")),
        sa.UniqueConstraint(
            "organization_id",
            "account_id",
            "open_id",
            name=op.f("uq_fan_organization_id_account_id_open_id"),
        ),
        schema="fans",
    )
    op.create_index(
        "ix_fan_organization_id_id", "fan", ["organization_id", "id"], unique=False, schema="fans"
    )
    op.create_table(
        "idempotency_key",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "scope", "key", name=op.f("pk_idempotency_key")),
        schema="fans",
    )
    op.create_index(
        "ix_idempotency_key_expires_at",
        "idempotency_key",
        ["expires_at"],
        unique=False,
        schema="fans",
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        schema="fans",
    )
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"], unique=False, schema="fans")
    op.create_table(
        "outbox",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("hearer", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "send_after",
            sa.DateTime(timezone=True),
            server_default=sa.text("now() + interval '15 seconds'"),
            nullable=False,
        ),
        sa.Column("sends", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", "hearer", name=op.f("pk_outbox")),
        schema="fans",
    )
    op.create_index("ix_outbox_send_after", "outbox", ["send_after"], unique=False, schema="fans")
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        schema="fans",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("quarantine", schema="fans")
    op.drop_index("ix_outbox_send_after", table_name="outbox", schema="fans")
    op.drop_table("outbox", schema="fans")
    op.drop_index("ix_inbox_received_at", table_name="inbox", schema="fans")
    op.drop_table("inbox", schema="fans")
    op.drop_index("ix_idempotency_key_expires_at", table_name="idempotency_key", schema="fans")
    op.drop_table("idempotency_key", schema="fans")
    op.drop_index("ix_fan_organization_id_id", table_name="fan", schema="fans")
    op.drop_table("fan", schema="fans")
    op.drop_table("account", schema="fans")
