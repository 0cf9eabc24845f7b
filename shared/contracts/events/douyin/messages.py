"""Direct messages, and how sends and recalls end."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Envelope, Event


class AnsweredCard(BaseModel):
    """A lead card as the fan filled it in."""

    model_config = ConfigDict(frozen=True)

    card_id: str
    status: int | None
    answers: str  # sealed: a JSON list of [label, value]; the phone is as the platform masks it


class CardChanged(Event):
    """A lead card of the account was seen or changed, or is gone (subject: the card)."""

    type = "douyin.card_changed"

    card_id: str  # the platform's
    is_there: bool


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
    item_id: str | None = None  # the video from which the fan came
    ad: dict[str, str] = Field(
        default_factory=dict
    )  # the ad through which: adv_id, ad_id, creative_id, promotion_id


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


class Outcome(StrEnum):
    """How one attempt ended. `unknown` may still become `sent` when an echo arrives."""

    SENT = "sent"
    FAILED = "failed"  # definitely not sent
    UNKNOWN = "unknown"  # may have been sent


class SettledAttempt(BaseModel):
    """How one item of a send ended. Comes again when `unknown` resolves."""

    model_config = ConfigDict(frozen=True)

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
    cause: str = ""  # the inbound that started it; version 1 said it on the envelope alone


class AttemptSettled(SettledAttempt, Event):
    """One item of a send was settled (subject: the fan). No longer sent, still understood."""

    type = "douyin.attempt_settled"


class AttemptsSettled(Event):
    """Items of sends of one account were settled together (subject: the account).

    One envelope for many: its own cause is that of the first. Nobody waits for this news.
    """

    type = "douyin.attempt_settled"
    version = 2

    attempts: tuple[SettledAttempt, ...]

    @classmethod
    def heard(cls, envelope: Envelope) -> tuple[SettledAttempt, ...]:
        """What an envelope of either version tells."""
        if envelope.version == 1:
            return (SettledAttempt.model_validate({**envelope.data, "cause": envelope.cause}),)
        return cls.model_validate(envelope.data).attempts
