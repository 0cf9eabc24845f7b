"""What people do around an account: follow, join groups, like, comment, allow."""

from datetime import datetime

from shared.contracts.envelope import Event


class FanFollowed(Event):
    """A fan followed the account (subject: the fan)."""

    type = "douyin.fan_followed"

    open_id: str
    followed_at: datetime


class FollowChecked(Event):
    """We asked whether a fan follows, and the platform said (subject: the fan)."""

    type = "douyin.follow_checked"

    open_id: str
    follows: bool
    checked_at: datetime


class GroupMessageSeen(Event):
    """A message in a fan group, of a member or of the account (subject: the group's conversation)."""

    type = "douyin.group_message_seen"

    message_id: str
    conversation_id: str
    owner: str  # open_id of the group's owner
    open_id: str  # who spoke
    by_account: bool
    source: str  # the client key of the app that sent it; empty when it was typed
    kind: str
    text: str | None  # sealed
    created_at: datetime


class GroupApplicationChanged(Event):
    """Somebody asks to join a fan group, or that was decided (subject: the group)."""

    type = "douyin.group_application_changed"

    application_id: str
    group_id: str
    open_id: str
    nickname: str | None  # sealed
    status: str  # applying, approved, refused, or the platform's number
    created_at: datetime


class GroupJoined(Event):
    """Somebody joined a fan group (subject: the group). Nothing tells that somebody left."""

    type = "douyin.group_joined"

    group_id: str
    open_id: str
    group_kind: int | None  # 2 a host's fan group, 5 a group of ten thousand
    joined_at: datetime


class GrantChanged(Event):
    """A fan lets the account write first, or no longer (subject: the fan)."""

    type = "douyin.grant_changed"

    open_id: str
    allowed: bool
    source: str
    expires_at: datetime | None
    changed_at: datetime


class VideoLiked(Event):
    """Somebody liked a video of the account (subject: who did)."""

    type = "douyin.video_liked"

    open_id: str
    item_id: str
    liked_at: datetime


class VideoCommented(Event):
    """Somebody commented on a video of the account (subject: the video)."""

    type = "douyin.video_commented"

    open_id: str
    comment_id: str
    item_id: str
    reply_to: str | None  # the comment that it answers
    text: str | None  # sealed
    commented_at: datetime


class VideoCreated(Event):
    """A video was posted through an app of ours (subject: the video)."""

    type = "douyin.video_created"

    item_id: str
    share_id: str | None
    created_at: datetime


class IdentitiesLinked(Event):
    """The same person under two apps (subject: the consumer)."""

    type = "douyin.identities_linked"

    consumer_client_key: str
    consumer_open_id: str
    business_client_key: str
    business_open_id: str
    linked_at: datetime


class ContactMade(Event):
    """A fan got in touch by a way of the older platform (subject: the fan)."""

    type = "douyin.contact_made"

    open_id: str
    way: str  # message, chat_page, phone_call, website, profile_page
    kind: str | None
    text: str | None  # sealed
    made_at: datetime
