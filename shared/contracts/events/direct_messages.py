"""What the conversation automation tells."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Event

Kind = Literal[
    "text",
    "image",  # image_id
    "video",  # item_id
    "lead_card",  # card_id
    "group_invitation",  # group_id, group_token?
    "applet_card",  # card_template_id?, card_id?, app_id?, path?, query?, schema?
    "question_card",  # title, questions
    "jump_card",  # title, questions: text, jump_type, app_id, path?, query?
    "coupon",  # activity_id, coupon_meta_id: digits
    "grant_card",  # app_id, app_open_id?
]


class SendItem(BaseModel):
    """One message to send, told apart by `kind`.

    `text` is sealed for the organisation: the text, or a JSON object of the fields that belong to
    another kind.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind = "text"
    text: str


class SendRequested(Event):
    """Send these items, in order, once (subject: the fan). Quota is held under `reservation_id`."""

    type = "direct_messages.send_requested"

    operation_id: str
    reservation_id: str
    conversation_id: str  # the platform's
    open_id: str  # the fan
    scene: str  # im_reply_msg or im_enter_direct_msg
    reply_to: str  # the platform id of the inbound message or enter event
    window_opened_at: datetime
    expires_at: datetime  # business time after which nothing may leave any more
    items: list[SendItem]
    supersedes: str | None  # the unknown operation that a person decided to send again


class RecallRequested(Event):
    """Take this message back (subject: the fan). All ids are the platform's."""

    type = "direct_messages.recall_requested"

    message_id: str
    conversation_id: str
    open_id: str


class HandOffChanged(Event):
    """A conversation went a step between bot and people (subject: the hand-off)."""

    type = "direct_messages.hand_off_changed"

    hand_off_id: str
    conversation_id: str
    stage: str  # queued, offered, accepted, wrap_up, ended
    reason: str  # a stable word: why it is there now
    agent_id: str | None  # whom it is offered to, or who accepted


class SlaWarned(Event):
    """A fan waits, and the promise will soon be broken (subject: the conversation)."""

    type = "direct_messages.sla_warned"

    clock_id: str  # the message or lead that started it
    measure: str  # any: whoever answers; human: a person
    conversation_id: str
    started_at: datetime
    breach_at: datetime | None


class SlaBreached(Event):
    """A fan was not answered in time (subject: the conversation). Told again when it goes further up."""

    type = "direct_messages.sla_breached"

    clock_id: str
    measure: str
    conversation_id: str
    started_at: datetime
    breach_at: datetime | None
    escalated_to: str | None  # supervisor, then owner; none: recorded only


class FanWaited(Event):
    """A fan had no answer for so long that a rule is due (subject: the fan)."""

    type = "direct_messages.fan_waited"

    clock_id: str  # the message that started the wait
    open_id: str  # the fan
    since: datetime
    asked: int  # minutes that rules were asked about before
    minutes: int


class SendNotRequested(Event):
    """A hold is overdue and its send was never requested (subject: the reservation): release it."""

    type = "direct_messages.send_not_requested"

    operation_id: str
    reservation_id: str


class Attribution(BaseModel):
    """By what a fan came who left a contact: the page entry behind it. The ids are the platform's."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    source: Literal["ad", "video", "page", "message"]  # message: no entry was told
    entered_at: datetime | None  # business time
    item_id: str | None  # the video from which the fan came
    ad: dict[str, str] | None  # through which: adv_id, ad_id, creative_id, promotion_id


class LeadCaptured(Event):
    """A fan left a way to be reached (subject: the fan).

    `contact` is sealed for the organisation: a JSON object of name, phone (E.164), masked_phone,
    wechat, city (each a text or null) and more (a list of [label, value]).
    """

    type = "direct_messages.lead_captured"

    open_id: str  # the fan
    conversation_id: str  # ours
    message_id: str  # ours
    source: Literal["lead_card", "text", "flow"]
    card_id: str | None  # the platform's, of a lead card
    contact: str
    consent_version: int | None  # of the account's consent text that held then; None: it had none
    captured_at: datetime  # business time
    attribution: Attribution | None = None  # None: told by a release that did not know


class RuleNotified(Event):
    """A rule fired that lets webhooks tell so (subject: the message)."""

    type = "direct_messages.rule_notified"

    rule_id: str
    rule_version: int
    label: str | None  # the rule's own word for it
    trigger: str
    conversation_id: str | None
    message_id: str  # ours, or what stands for an entry, a follow or a wait


class LeadStageAsked(Event):
    """A rule wants the fan's open lead at another stage (subject: the fan)."""

    type = "direct_messages.lead_stage_asked"

    open_id: str  # the fan
    message_id: str  # ours, on which the rule fired
    rule_id: str
    stage: str
    reason: str | None  # of a stage that ends a lead
    asked_at: datetime  # business time


class RulePaused(Event):
    """A rule no longer fires: the platform refused what it sends, again and again (subject: the rule)."""

    type = "direct_messages.rule_paused"

    rule_id: str
    rule_version: int
    reason: str  # a stable word, e.g. content_refused
    code: int | None  # the platform's error code
    log_id: str | None
