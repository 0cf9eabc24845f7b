"""initial."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "app",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("secrets", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("max_event_age_hours", sa.Integer(), nullable=True),
        sa.Column("client_token", sa.Text(), nullable=True),
        sa.Column("client_token_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refreshing_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("cardinality(secrets) BETWEEN 1 AND 2", name=op.f("ck_app_secrets")),
        sa.PrimaryKeyConstraint("organization_id", "client_key", name=op.f("pk_app")),
        sa.UniqueConstraint("client_key", name="uq_app_client_key"),
        schema="douyin",
    )
    op.create_table(
        "attempt",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("operation_id", sa.Text(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("reservation_id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("open_id", sa.Text(), nullable=False),
        sa.Column("scene", sa.Text(), nullable=False),
        sa.Column("reply_to", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("content_freed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("window_opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("trace", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "next_try_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("msg_id", sa.Text(), nullable=True),
        sa.Column("echo_id", sa.Text(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("log_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("closes_window", sa.Text(), nullable=True),
        sa.Column("seq", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state <> 'sending' OR lease_until IS NOT NULL", name=op.f("ck_attempt_lease")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'failed', 'unknown', 'presumed_not_sent')",
            name=op.f("ck_attempt_state"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "account_id", "operation_id", "item", name=op.f("pk_attempt")
        ),
        schema="douyin",
    )
    op.create_index(
        "ix_attempt_lease",
        "attempt",
        ["lease_until"],
        unique=False,
        schema="douyin",
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_index(
        "ix_attempt_queued",
        "attempt",
        ["organization_id", "account_id", "conversation_id", "position"],
        unique=False,
        schema="douyin",
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_attempt_unechoed",
        "attempt",
        ["organization_id", "account_id", "conversation_id", "content_hash"],
        unique=False,
        schema="douyin",
        postgresql_where=sa.text("echo_id IS NULL AND state IN ('sending', 'sent', 'unknown')"),
    )
    op.create_index(
        "ix_attempt_unknown",
        "attempt",
        ["expires_at"],
        unique=False,
        schema="douyin",
        postgresql_where=sa.text("state = 'unknown'"),
    )
    op.create_index(
        "ix_attempt_expires",
        "attempt",
        ["expires_at"],
        unique=False,
        schema="douyin",
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_attempt_waiting",
        "attempt",
        ["position"],
        unique=False,
        schema="douyin",
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "one_sending",
        "attempt",
        ["organization_id", "account_id", "conversation_id"],
        unique=True,
        schema="douyin",
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_index(
        "one_unresolved_content",
        "attempt",
        ["organization_id", "account_id", "conversation_id", "content_hash"],
        unique=True,
        schema="douyin",
        postgresql_where=sa.text("state IN ('sending', 'unknown') AND NOT content_freed"),
    )
    op.create_index(
        "uq_attempt_echo_id",
        "attempt",
        ["organization_id", "account_id", "echo_id"],
        unique=True,
        schema="douyin",
        postgresql_where=sa.text("echo_id IS NOT NULL"),
    )
    op.create_index(
        "uq_attempt_msg_id",
        "attempt",
        ["organization_id", "account_id", "msg_id"],
        unique=True,
        schema="douyin",
        postgresql_where=sa.text("msg_id IS NOT NULL"),
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
        schema="douyin",
    )
    op.create_index(
        "ix_idempotency_key_expires_at",
        "idempotency_key",
        ["expires_at"],
        unique=False,
        schema="douyin",
    )
    op.create_table(
        "inbound",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("msg_id_header", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('handled', 'ignored', 'quarantined')", name=op.f("ck_inbound_state")
        ),
        sa.PrimaryKeyConstraint(
            "organization_id",
            "account_id",
            "client_key",
            "event",
            "dedupe_key",
            name=op.f("pk_inbound"),
        ),
        schema="douyin",
    )
    op.create_index(
        "ix_inbound_id",
        "inbound",
        ["organization_id", "account_id", "id"],
        unique=False,
        schema="douyin",
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
        schema="douyin",
    )
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"], unique=False, schema="douyin")
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
        schema="douyin",
    )
    op.create_index("ix_outbox_send_after", "outbox", ["send_after"], unique=False, schema="douyin")
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
        schema="douyin",
    )
    op.create_table(
        "binding",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("open_id", sa.Text(), nullable=False),
        sa.Column("access_token", sa.Text(), nullable=True),
        sa.Column("access_token_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_token", sa.Text(), nullable=True),
        sa.Column("refresh_token_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("refused_version", sa.Integer(), nullable=True),
        sa.Column("refreshing_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("echoes_by_id", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "client_key"],
            ["douyin.app.organization_id", "douyin.app.client_key"],
            name="fk_binding_app",
        ),
        sa.PrimaryKeyConstraint("organization_id", "account_id", name=op.f("pk_binding")),
        sa.UniqueConstraint("client_key", "open_id", name="uq_binding_client_key_open_id"),
        schema="douyin",
    )
    # rows change two or three times within seconds
    op.execute(
        "ALTER TABLE douyin.attempt SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)"
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("binding", schema="douyin")
    op.drop_table("quarantine", schema="douyin")
    op.drop_index("ix_outbox_send_after", table_name="outbox", schema="douyin")
    op.drop_table("outbox", schema="douyin")
    op.drop_index("ix_inbox_received_at", table_name="inbox", schema="douyin")
    op.drop_table("inbox", schema="douyin")
    op.drop_index("ix_inbound_id", table_name="inbound", schema="douyin")
    op.drop_table("inbound", schema="douyin")
    op.drop_index("ix_idempotency_key_expires_at", table_name="idempotency_key", schema="douyin")
    op.drop_table("idempotency_key", schema="douyin")
    op.drop_index(
        "uq_attempt_msg_id",
        table_name="attempt",
        schema="douyin",
        postgresql_where=sa.text("msg_id IS NOT NULL"),
    )
    op.drop_index(
        "uq_attempt_echo_id",
        table_name="attempt",
        schema="douyin",
        postgresql_where=sa.text("echo_id IS NOT NULL"),
    )
    op.drop_index(
        "one_unresolved_content",
        table_name="attempt",
        schema="douyin",
        postgresql_where=sa.text("state IN ('sending', 'unknown') AND NOT content_freed"),
    )
    op.drop_index(
        "one_sending",
        table_name="attempt",
        schema="douyin",
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.drop_index(
        "ix_attempt_expires",
        table_name="attempt",
        schema="douyin",
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.drop_index(
        "ix_attempt_waiting",
        table_name="attempt",
        schema="douyin",
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.drop_index(
        "ix_attempt_unknown",
        table_name="attempt",
        schema="douyin",
        postgresql_where=sa.text("state = 'unknown'"),
    )
    op.drop_index(
        "ix_attempt_unechoed",
        table_name="attempt",
        schema="douyin",
        postgresql_where=sa.text("echo_id IS NULL AND state IN ('sending', 'sent', 'unknown')"),
    )
    op.drop_index(
        "ix_attempt_queued",
        table_name="attempt",
        schema="douyin",
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.drop_index(
        "ix_attempt_lease",
        table_name="attempt",
        schema="douyin",
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.drop_table("attempt", schema="douyin")
    op.drop_table("app", schema="douyin")
