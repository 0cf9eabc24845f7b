"""Tables of what accounts publish, as we found it by looking."""

import sqlalchemy as sa

from services.douyin.store.tables.schema import NOW, TIME, metadata

look = sa.Table(
    "look",  # an account is asked by time what it publishes
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("began_at", TIME, nullable=False),  # business time: what is older is no news
    sa.Column("read_until", TIME),  # business time
    sa.Column("error", sa.Text),  # why the last look failed
    sa.Column("next_at", TIME, nullable=False, server_default=NOW),  # PostgreSQL's clock
    sa.CheckConstraint("subject IN ('video', 'live')", name="subject"),
    sa.Index("ix_look_next_at", "subject", "next_at"),
)

video = sa.Table(
    "video",  # of an account, as it was seen first
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("title", sa.Text),
    sa.Column("published_at", TIME, nullable=False),
    sa.Column("seen_at", TIME, nullable=False),  # business time
    sa.Column("is_news", sa.Boolean, nullable=False),  # and was told
    sa.Index("ix_video_published_at", "organization_id", "account_id", "published_at", "item_id"),
)

broadcast = sa.Table(
    "broadcast",  # a live room of an account
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("room_id", sa.Text, primary_key=True),
    sa.Column("seen_at", TIME, nullable=False),  # business time, when it was seen first
    sa.Column("ended_by", TIME),  # business time, at the latest; NULL while it goes on
    sa.Index("ix_broadcast_seen_at", "organization_id", "account_id", "seen_at", "room_id"),
)
