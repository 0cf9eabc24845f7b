"""Every policy key (domain.md 1.2 and 1.3) and what may stand under it. Values live in the table."""

from typing import Final

from services.open_platform.domain.policy_kinds import (
    Choice,
    Days,
    Fields,
    Hours,
    Kind,
    Selection,
    Share,
    Switch,
    Texts,
    Week,
    Whole,
    Words,
)

_COUNT: Final = Whole(0, 1_000_000)
_DAILY_CALLS: Final = Whole(0, 100_000_000)  # a large vendor's app may be given more than a million
_AT_LEAST_ONE: Final = Whole(1, 1_000_000)
_CHARS: Final = Whole(1, 10_000)
_ITEMS: Final = Whole(1, 3)  # the channel takes at most three at once
_SECONDS: Final = Whole(1, 31 * 86_400)
_MINUTES: Final = Whole(1, 31 * 1_440)
_HOURS: Final = Whole(1, 31 * 24)
_DAYS: Final = Whole(1, 3_660)
_CENTS: Final = Whole(1, 5_000_000)  # no prize and no packet beyond the law's CNY 50,000
TIERS: Final = ("none", "potential", "passer_by", "goodwill", "true_love")

PLATFORM: Final[dict[str, Kind]] = {
    "push.monthly_limit": _COUNT,
    "push.kinds": Selection(("video", "image", "article")),
    "dm.reply.limit": Whole(0, 1_000),
    "dm.reply.applies_to": Choice(("non_followers", "everyone")),
    "dm.reply.window_hours": Whole(1, 31 * 24, or_none=True),
    "dm.reply.msg_id_valid_hours": _HOURS,
    "dm.enter.items": Whole(0, 100),
    "dm.enter.window_seconds": _SECONDS,
    "dm.enter.events_per_day": Whole(0, 1_000),
    "dm.proactive.sends_per_user_per_day": Whole(0, 100),
    "dm.proactive.items_per_send": Fields(("min", "max", "cards"), Whole(0, 3)),
    "dm.proactive.users_per_account_per_day": _COUNT,
    "dm.proactive.grants_per_user_per_day": Whole(0, 100),
    "dm.text.max_chars": _CHARS,
    "dm.text.external_links": Switch(),
    "dm.text.allowed_hosts": Texts(100, 253),  # to which links may lead although they lead away
    "dm.auto_reply.text_max_chars": _CHARS,
    "content.absolute_words": Texts(500, 30),  # Advertising Law 9
    "dm.menu.max_levels": Whole(1, 2),
    "dm.question_card.title_max_chars": _CHARS,
    "dm.question_card.questions_max": Whole(1, 100),
    "dm.question_card.question_max_chars": _CHARS,
    "group.max_members": _AT_LEAST_ONE,
    "group.max_groups_per_account": _COUNT,
    "group.ordinary_min_followers": _COUNT,
    "group.recall_minutes": Whole(0, 1_440),
    "crm.max_tags_per_account": _COUNT,
    "crm.max_tags_per_contact": _COUNT,
    "fans.list_max": _AT_LEAST_ONE,
    "fans.portrait_min_fans": _COUNT,
    "fans.portrait_ready_days": _DAYS,
    "fans.favourites_min_fans": _COUNT,
    "audience.creates_per_day": _COUNT,
    "audience.updates_per_day": _COUNT,
    "audience.publish_interval_hours": _HOURS,
    "audience.push_targets_max": _COUNT,
    "audience.file_paths_max": _COUNT,
    "audience.zip_max_mb": Whole(1, 10_000),
    "audience.qianchuan_zip_max_mb": Whole(1, 10_000),
    "audience.qianchuan_part_min_mb": Whole(1, 10_000),
    "audience.qianchuan_part_max_mb": Whole(1, 10_000),
    "audience.qianchuan_parts_max": Whole(1, 10_000),
    "audience.expiry_months": Whole(1, 120),
    "oauth.access_token_days": _DAYS,
    "oauth.refresh_token_days": _DAYS,
    "oauth.renew_max": Whole(0, 100),
    "oauth.client_token_seconds": _SECONDS,
    "oauth.overlap_seconds": _SECONDS,
    "oauth.biz_token_days": _DAYS,
    "webhook.timeout_seconds": Whole(1, 60),
    "webhook.retries": Whole(0, 100),
    "api.daily_calls.direct_message": _DAILY_CALLS,
    "api.daily_calls.group_message": _DAILY_CALLS,
    "api.daily_calls.lead_card": _DAILY_CALLS,
    "api.daily_calls.video_list": _DAILY_CALLS,
    "api.daily_calls.live_rooms": _DAILY_CALLS,
    "lottery.max_prize_cents": _CENTS,
    "lottery.disclose_prize_cents": _CENTS,
    "lottery.evidence_days": Whole(730, 36_600),  # the law sets the least
    "log.retention_days": Whole(180, 36_600),  # the law sets the least
}

OPERATING: Final[dict[str, Kind]] = {
    "push.month": Choice(("calendar_month",)),  # of the planned dispatch start, Asia/Shanghai
    "push.release_after_hours": _HOURS,
    "push.recall_minutes": Whole(0, 1_440),
    "push.title_max": _CHARS,
    "push.body_max": _CHARS,
    "push.images_max": Whole(0, 100),
    "push.embeds_max": Whole(0, 100),
    "push.fatigue.max": Whole(0, 1_000),
    "push.fatigue.days": _DAYS,
    "push.conversion_window_days": _DAYS,
    "marketing.window": Hours("08:00", "22:00"),
    "dm.rules.max_per_account": Whole(0, 10_000),
    "dm.auto_reply.keywords_per_rule": Whole(1, 100),
    "dm.auto_reply.keyword_max_chars": Whole(1, 1_000),
    "dm.auto_reply.replies_per_rule": Whole(1, 100),
    "dm.auto_reply.items_per_firing": _ITEMS,
    "dm.auto_reply.default_interval_hours": _HOURS,
    "dm.auto_reply.greeting_interval_hours": _HOURS,
    "dm.auto_reply.follow_reply_days": _DAYS,
    "dm.auto_reply.join_seconds": Whole(0, 60),  # 0: each message is decided by itself
    "dm.loop_guard": Fields(("sends", "inbound", "seconds"), Whole(1, 86_400)),
    "dm.menu.level1_max": Whole(1, 100),
    "dm.menu.level1_label": Whole(1, 100),
    "dm.menu.level2_max": Whole(1, 100),
    "dm.menu.level2_label": Whole(1, 100),
    "dm.human_reserved": Whole(0, 1_000),
    "dm.handoff.accept_seconds": _SECONDS,
    "dm.handoff.agent_idle_minutes": _MINUTES,
    "dm.handoff.close_hours": _HOURS,
    "dm.handoff.agent_capacity": Whole(1, 1_000),
    "dm.handoff.sticky_days": _DAYS,
    "dm.handoff.misses": Whole(0, 100),  # 0: however often nothing matched, nobody is called
    # of a lead card in a rule: known as the account's own, or not known as another's
    "dm.card.ownership": Choice(("known", "not_others")),
    "dm.handoff.vip_tags": Texts(50, 30),  # a fan with one of them is for people
    "dm.handoff.vip_tiers": Selection(TIERS, or_empty=True),
    "dm.handoff.lead_card": Switch(),  # whether a filled-in lead card calls a person
    "dm.handoff.from_menu": Switch(),  # whether an entry's hand-off is `menu` or as any rule's
    "dm.handoff.negative_words": Texts(200, 30),  # that call a person before any rule
    "dm.handoff.queue_notice": Words(200),  # {ahead}: how many wait in front
    "sla.response_seconds": _SECONDS,
    "sla.warn_seconds": _SECONDS,
    "sla.owner_seconds": _SECONDS,
    "sla.pool_hours": _HOURS,
    "sla.target_rate": Share(),
    "sla.human_escalates": Switch(),  # whether a breach of the person's answer escalates too
    "calendar.hours": Week(),
    "calendar.holidays": Days(),
    "calendar.makeup_days": Days(),
    "lead.dedupe_days": _DAYS,
    "lead.attribution_days": _DAYS,  # how long a page entry counts as what brought a lead
    "group.admins_max": Whole(0, 100),
    "group.pins_max": Whole(0, 100),
    "group.flood.per_10_seconds": _AT_LEAST_ONE,
    "group.flood.per_minute": _AT_LEAST_ONE,
    "group.flood.same_text_per_5_minutes": _AT_LEAST_ONE,
    "group.quarantine_hours": _HOURS,
    "group.self_promo_per_day": _COUNT,
    "group.strike_decay_days": _DAYS,
    "group.live_reconnect_minutes": _MINUTES,
    "red_packet.total_max_cents": _CENTS,
    "red_packet.count_max": _AT_LEAST_ONE,
    "red_packet.share_min_cents": _CENTS,
    "red_packet.share_max_cents": _CENTS,
    "red_packet.expiry_hours": _HOURS,
    "audience.min_size": _AT_LEAST_ONE,
    "insight.cohort_min": _AT_LEAST_ONE,
    "insight.slice_diff_min": _AT_LEAST_ONE,
    "strategy.shown_per_week": Whole(0, 100),
    "strategy.per_step": Whole(0, 100),
    "isv.rate_per_second": _AT_LEAST_ONE,
    "isv.burst": _AT_LEAST_ONE,
    "isv.webhook.log_days": _DAYS,
    "dsr.days": _DAYS,
}

KINDS: Final[dict[str, Kind]] = PLATFORM | OPERATING
PROFILES: Final = ("seed_2021", "openapi_2025")
