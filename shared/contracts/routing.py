"""Who hears what: the whole event graph in one table.

A lane is a stream of its own, so that one kind of work never waits behind another: `live` may pause
while quota is away, `settled` goes on; `people`, whose notices cost quota, may pause too; `hooks` is what
organizations are told.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hearer:
    """A service and the lane on which it reads this event."""

    service: str
    lane: str


ROUTES: dict[str, tuple[Hearer, ...]] = {
    "douyin.message_received": (Hearer("direct_messages", "live"),),
    "douyin.page_entered": (Hearer("direct_messages", "live"),),
    "douyin.fan_followed": (Hearer("fans", "facts"),),
    "douyin.message_echoed": (Hearer("douyin", "echoes"),),
    "douyin.person_answered": (Hearer("direct_messages", "settled"),),
    "douyin.attempt_settled": (Hearer("quota", "settled"), Hearer("direct_messages", "settled")),
    "douyin.account_authorised": (Hearer("open_platform", "facts"),),
    "douyin.account_revoked": (Hearer("douyin", "echoes"), Hearer("open_platform", "facts")),
    "douyin.authorisation_needed": (Hearer("open_platform", "facts"),),
    "douyin.authorisation_reported": (Hearer("douyin", "echoes"),),
    "douyin.message_recalled": (Hearer("direct_messages", "settled"),),
    "douyin.recall_settled": (Hearer("direct_messages", "settled"),),
    "douyin.follow_checked": (Hearer("fans", "facts"),),
    "douyin.card_changed": (Hearer("direct_messages", "settled"),),
    # nobody hears these yet: the connector keeps them with their reading
    "douyin.messages_read": (),
    "douyin.group_message_seen": (),
    "douyin.group_application_changed": (),
    "douyin.group_joined": (),
    "douyin.grant_changed": (),
    "douyin.video_liked": (),
    "douyin.video_commented": (),
    "douyin.video_created": (),
    "douyin.video_published": (),
    "douyin.live_started": (),
    "douyin.live_ended": (),
    "douyin.identities_linked": (),
    "douyin.contact_made": (),
    "douyin.subscription_alarm": (),
    "direct_messages.send_requested": (Hearer("douyin", "sends"),),
    "direct_messages.recall_requested": (Hearer("douyin", "sends"),),
    "direct_messages.rule_notified": (Hearer("open_platform", "hooks"),),
    "direct_messages.rule_paused": (Hearer("open_platform", "hooks"),),  # an alarm for people
    # its own, told to itself: who gets what waits is decided after the commit, and never lost
    "direct_messages.hand_off_changed": (
        Hearer("direct_messages", "people"),
        Hearer("open_platform", "hooks"),
    ),
    "direct_messages.sla_warned": (Hearer("open_platform", "hooks"),),
    "direct_messages.sla_breached": (
        Hearer("direct_messages", "people"),
        Hearer("open_platform", "hooks"),
    ),
    # to itself too: decided in the order of what the fan does, on the lane that waits for quota
    "direct_messages.fan_waited": (Hearer("direct_messages", "live"),),
    "direct_messages.send_not_requested": (Hearer("quota", "settled"),),
    "direct_messages.lead_captured": (Hearer("fans", "facts"), Hearer("open_platform", "hooks")),
    "direct_messages.lead_stage_asked": (Hearer("fans", "facts"),),
    "fans.follow_changed": (Hearer("quota", "settled"), Hearer("direct_messages", "live")),
    "fans.tier_changed": (Hearer("direct_messages", "settled"),),
    "fans.lead_changed": (Hearer("open_platform", "hooks"),),
    "open_platform.policy_changed": (
        Hearer("quota", "settled"),
        # not on `live`: that lane may stand still until this very event has come
        Hearer("direct_messages", "settled"),
        Hearer("douyin", "echoes"),
        Hearer("fans", "facts"),
    ),
    # told to the organization's other endpoints
    "open_platform.webhook_endpoint_troubled": (Hearer("open_platform", "hooks"),),
    "quota.reservation_overdue": (Hearer("direct_messages", "settled"), Hearer("douyin", "echoes")),
    "quota.threshold_reached": (),
}


# Seconds between two batches of a lane. A single event never waits; under load, batches grow, and a
# batch costs the same for one as for fifty. Nobody waits for bookkeeping, so it may be slower. A batch
# that is full is followed at once: pauses never decide how much a lane can carry.
_PACES = {"live": 0.010, "sends": 0.010, "people": 0.010}
_BOOKKEEPING_PACE = 0.250


def is_heard(event_type: str) -> bool:
    """Whether anybody hears events of this type."""
    return bool(ROUTES[event_type])


def pace_of(lane: str) -> float:
    """How long after the last batch began the next may begin, in seconds."""
    return _PACES.get(lane, _BOOKKEEPING_PACE)


def lanes_of(service: str) -> tuple[str, ...]:
    """The lanes on which `service` reads, in a fixed order."""
    heard = {h.lane for hearers in ROUTES.values() for h in hearers if h.service == service}
    return tuple(sorted(heard))
