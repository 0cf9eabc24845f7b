"""Tables of the fan service."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.db import spine_metadata

metadata = spine_metadata("fans")

_TIME = sa.DateTime(timezone=True)

account = sa.Table(
    "account",  # heard from open_platform: which accounts an organization has
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("policy_version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("lead_dedupe_days", sa.Integer, nullable=False, server_default="90"),
)

fan = sa.Table(
    "fan",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("open_id", sa.Text, nullable=False),
    sa.Column("nickname", sa.Text),
    sa.Column("follows", sa.Boolean),  # null: nobody has looked yet
    sa.Column("followed_at", _TIME),
    sa.Column("observed_at", _TIME),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
    sa.Column("version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("first_seen_at", _TIME, nullable=False),
    sa.Column("last_seen_at", _TIME, nullable=False),
    sa.Column("tier", sa.Text),  # null: nobody has said
    sa.Column("tier_rule_version", sa.Text),
    sa.Column("tiered_at", _TIME),
    sa.UniqueConstraint("organization_id", "account_id", "open_id"),
    sa.Index("ix_fan_organization_id_id", "organization_id", "id"),
    sa.CheckConstraint("epoch >= 0 AND version >= 0", name="counters"),
    sa.CheckConstraint("(follows IS NULL) = (observed_at IS NULL)", name="observed"),
)

lead = sa.Table(
    "lead",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, nullable=False),  # where it was captured first
    sa.Column("open_id", sa.Text, nullable=False),
    sa.Column("phone_key", sa.LargeBinary),  # tells equal numbers; null: none, or a masked one
    sa.Column("contact", sa.Text, nullable=False),  # sealed
    sa.Column("masked_phone", sa.Text),
    sa.Column("city", sa.Text),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("reached", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("assignee", sa.Text),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("consent_version", sa.Integer),
    sa.Column("touches", sa.Integer, nullable=False),
    sa.Column("reopens", sa.Text),
    sa.Column("captured_at", _TIME, nullable=False),
    sa.Column("touched_at", _TIME, nullable=False),
    sa.Column("moved_at", _TIME, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("attribution", JSONB),  # of the contact that began it; null: nobody told
    sa.Column("ad_id", sa.Text),  # of the attribution, as is the next: to find leads by
    sa.Column("promotion_id", sa.Text),
    sa.Index(
        "ix_lead_ad_id",
        *("organization_id", "ad_id", "id"),
        postgresql_where=sa.text("ad_id IS NOT NULL"),
    ),
    sa.Index(
        "ix_lead_promotion_id",
        *("organization_id", "promotion_id", "id"),
        postgresql_where=sa.text("promotion_id IS NOT NULL"),
    ),
    sa.Index("ix_lead_phone_key", "organization_id", "phone_key", "captured_at"),
    sa.Index("ix_lead_open_id", "organization_id", "account_id", "open_id", "captured_at"),
    sa.Index(
        "ix_lead_assigned",
        "moved_at",
        postgresql_where=sa.text("stage = 'assigned' AND assignee IS NOT NULL"),
    ),
    sa.CheckConstraint("touches > 0 AND version > 0", name="counters"),
)

lead_event = sa.Table(
    "lead_event",  # append-only
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("lead_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("at", _TIME, nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("assignee", sa.Text),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("open_id", sa.Text, nullable=False),
    sa.Column("source", sa.Text),
    sa.Column("message_id", sa.Text),
    sa.Column("consent_version", sa.Integer),
    sa.Column("attribution", JSONB),
)
