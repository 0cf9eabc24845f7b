"""One fan's conversation with one account: who owns it, which contexts are open, how busy it is."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

from services.direct_messages.domain.flows import Waiting
from services.direct_messages.domain.policy import Policy


class Owner(StrEnum):
    """Who answers."""

    BOT = "bot"
    PERSON = "person"


class Reason(StrEnum):
    """Why the owner changed."""

    HAND_OFF_RULE = "hand_off_rule"
    HAND_OFF_WORD = "hand_off_word"
    LOOP_GUARD = "loop_guard"
    PERSON_REPLIED = "person_replied"
    PERSON_ANSWERED_IN_APP = "person_answered_in_app"
    SET_BY_PERSON = "set_by_person"
    PERSON_IDLE = "person_idle"
    MISSES = "misses"  # no rule knew what the fan wanted, several times in a row
    HUMAN_RESERVE = "human_reserve"  # what is left of the quota is for people
    VIP = "vip"  # a fan with a tag of those who matter wrote
    LEAD = "lead"  # a lead card came back
    MENU = "menu"  # an entry of the menu hands over
    NEGATIVE = "negative"  # the fan said words of an angry one
    SLA_BREACHED = "sla_breached"  # nobody answered in time
    ACCEPTED = "accepted"  # an agent took it
    RETURNED = "returned"  # an agent gave it to the bot
    FAN_IDLE = "fan_idle"  # the fan was silent for too long


class Starter(StrEnum):
    """Who began the conversation."""

    FAN = "fan"
    ACCOUNT = "account"  # somebody of the account wrote first, in Douyin's own app


class Source(StrEnum):
    """How the fan came, as far as the platform tells."""

    AD = "ad"
    VIDEO = "video"
    PAGE = "page"  # opened the chat page by another way
    MESSAGE = "message"  # wrote, and no entry was told


class Scene(StrEnum):
    """How a send is introduced to the platform."""

    REPLY = "im_reply_msg"
    ENTER = "im_enter_direct_msg"


@dataclass(frozen=True, slots=True)
class Context:
    """What a send may answer, and until when."""

    scene: Scene
    opened_by: str  # the platform's id of the inbound message or the page entry
    opened_at: datetime
    expires_at: datetime

    def held_in(self, opened_by: str, opened_at: datetime) -> "Context":
        """The same in the window that its hold counts in: the newest message is what a send answers."""
        if opened_by == self.opened_by:
            return self
        later = self.expires_at - self.opened_at
        return Context(self.scene, opened_by, opened_at, opened_at + later)

    def is_live(self, now: datetime) -> bool:
        """Whether something may still be sent in it."""
        return now < self.expires_at


@dataclass(frozen=True, slots=True)
class Conversation:
    """As stored. `version` grows by one with every save."""

    organization_id: str
    account_id: str
    id: str
    fan_open_id: str
    platform_conversation_id: str
    version: int
    created_at: datetime
    owner: Owner = Owner.BOT
    owner_reason: Reason | None = None
    owner_since: datetime | None = None
    last_person_at: datetime | None = None
    last_inbound_id: str | None = None  # the platform's
    last_inbound_at: datetime | None = None  # when its window opened
    enter_id: str | None = None
    entered_at: datetime | None = None
    last_default_at: datetime | None = None
    last_greeting_at: datetime | None = None
    follow_epoch: int | None = None  # the last one answered
    last_follow_reply_at: datetime | None = None
    inbound_at: tuple[datetime, ...] = ()  # the last minute's, for the loop guard
    auto_sent_at: tuple[datetime, ...] = ()
    started_by: Starter = Starter.FAN
    source: Source | None = None  # of the newest page entry
    tags: tuple[str, ...] = ()  # given by rules
    misses: int = 0  # texts in a row that no rule knew
    menu_level: int | None = None  # of the menu, what the fan was shown last: 0, or under an entry
    menu_shown_at: datetime | None = None
    flow: Waiting | None = None  # which question of a rule waits for an answer

    def seen_level(self, policy: Policy, now: datetime) -> int | None:
        """The level that a number is of; None when the last menu is too long ago."""
        if self.menu_shown_at is None or now - self.menu_shown_at >= policy.reply_context:
            return None
        return self.menu_level

    def tags_are_apart(self, tags: tuple[str, ...]) -> bool:
        """Whether it has none of `tags`."""
        return not self.tags or not set(self.tags) & set(tags)


_NAMES = [field.name for field in fields(Conversation)]
_PLACES = {name: place for place, name in enumerate(_NAMES)}
_all_fields = attrgetter(*_NAMES)


def changed(conversation: Conversation, **changes: Any) -> Conversation:
    """The conversation with other values: `dataclasses.replace` at a third of its cost.

    A decision makes two or three of these, and they are a good part of what it costs.
    """
    values = [*_all_fields(conversation)]
    for name, value in changes.items():
        values[_PLACES[name]] = value
    return Conversation(*values)


def reply_context(opened_by: str, opened_at: datetime, policy: Policy) -> Context:
    """The context that an inbound message opens."""
    return Context(Scene.REPLY, opened_by, opened_at, opened_at + policy.reply_context)


def enter_context(opened_by: str, opened_at: datetime, policy: Policy) -> Context:
    """The context that a page entry opens."""
    return Context(Scene.ENTER, opened_by, opened_at, opened_at + policy.enter_context)


def newest_context(conversation: Conversation, policy: Policy, now: datetime) -> Context | None:
    """The live context to answer in: the last inbound message, else the last page entry."""
    contexts = []
    if conversation.last_inbound_id and conversation.last_inbound_at:
        contexts.append(
            reply_context(conversation.last_inbound_id, conversation.last_inbound_at, policy)
        )
    if conversation.enter_id and conversation.entered_at:
        contexts.append(enter_context(conversation.enter_id, conversation.entered_at, policy))
    return next((context for context in contexts if context.is_live(now)), None)


def owner_at(conversation: Conversation, policy: Policy, now: datetime) -> Owner:
    """Who owns the conversation now: a person who fell silent has given it back.

    Silent means that for `dm.handoff.agent_idle_minutes` neither the person answered nor the fan
    wrote anything to be answered.
    """
    if conversation.owner is Owner.BOT:
        return Owner.BOT
    marks = (conversation.owner_since, conversation.last_person_at, conversation.last_inbound_at)
    last = max((mark for mark in marks if mark is not None), default=None)
    is_idle = last is None or now - last >= policy.agent_idle
    return Owner.BOT if is_idle else Owner.PERSON


def hand_over(
    conversation: Conversation, owner: Owner, reason: Reason, now: datetime
) -> Conversation:
    """The conversation with this owner; the same one again changes nothing."""
    if conversation.owner is owner:
        return conversation
    return changed(conversation, owner=owner, owner_reason=reason, owner_since=now, misses=0)


def taken(conversation: Conversation, reason: Reason, now: datetime) -> Conversation:
    """A person has the conversation from now on, without a word so far."""
    return changed(conversation, owner=Owner.PERSON, owner_reason=reason, owner_since=now, misses=0)


def person_spoke(conversation: Conversation, reason: Reason, now: datetime) -> Conversation:
    """A person wrote to the fan and owns the conversation."""
    since = conversation.owner_since if conversation.owner is Owner.PERSON else now
    was = conversation.owner_reason if conversation.owner is Owner.PERSON else reason
    return changed(
        conversation,
        owner=Owner.PERSON,
        owner_reason=was,
        owner_since=since,
        last_person_at=now,
    )


def recent(times: tuple[datetime, ...], at: datetime, policy: Policy) -> tuple[datetime, ...]:
    """Those of `times` that lie in the loop guard's window before `at`."""
    since = at - policy.loop_window
    return tuple(time for time in times if time > since)
