"""What an account publishes and no event tells: videos and live broadcasts, as the platform lists them.

Nothing here depends on how often or in which order somebody looks: a video is told once, a broadcast
once when it is seen first and once when it is over.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from services.douyin.domain.webhooks.fields import moment, short, storable, time_ms

OVERLAP: Final = timedelta(minutes=2)  # a broadcast may be listed a little late
FIRST_LOOK: Final = timedelta(minutes=10)
LONGEST_LOOK: Final = timedelta(days=7)
MOST_ITEMS: Final = 1000  # of one answer; a page has 20
_MOST_TITLE: Final = 300
_DAY: Final = timedelta(days=1)
_SHARE: Final = 0.9  # of a day's calls; the rest is for second pages and what is asked by hand

Fields = dict[str, Any]  # Any: JSON, whose shape the platform changes


@dataclass(frozen=True, slots=True)
class Video:
    """A video as the list shows it."""

    item_id: str
    title: str | None
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Broadcasts:
    """What a look at the live rooms found: which are new, and which are over."""

    started: tuple[str, ...]
    ended: tuple[str, ...]


def videos_in(fields: Fields) -> list[Video]:
    """The videos of a page; what names no id or no time is none."""
    return list(_videos(fields.get("list")))


def _videos(listed: object) -> Iterator[Video]:
    for one in listed[:MOST_ITEMS] if isinstance(listed, list) else []:
        if not isinstance(one, dict):
            continue
        item_id, at_ms, title = (
            short(one.get("item_id")),
            time_ms(one.get("create_time")),
            one.get("title"),
        )
        if item_id and at_ms is not None:
            shown = storable(title[:_MOST_TITLE]) if isinstance(title, str) and title else None
            yield Video(item_id, shown, moment(at_ms))


def is_news(video: Video, began_at: datetime) -> bool:
    """Whether a video that was never seen is told: one from before we began to look is only remembered."""
    return video.published_at >= began_at.replace(microsecond=0)  # the platform counts seconds


def rooms_in(fields: Fields) -> list[str] | None:
    """The rooms that an answer names, each once; None: it has no list, so it says nothing of any room."""
    listed = fields.get("room_ids")
    if not isinstance(listed, list):
        return None
    rooms = (short(str(one) if type(one) is int else one) for one in listed[:MOST_ITEMS])
    return list(dict.fromkeys(room for room in rooms if room))


def compare(answered: Sequence[str], known: Collection[str], live: Collection[str]) -> Broadcasts:
    """What an answer means, given the rooms that were ever seen and those that are not over yet."""
    started = tuple(room for room in answered if room not in known)
    return Broadcasts(started, tuple(sorted(set(live) - set(answered))))


def since(read_until: datetime | None, now: datetime) -> datetime:
    """From when on the next look at live rooms asks: where the last one ended, and a little before."""
    if read_until is None:
        return now - FIRST_LOOK
    return max(read_until - OVERLAP, now - LONGEST_LOOK)


def pause_of(every: timedelta, accounts: int, per_day: int | None) -> timedelta | None:
    """How long an account waits for its next look, so that all of an app get through a day; None: never."""
    if per_day is None:
        return every
    share = int(per_day * _SHARE)
    if share <= 0:
        return None
    return max(every, _DAY * accounts / share)
