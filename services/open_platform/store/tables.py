"""The tables of the open platform."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.db import spine_metadata

metadata = spine_metadata("open_platform")

_TIME = sa.DateTime(timezone=True)

organization = sa.Table(
    "organization",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
)

account = sa.Table(
    "account",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("profile", sa.Text, nullable=False),
    sa.Column("settings", JSONB, nullable=False),
    sa.Column("row_version", sa.Integer, nullable=False),
    sa.Column("policy_version", sa.Integer, nullable=False),
    sa.Column("policy_resolved_at", _TIME, nullable=False),  # business time of the last publication
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False),
    sa.ForeignKeyConstraint(["organization_id"], [organization.c.organization_id]),
    sa.CheckConstraint("row_version > 0 AND policy_version > 0", name="versions"),
    sa.CheckConstraint("pg_column_size(settings) <= 16384", name="settings_small"),
)

authorisation = sa.Table(
    "authorisation",  # whether an account's owner lets it send, as the connector told it last
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("usable_until", _TIME),
    sa.Column("changed_at", _TIME, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.CheckConstraint("state IN ('authorised', 'needed')", name="state"),
    sa.CheckConstraint("(state = 'needed') = (reason IS NOT NULL)", name="reason"),
)

platform_policy = sa.Table(
    "platform_policy",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("effective_from", _TIME, primary_key=True),
    sa.Column("value", JSONB(none_as_null=False), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
)

policy_override = sa.Table(
    "policy_override",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),  # '' = all accounts of the organization
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", JSONB(none_as_null=False), nullable=False),
    sa.Column("changed_at", _TIME, nullable=False),
    sa.ForeignKeyConstraint(["organization_id"], [organization.c.organization_id]),
)

api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("last4", sa.Text, nullable=False),
    sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("created_at", _TIME, nullable=False, server_default=sa.text("now()")),
    sa.Column("expires_at", _TIME),
    sa.Column("revoked_at", _TIME),
    sa.Column("last_used_at", _TIME),
    sa.ForeignKeyConstraint(["organization_id"], [organization.c.organization_id]),
    sa.UniqueConstraint("digest"),
    sa.CheckConstraint("octet_length(digest) = 32", name="digest_is_sha256"),
)

webhook_endpoint = sa.Table(
    "webhook_endpoint",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("event_types", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("disabled_reason", sa.Text),
    sa.Column("secret", sa.Text, nullable=False),  # sealed
    sa.Column("previous_secret", sa.Text),  # sealed
    sa.Column("previous_secret_until", _TIME),
    sa.Column("failing_since", _TIME),  # the first failure since anything was taken
    sa.Column("troubled_at", _TIME),  # since then it is known that it fails
    sa.Column("row_version", sa.Integer, nullable=False),
    sa.Column("created_at", _TIME, nullable=False, server_default=sa.text("now()")),
    sa.Column("updated_at", _TIME, nullable=False, server_default=sa.text("now()")),
    sa.ForeignKeyConstraint(["organization_id"], [organization.c.organization_id]),
    sa.CheckConstraint("state IN ('enabled', 'disabled', 'deleted')", name="state"),
    sa.CheckConstraint("(state = 'disabled') = (disabled_reason IS NOT NULL)", name="reason"),
    sa.CheckConstraint(
        "(previous_secret IS NULL) = (previous_secret_until IS NULL)", name="previous_secret"
    ),
)

webhook_delivery = sa.Table(
    "webhook_delivery",  # one event on its way to one endpoint
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("endpoint_id", sa.Text, nullable=False),
    sa.Column("account_id", sa.Text),
    sa.Column("event_id", sa.Text, nullable=False),  # the receiver de-duplicates on it
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # what is signed and sent, byte by byte
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("tried", sa.Integer, nullable=False),
    sa.Column("tried_before", sa.Integer, nullable=False),  # of those, before it was sent again
    sa.Column("next_try_at", _TIME),
    sa.Column("created_at", _TIME, nullable=False, server_default=sa.text("now()")),
    sa.Column("ended_at", _TIME),
    sa.ForeignKeyConstraint(
        ["organization_id", "endpoint_id"],
        [webhook_endpoint.c.organization_id, webhook_endpoint.c.id],
    ),
    sa.UniqueConstraint("organization_id", "endpoint_id", "event_id"),
    sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
    sa.CheckConstraint("(state = 'pending') = (next_try_at IS NOT NULL)", name="next_try"),
    sa.CheckConstraint("(state = 'pending') = (ended_at IS NULL)", name="end"),
    sa.CheckConstraint("(state = 'failed') = (reason IS NOT NULL)", name="reason"),
    sa.Index("ix_webhook_delivery_endpoint", "organization_id", "endpoint_id", "id"),
    sa.Index(
        "ix_webhook_delivery_pending",
        *("organization_id", "endpoint_id", "next_try_at"),
        postgresql_where=sa.text("state = 'pending'"),
    ),
    sa.Index("ix_webhook_delivery_created_at", "created_at"),
)

webhook_try = sa.Table(
    "webhook_try",  # one request of a delivery, and how it ended
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", _TIME, nullable=False, server_default=sa.text("now()")),
    sa.Column("status", sa.Integer),
    sa.Column("trouble", sa.Text),
    sa.Column("ms", sa.Integer, nullable=False),
    sa.ForeignKeyConstraint(
        ["organization_id", "delivery_id"],
        [webhook_delivery.c.organization_id, webhook_delivery.c.id],
        ondelete="CASCADE",
    ),
)
