"""Tables that every service has in its own schema: outbox, inbox, quarantine, idempotency keys."""

import sqlalchemy as sa

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
RESEND_AFTER = "15 seconds"  # reliability: what Redis lost costs at most this
_TIME = sa.DateTime(timezone=True)
_NOW = sa.text("now()")


def spine_metadata(schema: str) -> sa.MetaData:
    """Metadata of one service's schema, already holding the spine's tables."""
    metadata = sa.MetaData(schema=schema, naming_convention=_NAMES)
    _carrying(metadata)
    _answering(metadata)
    return metadata


def _carrying(metadata: sa.MetaData) -> None:
    sa.Table(
        "outbox",  # a row an event and hearer; the acknowledgement deletes it
        metadata,
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("hearer", sa.Text, primary_key=True),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column(
            "send_after",
            _TIME,
            nullable=False,
            server_default=sa.text(f"now() + interval '{RESEND_AFTER}'"),
        ),
        sa.Column("sends", sa.Integer, nullable=False, server_default="1"),
        sa.Index("ix_outbox_send_after", "send_after"),
    )
    sa.Table(
        "inbox",  # ids of envelopes whose effect is committed
        metadata,
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("received_at", _TIME, nullable=False, server_default=_NOW),
        sa.Index("ix_inbox_received_at", "received_at"),
    )
    sa.Table(
        "quarantine",  # envelopes that were tried alone, and those given up on
        metadata,
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("quarantined_at", _TIME),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("updated_at", _TIME, nullable=False, server_default=_NOW),
    )


def _answering(metadata: sa.MetaData) -> None:
    sa.Table(
        "idempotency_key",
        metadata,
        sa.Column("organization_id", sa.Text, primary_key=True),
        sa.Column("scope", sa.Text, primary_key=True),  # method and route
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Index("ix_idempotency_key_expires_at", "expires_at"),
    )
