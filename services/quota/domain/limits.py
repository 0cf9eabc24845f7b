"""Which limits a request asks, and of which windows. Numbers come from the account's policy.

Sources: push budget domain D7 (A5-02), reply budget domain D8 (A6-02). Times are UTC; calendar
windows are the platform's, in Asia/Shanghai.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from services.quota.domain.buckets import BucketKey, Claim, Reason, Refusal, Resets

PLATFORM_TIME = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Request:
    """One reservation asked for; `opened_by`/`opened_at` name the window of a direct message."""

    organization_id: str
    account_id: str
    purpose: Literal["dm.reply", "dm.enter", "push.monthly"]
    subject: str
    items: int
    actor: Literal["bot", "person"]
    opened_by: str | None
    opened_at: datetime | None
    planned_at: datetime | None
    follows: bool  # unknown counts as not following


Policy = Mapping[str, Any]


def plan(request: Request, policy: Policy, now: datetime) -> tuple[Claim, ...] | Refusal:
    """The buckets that `request` asks, in a fixed order; a refusal when no window can be open."""
    match request.purpose:
        case "push.monthly":
            return (_monthly(request, policy, now),)
        case "dm.reply":
            return _reply(request, policy, now)
        case "dm.enter":
            return _enter(request, policy, now)


def _monthly(request: Request, policy: Policy, now: datetime) -> Claim:
    start, end = month_of(request.planned_at or now)
    cap = int(policy["push.monthly_limit"])
    slot = f"{start.astimezone(PLATFORM_TIME):%Y-%m}"
    key = _key(request, "push.monthly", slot)
    return Claim(key, slot, start, end, cap, cap, 1, by_item=False, resets=Resets("time", end))


def _reply(request: Request, policy: Policy, now: datetime) -> tuple[Claim, ...] | Refusal:
    on_message = Resets("fan_message")
    applies = policy["dm.reply.applies_to"] == "everyone" or not request.follows
    cap = int(policy["dm.reply.limit"]) if applies else None
    if request.opened_by is None or request.opened_at is None:
        return Refusal("dm.reply", Reason.NO_WINDOW, 0, 0, 0, on_message)
    hours = policy["dm.reply.window_hours"]
    end = request.opened_at + timedelta(hours=hours) if hours is not None else None
    if end is not None and now >= end:
        return Refusal("dm.reply", Reason.WINDOW_EXPIRED, cap or 0, 0, 0, on_message)
    reserve = int(policy["dm.human_reserved"]) if request.actor == "bot" else 0
    usable = None if cap is None else max(cap - reserve, 0)
    key = _key(request, "dm.reply", "")
    return (
        Claim(
            key,
            request.opened_by,
            request.opened_at,
            end,
            cap,
            usable,
            request.items,
            True,
            on_message,
        ),
    )


def _enter(request: Request, policy: Policy, now: datetime) -> tuple[Claim, ...] | Refusal:
    again = Resets("fan_message")
    if request.opened_by is None or request.opened_at is None:
        return Refusal("dm.enter", Reason.NO_WINDOW, 0, 0, 0, again)
    cap = int(policy["dm.enter.items"])
    end = request.opened_at + timedelta(seconds=policy["dm.enter.window_seconds"])
    if now >= end:
        return Refusal("dm.enter", Reason.WINDOW_EXPIRED, cap, 0, 0, again)
    start, midnight = day_of(request.opened_at)
    days = int(policy["dm.enter.events_per_day"])
    slot = f"{start.astimezone(PLATFORM_TIME):%Y-%m-%d}"
    tomorrow = Resets("time", midnight)
    items = Claim(
        _key(request, "dm.enter", ""),
        request.opened_by,
        request.opened_at,
        end,
        cap,
        cap,
        request.items,
        True,
        again,
    )
    events = Claim(
        _key(request, "dm.enter.events", slot),
        slot,
        start,
        midnight,
        days,
        days,
        1,
        False,
        tomorrow,
    )
    return items, events


def _key(request: Request, limit: str, slot: str) -> BucketKey:
    return BucketKey(request.organization_id, request.account_id, limit, request.subject, slot)


def month_of(at: datetime) -> tuple[datetime, datetime]:
    """First and last instant (exclusive) of the platform's calendar month that holds `at`."""
    first = at.astimezone(PLATFORM_TIME).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + timedelta(days=32)).replace(day=1)
    return first.astimezone(UTC), following.astimezone(UTC)


def day_of(at: datetime) -> tuple[datetime, datetime]:
    """Midnight to midnight of the platform's day that holds `at`."""
    midnight = at.astimezone(PLATFORM_TIME).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC), (midnight + timedelta(days=1)).astimezone(UTC)
