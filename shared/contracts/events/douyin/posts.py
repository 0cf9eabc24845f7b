"""What an account publishes, as we found it by looking: the platform has no event for it."""

from datetime import datetime

from shared.contracts.envelope import Event


class VideoPublished(Event):
    """A video of the account was seen first, by whichever way it was posted (subject: the video)."""

    type = "douyin.video_published"

    item_id: str
    title: str | None
    published_at: datetime


class LiveStarted(Event):
    """The account is live, or was since the last look (subject: the room)."""

    type = "douyin.live_started"

    room_id: str
    seen_at: datetime


class LiveEnded(Event):
    """A broadcast is over (subject: the room). The platform names no time: it ended by then."""

    type = "douyin.live_ended"

    room_id: str
    ended_by: datetime
