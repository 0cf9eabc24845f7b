"""A message in a conversation and the states that it may go through."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


class State(StrEnum):
    """Where a message is. Outbound: queued → unknown → failed → sent, never back; then recalled."""

    RECEIVED = "received"
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    RECALLED = "recalled"  # taken back, by either side


class Actor(StrEnum):
    """Who wrote it."""

    FAN = "fan"
    BOT = "bot"
    PERSON = "person"  # through our API
    APP = "app"  # a person in Douyin's own app


RANK = {State.QUEUED: 0, State.UNKNOWN: 1, State.FAILED: 2, State.SENT: 3}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation; `kind` may also be page_entered, followed or no_answer."""

    organization_id: str
    account_id: str
    id: str
    conversation_id: str | None
    direction: str  # in or out
    actor: Actor
    kind: str
    text: str | None
    state: State
    cause: str
    created_at: datetime
    platform_message_id: str | None = None
    operation_id: str | None = None
    item: int | None = None
    answers: str | None = None  # the message whose decision sent this one
    code: int | None = None
    log_id: str | None = None
    reason: str | None = None
    content: dict[str, Any] | None = None  # what belongs to a kind other than text


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one item of a send ended, as the connector tells it."""

    organization_id: str
    account_id: str
    operation_id: str
    item: int
    state: State
    platform_message_id: str | None
    code: int | None
    log_id: str | None
    reason: str | None

    @property
    def rank(self) -> int:
        """The higher one is believed."""
        return RANK[self.state]


class OperationState(StrEnum):
    """Whether a send was handed to the connector."""

    REQUESTED = "requested"
    NOT_REQUESTED = "not_requested"  # given up before it was asked for: its hold is free


@dataclass(frozen=True, slots=True)
class Operation:
    """One send of one or more items under one reservation."""

    organization_id: str
    account_id: str
    id: str
    state: OperationState
    conversation_id: str | None
    actor: Actor
    items: int
    reservation_id: str
    supersedes: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """A conversation went from one owner to another."""

    organization_id: str
    account_id: str
    id: str
    conversation_id: str
    owner: str
    reason: str
    message_id: str | None  # what brought it about
    created_at: datetime


_AUTOMATIC: Final = re.compile(r"op_([0-9a-z]+)_\d+")
_DECIDED_ON: Final = frozenset(
    {
        *("douyin.message_received", "douyin.page_entered", "fans.follow_changed"),
        "direct_messages.fan_waited",
    }
)


def decided_message(event_type: str, event_id: str, operation_id: str) -> str | None:
    """The message on which was decided what led to an event, as far as its ids say so."""
    if found := _AUTOMATIC.fullmatch(operation_id):
        return f"dm_{found[1]}"
    return f"dm_{event_id.partition('_')[2]}" if event_type in _DECIDED_ON else None
