"""Videos and live broadcasts of accounts, and when they are looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "broadcast",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "organization_id", "account_id", "room_id", name=op.f("pk_broadcast")
        ),
        schema="douyin",
    )
    op.create_index(
        "ix_broadcast_seen_at",
        "broadcast",
        ["organization_id", "account_id", "seen_at", "room_id"],
        unique=False,
        schema="douyin",
    )
    op.create_table(
        "look",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("subject IN ('video', 'live')", name=op.f("ck_look_subject")),
        sa.PrimaryKeyConstraint("organization_id", "account_id", "subject", name=op.f("pk_look")),
        schema="douyin",
    )
    op.create_index(
        "ix_look_next_at", "look", ["subject", "next_at"], unique=False, schema="douyin"
    )
    op.create_table(
        "video",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_news", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "account_id", "item_id", name=op.f("pk_video")),
        schema="douyin",
    )
    op.create_index(
        "ix_video_published_at",
        "video",
        ["organization_id", "account_id", "published_at", "item_id"],
        unique=False,
        schema="douyin",
    )


def downgrade() -> None:
    """Take back."""
    for table in ("video", "look", "broadcast"):
        op.drop_table(table, schema="douyin")
