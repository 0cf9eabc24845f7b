"""Videos of an account: published in the app, listed through the API, posted into groups."""

from typing import Any, Final

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.fans import known_account, new_event
from services.douyin_simulator.actions.group_life import sync_post
from services.douyin_simulator.actions.publishing import publish
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes, events
from services.douyin_simulator.domain.videos import Video
from services.douyin_simulator.store import kept

_PAGE_MAX: Final = 20
_VISIBLE: Final = 1


def publish_video(world: World, account_id: str, title: str, *, shared: bool) -> Video:
    """A new video. Only one that was shared through the app is announced by an event."""
    account = known_account(world, account_id)
    number = world.fresh_id("video", account.client_key)
    video = Video(number, account.open_id, title, world.now_ms())
    world.store.append(kept(video))
    if shared:
        content = {"item_id": number, "share_id": number[1:9]}
        parties = (account.client_key, account.open_id, "")
        event = new_event(world, events.VIDEO_CREATED, parties, content)
        publish(world, event, conversation_id=None)
    sync_post(world, account, "item", {"msg_type": 3, "video": {"item_id": number}})
    return video


def list_videos(world: World, call: Call) -> Answer:
    """Videos of the account, newest first, page by page."""
    cursor, count = call.number("cursor", 0), call.number("count", 10)
    if cursor is None or count is None or cursor < 0 or not 0 < count <= _PAGE_MAX:
        return codes.BAD_PARAMETER
    own = _own(world, call)[::-1]
    page = own[cursor : cursor + count]
    has_more = cursor + count < len(own)
    shown = [_shown(video) for video in page]
    return {"list": shown, "cursor": cursor + len(page), "has_more": has_more}


def video_data(world: World, call: Call) -> Answer:
    """Single videos by id; unknown ones are left out."""
    wanted = call.fields.get("item_ids") or call.fields.get("video_ids")
    if not isinstance(wanted, list) or not 0 < len(wanted) <= _PAGE_MAX:
        return codes.BAD_PARAMETER
    return {"list": [_shown(video) for video in _own(world, call) if video.id in wanted]}


def _own(world: World, call: Call) -> list[Video]:
    videos = world.store.state.shelves.of(Video).values()
    return [video for video in videos if video.account == call.open_id and video.public]


def _shown(video: Video) -> dict[str, Any]:
    return {
        "item_id": video.id,
        "video_id": video.id,
        "title": video.title,
        "cover": "https://example.com/cover.jpeg",
        "share_url": f"https://www.iesdouyin.com/share/video/{video.created_at_ms}",
        "create_time": video.created_at_ms // 1000,
        "is_top": False,
        "is_reviewed": True,
        "video_status": _VISIBLE,
        "media_type": 4,
        "statistics": {
            "play_count": video.play_count,
            "digg_count": video.digg_count,
            "comment_count": 0,
            "share_count": 0,
            "download_count": 0,
            "forward_count": 0,
        },
    }
