"""What the connector tells: facts of the platform, translated. Times are UTC."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Event


class AnsweredCard(BaseModel):
    """A lead card as the fan filled it in."""

    model_config = ConfigDict(frozen=True)

    card_id: str
    status: int | None
    answers: str  # sealed: a JSON list of [label, value]; the phone is as the platform masks it


class MessageReceived(Event):
    """A fan wrote to the account (subject: the fan). `text` is sealed; other kinds have none."""

    type = "douyin.message_received"

    message_id: str  # the platform's server_message_id, the reply context
    conversation_id: str  # the platform's conversation_short_id
    open_id: str  # the fan
    kind: str  # text, image, retain_consult_card, …
    text: str | None  # sealed for the organisation
    created_at: datetime  # the platform's create_time
    window_opened_at: datetime  # when the reply window began: created_at, or arrival for an app without a maximum age
    item_id: str | None = None  # of a video that the fan shared
    card: AnsweredCard | None = None


class PageEntered(Event):
    """A fan opened the chat page (subject: the fan). Opens the enter window."""

    type = "douyin.page_entered"

    message_id: str
    conversation_id: str
    open_id: str
    created_at: datetime
    window_opened_at: datetime


class FanFollowed(Event):
    """A fan followed the account (subject: the fan)."""

    type = "douyin.fan_followed"

    open_id: str
    followed_at: datetime


class MessageEchoed(Event):
    """The platform reports a message that our own app sent (subject: the fan); settles attempts."""

    type = "douyin.message_echoed"

    message_id: str
    conversation_id: str
    open_id: str  # the fan who received it
    kind: str
    content_hash: str
    created_at: datetime


class PersonAnswered(Event):
    """Somebody answered by hand in the Douyin app (subject: the fan): a person owns the conversation."""

    type = "douyin.person_answered"

    message_id: str
    conversation_id: str
    open_id: str
    kind: str
    text: str | None  # sealed
    created_at: datetime


class MessageRecalled(Event):
    """A direct or group message was taken back, by either side (subject: the other side)."""

    type = "douyin.message_recalled"

    message_id: str
    open_id: str  # the other side, as the platform names it
    by_account: bool
    recalled_at: datetime


class RecallSettled(Event):
    """A message that we wanted back is gone, or the platform refused (subject: the fan)."""

    type = "douyin.recall_settled"

    message_id: str
    open_id: str
    recalled: bool
    reason: str | None
    code: int | None
    log_id: str | None


class MessagesRead(Event):
    """Somebody has read a conversation up to an index (subject: the conversation)."""

    type = "douyin.messages_read"

    conversation_id: str
    is_group: bool
    open_id: str  # who read
    index: int  # equal and lower indexes are read
    read_at: datetime


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


class Outcome(StrEnum):
    """How one attempt ended. `unknown` may still become `sent` when an echo arrives."""

    SENT = "sent"
    FAILED = "failed"  # definitely not sent
    UNKNOWN = "unknown"  # may have been sent


class AttemptSettled(Event):
    """One item of a send was settled (subject: the fan). Comes again when `unknown` resolves."""

    type = "douyin.attempt_settled"

    operation_id: str
    reservation_id: str | None
    item: int  # 0-based place within the reply
    outcome: Outcome
    platform_message_id: str | None
    code: int | None  # the platform's error code
    log_id: str | None
    reason: str | None  # stable word, e.g. cap_reached, window_expired, content_refused
    closes_window: (
        Literal["cap_reached", "window_expired"] | None
    )  # the platform says: no more in this window


class AccountAuthorised(Event):
    """The owner authorised a Douyin app (subject: the account): messages may be sent."""

    type = "douyin.account_authorised"

    client_key: str
    open_id: str
    scopes: list[str]  # as the platform lists them; those of direct messages are never listed
    usable_until: datetime | None  # the end of the tokens as they are; it moves with every renewal


class AccountRevoked(Event):
    """The owner withdrew (subject: the account): nothing is sent any more, and what waits fails."""

    type = "douyin.account_revoked"

    client_key: str
    open_id: str
    reason: str  # stable word, e.g. withdrawn, contract_withdrawn
    revoked_at: datetime


class AuthorisationNeeded(Event):
    """Only the owner can keep the account sending, or let it send again (subject: the account).

    Told once from one authorisation to the next.
    """

    type = "douyin.authorisation_needed"

    client_key: str
    open_id: str
    reason: str  # stable word, e.g. renewals_used_up, withdrawn
    usable_until: datetime  # when sending stops, or has stopped


class AuthorisationReported(Event):
    """The platform reports what an owner granted or withdrew (subject: the account's open_id)."""

    type = "douyin.authorisation_reported"

    report: Literal["authorize", "unauthorize", "contract_authorize", "contract_unauthorize"]
    open_id: str  # the account's own
    scopes: list[str]
    reported_at: datetime
