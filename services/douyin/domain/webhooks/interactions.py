"""Readers of what people do around the account: follow, like, comment, allow, get in touch."""

from typing import Final

from services.douyin.domain.webhooks.facts import (
    ContactMade,
    Fact,
    Followed,
    GrantChanged,
    IdentitiesLinked,
    VideoCommented,
    VideoCreated,
    VideoLiked,
)
from services.douyin.domain.webhooks.fields import (
    LATEST_MS,
    MOST_OPEN_ID,
    Fields,
    Malformed,
    Outer,
    kind_of,
    needed,
    needed_time,
    number,
    said,
    short,
    time_ms,
)

_ALLOWED: Final = 1
_NOT_ALLOWED: Final = 2
# events of the older platform → how the fan got in touch
WAYS: Final = {
    "receive_msg": "message",
    "enter_im": "chat_page",
    "dial_phone": "phone_call",
    "website_contact": "website",
    "personal_tab_contact": "profile_page",
}


def followed(outer: Outer, content: Fields) -> Fact | str:
    """The fan followed the account."""
    if number(content.get("action_type", 1)) != 1:
        return "not_a_follow"
    return Followed(needed("fan", outer.from_id), _seconds(content, "action_time"))


def liked(outer: Outer, content: Fields) -> Fact | str:
    """Somebody liked a video."""
    if number(content.get("action_type", 1)) != 1:
        return "not_a_like"
    return VideoLiked(
        open_id=needed("fan", outer.from_id),
        item_id=needed("item_id", content.get("item_id")),
        at_ms=_seconds(content, "action_time"),
    )


def _seconds(content: Fields, name: str) -> int:
    seconds = number(content.get(name))  # these events count in seconds
    if seconds is None or not 0 < seconds < LATEST_MS // 1000:
        raise Malformed(name)
    return seconds * 1000


def commented(outer: Outer, content: Fields) -> Fact | str:
    """Somebody commented on a video, or answered a comment."""
    return VideoCommented(
        open_id=needed("fan", outer.from_id or content.get("comment_user_id"), MOST_OPEN_ID),
        comment_id=needed("comment_id", content.get("comment_id")),
        item_id=needed("reply_to_item_id", content.get("reply_to_item_id")),
        reply_to=short(content.get("reply_to_comment_id")) or None,
        text=said(content, "content"),
        at_ms=time_ms(content.get("create_time")),
    )


def video_created(outer: Outer, content: Fields) -> Fact | str:
    """A video was posted through one of our apps; nothing tells of other videos."""
    needed("account", outer.from_id)
    return VideoCreated(
        item_id=needed("item_id", content.get("item_id")),
        share_id=short(content.get("share_id")) or None,
        at_ms=time_ms(content.get("create_time")),
    )


def grant_changed(outer: Outer, content: Fields) -> Fact | str:
    """A fan lets the account write first, or no longer."""
    status = number(content.get("auth_status"))
    if status not in {_ALLOWED, _NOT_ALLOWED}:
        raise Malformed("auth_status")
    changed = "update_time" if time_ms(content.get("update_time")) else "create_time"
    return GrantChanged(
        open_id=needed("fan", outer.from_id),
        allowed=status == _ALLOWED,
        source=short(content.get("source")),
        expires_ms=time_ms(content.get("expire_time")),
        at_ms=needed_time(content, changed),
    )


def identities_linked(outer: Outer, content: Fields) -> Fact | str:
    """The same person in two apps."""
    del outer
    return IdentitiesLinked(
        consumer_client_key=needed("c_client_key", content.get("c_client_key")),
        consumer_open_id=needed("c_open_id", content.get("c_open_id"), MOST_OPEN_ID),
        business_client_key=needed("b_client_key", content.get("b_client_key")),
        business_open_id=needed("b_open_id", content.get("b_open_id"), MOST_OPEN_ID),
        at_ms=time_ms(content.get("create_time")),
    )


def contacted(outer: Outer, content: Fields) -> Fact | str:
    """A fan got in touch by one of the older ways, most of which carry no content."""
    kind = kind_of(content) or None
    return ContactMade(
        open_id=needed("fan", outer.from_id),
        way=WAYS[outer.event],
        kind=kind,
        text=said(content, "text") if kind == "text" else None,
        at_ms=time_ms(content.get("create_time")),
    )
