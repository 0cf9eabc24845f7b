"""Tables of what we looked up by ourselves."""

import sqlalchemy as sa

from services.douyin.store.tables.schema import NOW, TIME, metadata

subscription = sa.Table(
    "subscription",  # of an app to webhooks, as the last look found it
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("client_key", sa.Text, primary_key=True),
    sa.Column("events_off", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("is_silent", sa.Boolean, nullable=False),
    sa.Column("last_event_at", TIME),
    sa.Column("error", sa.Text),
    sa.Column("checked_at", TIME, nullable=False),  # business time
)

follow_check = sa.Table(
    "follow_check",  # the platform's last answer about a fan
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("open_id", sa.Text, primary_key=True),
    sa.Column("follows", sa.Boolean, nullable=False),
    sa.Column("followed_at", TIME),
    sa.Column("checked_at", TIME, nullable=False),  # business time
    sa.Column("asked_at", TIME, nullable=False, server_default=NOW),  # PostgreSQL's clock
    sa.Index("ix_follow_check_asked_at", "organization_id", "account_id", "asked_at"),
)

owner = sa.Table(
    "owner",  # of an account's owner, as the platform told it last
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("client_key", sa.Text, nullable=False),  # whose ids it names
    sa.Column("open_id", sa.Text, nullable=False),
    sa.Column("union_id", sa.Text),
    sa.Column("nickname", sa.Text),
    sa.Column("avatar", sa.Text),
    sa.Column("phone", sa.Text),  # sealed
    sa.Column("phone_state", sa.Text, nullable=False),
    sa.Column("read_at", TIME, nullable=False),  # business time
    sa.CheckConstraint("phone_state IN ('known', 'not_granted', 'unreadable')", name="phone_state"),
    sa.CheckConstraint("(phone IS NULL) = (phone_state <> 'known')", name="phone"),
)

repair = sa.Table(
    "repair",  # how far an account's interaction log was read, and when it is read again
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("read_until", TIME),  # business time
    sa.Column("next_at", TIME, nullable=False, server_default=NOW),  # PostgreSQL's clock
    sa.Index("ix_repair_next_at", "next_at"),
)
