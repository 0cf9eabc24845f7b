"""How many calls the platform allows a Douyin app: a day of Shanghai, and a second."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
_DAY: Final = timedelta(days=1)
_MOST_AT_ONCE: Final = 200
_SHARE: Final = 50  # one process takes at most this part of a day at once
_PER_SECOND_SHARE: Final = 5


class Calls(StrEnum):
    """What is counted; the policy key `api.daily_calls.…` of the same name says how many.

    The platform counts each capability by itself. For most it names no number: those are counted, and
    end for the day when the platform says so.
    """

    DIRECT_MESSAGE = "direct_message"
    GROUP_MESSAGE = "group_message"
    LEAD_CARD = "lead_card"
    CARD_TEMPLATE = "card_template"
    IMAGE = "image"
    RECALL = "recall"
    FOLLOW_CHECK = "follow_check"
    FANS_LIST = "fans_list"
    FANS_DATA = "fans_data"
    INTERACTION_LOG = "interaction_log"
    VIDEO_LIST = "video_list"
    LIVE_ROOMS = "live_rooms"
    OWNER = "owner"
    WEBHOOK = "webhook"
    TOKEN = "token"


# so many, and so quickly, that each process takes some in advance
_IN_ADVANCE: Final = frozenset({Calls.DIRECT_MESSAGE, Calls.GROUP_MESSAGE})
# until the policies of an app's accounts say otherwise
DAILY: Final = {
    Calls.DIRECT_MESSAGE: 100_000,
    Calls.GROUP_MESSAGE: 100_000,
    Calls.LEAD_CARD: 10_000,
}


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the platform."""

    date: date
    begins_at: datetime
    ends_at: datetime


def day_of(now: datetime) -> Day:
    """The platform's day at that time."""
    local = now.astimezone(_SHANGHAI)
    begins = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return Day(local.date(), begins.astimezone(UTC), (begins + _DAY).astimezone(UTC))


def taken_at_once(calls: Calls, most: int | None, per_second: int | None) -> int:
    """How many calls a process takes at a time: few enough that the others get theirs.

    What a process that dies had taken and not used is lost for that day.
    """
    if calls not in _IN_ADVANCE:
        return 1
    at_once = _MOST_AT_ONCE if most is None else min(_MOST_AT_ONCE, max(1, most // _SHARE))
    if per_second is not None:
        at_once = min(at_once, max(1, per_second // _PER_SECOND_SHARE))
    return at_once
