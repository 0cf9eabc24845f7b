"""Tables of what came in, of attempts to send, and of what messages are made of."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.douyin.store.tables.schema import NOW, TIME, metadata

inbound = sa.Table(
    "inbound",  # every event that came with a valid signature, as it came
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),  # '' when no account is bound to it
    sa.Column("client_key", sa.Text, primary_key=True),
    sa.Column("event", sa.Text, primary_key=True),
    sa.Column("dedupe_key", sa.Text, primary_key=True),  # message id, else hash of the body
    sa.Column("id", sa.Text, nullable=False),  # the cause of all that follows
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("msg_id_header", sa.Text),  # outside the signature: kept, never trusted
    sa.Column("reading", JSONB),  # our event, sealed as it would travel, when nobody hears it yet
    sa.Column("body", sa.LargeBinary),  # sealed; NULL when its time is over
    sa.Column("received_at", TIME, nullable=False),  # business time
    sa.CheckConstraint("state IN ('handled', 'stored', 'ignored', 'quarantined')", name="state"),
    sa.Index("ix_inbound_id", "organization_id", "account_id", "id"),
    sa.Index("ix_inbound_quarantined", "id", postgresql_where=sa.text("state = 'quarantined'")),
    sa.Index("ix_inbound_body_kept", "received_at", postgresql_where=sa.text("body IS NOT NULL")),
)

image = sa.Table(
    "image",  # uploaded once an app; the platform's ids are good for that app only
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("client_key", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("image_id", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("created_at", TIME, nullable=False, server_default=NOW),
)

lead_card = sa.Table(
    "lead_card",  # our copy of what the platform keeps for an account
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("card_id", sa.Text, nullable=False),  # the platform's
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("image_id", sa.Text, nullable=False),
    sa.Column("components", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("status", sa.Integer),  # the platform's word for the review
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("updated_at", TIME, nullable=False, server_default=NOW),  # PostgreSQL's clock
    sa.Column("deleted_at", TIME),  # kept, so that its version goes on
    sa.Column("is_told", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("organization_id", "account_id", "card_id", name="uq_lead_card_card_id"),
)

recall = sa.Table(
    "recall",  # a message to be taken back; asked again until the platform says yes or no
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("message_id", sa.Text, primary_key=True),  # the platform's
    sa.Column("conversation_id", sa.Text, nullable=False),
    sa.Column("open_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="asked"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_try_at", TIME, nullable=False, server_default=NOW),  # PostgreSQL's clock
    sa.Column("reason", sa.Text),
    sa.Column("code", sa.Integer),
    sa.Column("log_id", sa.Text),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("trace", sa.Text, nullable=False),
    sa.Column("asked_at", TIME, nullable=False, server_default=NOW),
    sa.CheckConstraint("state IN ('asked', 'recalled', 'refused')", name="state"),
    sa.Index("ix_recall_next_try_at", "next_try_at", postgresql_where=sa.text("state = 'asked'")),
)

attempt = sa.Table(
    "attempt",  # one item of an operation: a message that leaves once, or not at all
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("operation_id", sa.Text, primary_key=True),
    sa.Column("item", sa.Integer, primary_key=True),
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("reservation_id", sa.Text, nullable=False),
    sa.Column("conversation_id", sa.Text, nullable=False),
    sa.Column("open_id", sa.Text, nullable=False),
    sa.Column("scene", sa.Text, nullable=False),
    sa.Column("reply_to", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, server_default="text"),
    sa.Column("content", sa.Text, nullable=False),  # sealed: the text, or the kind's fields as JSON
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("content_freed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("window_opened_at", TIME, nullable=False),
    sa.Column("expires_at", TIME, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("trace", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="queued"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_try_at", TIME, nullable=False, server_default=NOW),  # PostgreSQL's clock
    sa.Column("lease_until", TIME),  # PostgreSQL's clock
    sa.Column("written_at", TIME),  # business time, at or before the first byte
    sa.Column("claim", sa.BigInteger),  # the number of the claim that it was sent under last
    sa.Column("msg_id", sa.Text),
    sa.Column("echo_id", sa.Text),
    sa.Column("echo_at", TIME),  # business time of an echo that was bound by its content
    sa.Column("code", sa.Integer),
    sa.Column("log_id", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("closes_window", sa.Text),
    sa.Column("seq", sa.Integer, nullable=False, server_default="0"),  # of its settlements
    sa.Column("created_at", TIME, nullable=False, server_default=NOW),
    sa.Column("settled_at", TIME),  # business time
    sa.CheckConstraint(
        "state IN ('queued', 'sending', 'sent', 'failed', 'unknown', 'presumed_not_sent')",
        name="state",
    ),
    sa.CheckConstraint("state <> 'sending' OR lease_until IS NOT NULL", name="lease"),
    # order within a conversation, and at most one byte stream in doubt
    sa.Index(
        "one_sending",
        "organization_id",
        "account_id",
        "conversation_id",
        unique=True,
        postgresql_where=sa.text("state = 'sending'"),
    ),
    # an echo has one candidate, and the same text cannot go twice while in doubt
    sa.Index(
        "one_unresolved_content",
        "organization_id",
        "account_id",
        "conversation_id",
        "content_hash",
        unique=True,
        postgresql_where=sa.text("state IN ('sending', 'unknown') AND NOT content_freed"),
    ),
    sa.Index(
        "uq_attempt_msg_id",
        "organization_id",
        "account_id",
        "msg_id",
        unique=True,
        postgresql_where=sa.text("msg_id IS NOT NULL"),
    ),
    sa.Index(
        "uq_attempt_echo_id",
        "organization_id",
        "account_id",
        "echo_id",
        unique=True,
        postgresql_where=sa.text("echo_id IS NOT NULL"),
    ),
    sa.Index(
        "ix_attempt_queued",
        "organization_id",
        "account_id",
        "conversation_id",
        "position",
        postgresql_where=sa.text("state = 'queued'"),
    ),
    # for the sweeps only, which say the second condition, too: who asks for a conversation must not
    # be sent through all of them
    sa.Index(
        "ix_attempt_waiting",
        "position",
        postgresql_where=sa.text("state = 'queued' AND position > 0"),
    ),
    sa.Index(
        "ix_attempt_expires",
        "expires_at",
        postgresql_where=sa.text("state = 'queued' AND expires_at > '-infinity'"),
    ),
    sa.Index(
        "ix_attempt_unknown",
        "expires_at",
        postgresql_where=sa.text("state = 'unknown' AND expires_at > '-infinity'"),
    ),
    sa.Index(
        "ix_attempt_freed",
        "organization_id",
        "account_id",
        "conversation_id",
        "content_hash",
        postgresql_where=sa.text("state = 'unknown' AND content_freed"),
    ),
    sa.Index(
        "ix_attempt_unechoed",
        "organization_id",
        "account_id",
        "conversation_id",
        "content_hash",
        postgresql_where=sa.text(
            "echo_id IS NULL AND state IN ('sending', 'sent', 'unknown', 'presumed_not_sent')"
        ),
    ),
)
