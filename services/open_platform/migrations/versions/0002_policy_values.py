"""The two profiles of domain.md 1.2 and 1.3: every platform number, with its evidence mark.

A number that changes later is a new row with a later effective_from, in a migration of its own.
"""

import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The product conference (A1-03); for today's documents, the beginning of their year. Both Shanghai.
EFFECTIVE = {
    "seed_2021": datetime.fromisoformat("2021-07-27T00:00:00+08:00"),
    "openapi_2025": datetime.fromisoformat("2025-01-01T00:00:00+08:00"),
}

# key, seed_2021, openapi_2025, source
DIFFERENT = [
    ("dm.reply.applies_to", "non_followers", "everyone", "article 000; community"),
    ("dm.reply.window_hours", None, 24, "community"),
]

# key, value of both profiles, source
SAME = [
    ("push.monthly_limit", 8, "article 000"),
    ("push.kinds", ["video", "image", "article"], "article 000"),
    ("dm.reply.limit", 6, "article 000; community"),
    ("dm.reply.msg_id_valid_hours", 24, "community"),
    ("dm.enter.items", 3, "community"),
    ("dm.enter.window_seconds", 30, "community"),
    ("dm.enter.events_per_day", 3, "community"),
    ("dm.proactive.sends_per_user_per_day", 1, "official U8, U9"),
    ("dm.proactive.items_per_send", {"min": 1, "max": 3, "cards": 1}, "official U8; community"),
    ("dm.proactive.users_per_account_per_day", 5_000, "official U8, U9"),
    ("dm.proactive.grants_per_user_per_day", 2, "official U9"),
    ("dm.text.max_chars", 1_000, "community"),
    ("dm.text.external_links", False, "community"),
    ("dm.auto_reply.text_max_chars", 300, "community (console guide)"),
    ("dm.menu.max_levels", 2, "community (console guide)"),
    ("dm.question_card.title_max_chars", 30, "community"),
    ("dm.question_card.questions_max", 6, "community"),
    ("dm.question_card.question_max_chars", 14, "community"),
    ("group.max_members", 500, "ours / unconfirmed"),
    ("group.max_groups_per_account", 100, "ours"),
    ("group.ordinary_min_followers", 10_000, "official U1"),
    ("group.recall_minutes", 2, "official"),
    ("crm.max_tags_per_account", 100, "SDK"),
    ("crm.max_tags_per_contact", 5, "SDK"),
    ("fans.list_max", 5_000, "official U24"),
    ("fans.portrait_min_fans", 100, "official U24"),  # more than
    ("fans.portrait_ready_days", 2, "official U24"),
    ("fans.favourites_min_fans", 3_000, "official U24"),  # more than
    ("audience.creates_per_day", 100, "SDK"),
    ("audience.updates_per_day", 50, "SDK"),
    ("audience.publish_interval_hours", 24, "SDK"),
    ("audience.push_targets_max", 100, "SDK"),
    ("audience.file_paths_max", 1_000, "SDK"),
    ("audience.zip_max_mb", 50, "SDK"),
    ("audience.qianchuan_zip_max_mb", 25, "SDK"),
    ("audience.qianchuan_part_min_mb", 5, "SDK"),
    ("audience.qianchuan_part_max_mb", 25, "SDK"),
    ("audience.qianchuan_parts_max", 10_000, "SDK"),
    ("audience.expiry_months", 6, "SDK"),
    ("oauth.access_token_days", 15, "official U14, U15"),
    ("oauth.refresh_token_days", 30, "official U14, U15"),
    ("oauth.renew_max", 5, "official U14, U15"),
    ("oauth.client_token_seconds", 7_200, "official U16"),
    ("oauth.overlap_seconds", 300, "official U16"),
    ("oauth.biz_token_days", 30, "official U16"),
    ("webhook.timeout_seconds", 5, "official U6"),
    ("webhook.retries", 3, "official U6"),  # after the first try
    ("api.daily_calls.direct_message", 100_000, "community"),
    ("api.daily_calls.group_message", 100_000, "community"),
    ("api.daily_calls.lead_card", 10_000, "community"),
    ("lottery.max_prize_cents", 5_000_000, "law"),
    ("lottery.disclose_prize_cents", 50_000, "law (press)"),
    ("lottery.evidence_days", 730, "law (press)"),
    ("log.retention_days", 180, "law"),
    ("push.month", "calendar_month", "ours"),
    ("push.release_after_hours", 2, "ours"),
    ("push.recall_minutes", 2, "ours"),
    ("push.title_max", 30, "ours"),
    ("push.body_max", 5_000, "ours"),
    ("push.images_max", 9, "ours"),
    ("push.embeds_max", 5, "ours"),
    ("push.fatigue.max", 2, "ours"),
    ("push.fatigue.days", 7, "ours"),
    ("push.conversion_window_days", 7, "ours"),
    ("marketing.window", {"from": "08:00", "to": "22:00"}, "ours"),
    ("dm.rules.max_per_account", 200, "ours (analogue: WeChat)"),
    ("dm.auto_reply.keywords_per_rule", 10, "ours (analogue: WeChat)"),
    ("dm.auto_reply.keyword_max_chars", 30, "ours (analogue: WeChat)"),
    ("dm.auto_reply.replies_per_rule", 5, "ours (analogue: WeChat)"),
    ("dm.auto_reply.items_per_firing", 3, "ours"),
    ("dm.auto_reply.default_interval_hours", 24, "ours"),
    ("dm.auto_reply.greeting_interval_hours", 24, "ours"),
    ("dm.auto_reply.follow_reply_days", 30, "ours"),
    ("dm.loop_guard", {"sends": 6, "inbound": 10, "seconds": 60}, "ours"),  # more than
    ("dm.menu.level1_max", 3, "ours"),
    ("dm.menu.level1_label", 4, "ours"),
    ("dm.menu.level2_max", 5, "ours"),
    ("dm.menu.level2_label", 8, "ours"),
    ("dm.human_reserved", 2, "ours"),
    ("dm.handoff.accept_seconds", 60, "ours"),
    ("dm.handoff.agent_idle_minutes", 15, "ours"),
    ("dm.handoff.close_hours", 24, "ours"),
    ("dm.handoff.agent_capacity", 8, "ours"),
    ("dm.handoff.sticky_days", 30, "ours"),
    ("sla.response_seconds", 1_800, "article 004"),
    ("sla.warn_seconds", 1_200, "ours"),
    ("sla.owner_seconds", 3_600, "ours"),
    ("sla.pool_hours", 24, "ours"),
    ("sla.target_rate", 0.95, "ours"),
    ("lead.dedupe_days", 90, "ours"),
    ("group.admins_max", 10, "ours"),
    ("group.pins_max", 3, "ours"),
    ("group.flood.per_10_seconds", 5, "ours"),
    ("group.flood.per_minute", 20, "ours"),
    ("group.flood.same_text_per_5_minutes", 3, "ours"),
    ("group.quarantine_hours", 24, "ours"),
    ("group.self_promo_per_day", 1, "ours"),
    ("group.strike_decay_days", 30, "ours"),
    ("group.live_reconnect_minutes", 10, "ours"),
    ("red_packet.total_max_cents", 200_000, "ours"),
    ("red_packet.count_max", 100, "ours"),
    ("red_packet.share_min_cents", 1, "ours"),
    ("red_packet.share_max_cents", 20_000, "ours"),
    ("red_packet.expiry_hours", 24, "ours"),
    ("audience.min_size", 1_000, "ours"),
    ("insight.cohort_min", 20, "ours"),
    ("insight.slice_diff_min", 5, "ours"),
    ("strategy.shown_per_week", 3, "ours"),
    ("strategy.per_step", 1, "ours"),
    ("isv.rate_per_second", 50, "ours"),
    ("isv.burst", 100, "ours"),
    ("isv.webhook.log_days", 30, "ours"),
    ("dsr.days", 15, "ours"),
]

INSERT = sa.text(
    "INSERT INTO open_platform.platform_policy (profile, key, effective_from, value, source)"
    " VALUES (:profile, :key, :effective_from, CAST(:value AS jsonb), :source)"
)


def upgrade() -> None:
    """Apply."""
    both = [(key, value, value, source) for key, value, source in SAME]
    rows = [
        {"profile": profile, "key": key, "value": json.dumps(value), "source": source}
        for key, seed, openapi, source in [*DIFFERENT, *both]
        for profile, value in (("seed_2021", seed), ("openapi_2025", openapi))
    ]
    op.get_bind().execute(
        INSERT, [{**row, "effective_from": EFFECTIVE[row["profile"]]} for row in rows]
    )


def downgrade() -> None:
    """Take back."""
    op.execute("DELETE FROM open_platform.platform_policy")
