"""A hand-off: one stay of a conversation with people, from the queue to the end. Pure transitions.

queued → offered → accepted → wrap_up → ended; an offer that nobody takes goes back to the queue.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.direct_messages.domain.conversations import Reason


class HandOffStage(StrEnum):
    """Where a hand-off is."""

    QUEUED = "queued"
    OFFERED = "offered"  # to one agent, for a while
    ACCEPTED = "accepted"
    WRAP_UP = "wrap_up"  # answered; the agent still writes notes
    ENDED = "ended"


OPEN_STAGES: Final = (
    HandOffStage.QUEUED,
    HandOffStage.OFFERED,
    HandOffStage.ACCEPTED,
    HandOffStage.WRAP_UP,
)


@dataclass(frozen=True, slots=True)
class HandOff:
    """As stored. `due_at`: when time changes it next, unless somebody does before."""

    organization_id: str
    account_id: str
    id: str
    conversation_id: str
    fan_open_id: str
    reason: Reason
    skill: str | None
    urgent: bool  # comes before others
    stage: HandOffStage
    agent_id: str | None  # whom it is offered to, or who accepted; none: by a key without an agent
    passed_over: tuple[str, ...]
    queued_at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None
    end_reason: Reason | None
    noticed_at: datetime | None  # the fan was told of the queue
    due_at: datetime | None
    version: int

    @property
    def account(self) -> tuple[str, str]:
        """Whose it is."""
        return self.organization_id, self.account_id

    @property
    def is_held(self) -> bool:
        """Whether a person has it."""
        return self.stage in {HandOffStage.ACCEPTED, HandOffStage.WRAP_UP}


def offered(hand_off: HandOff, agent_id: str, until: datetime) -> HandOff:
    """Offer it to an agent."""
    return _next(hand_off, stage=HandOffStage.OFFERED, agent_id=agent_id, due_at=until)


def passed_over(hand_off: HandOff, now: datetime) -> HandOff:
    """Whoever has it does not take it, or no longer: the next one is asked."""
    asked = hand_off.passed_over
    if hand_off.agent_id is not None and hand_off.agent_id not in asked:
        asked = (*asked, hand_off.agent_id)
    return _next(hand_off, stage=HandOffStage.QUEUED, agent_id=None, passed_over=asked, due_at=now)


def accepted(hand_off: HandOff, agent_id: str | None, now: datetime) -> HandOff:
    """An agent has it now."""
    return _next(
        hand_off, stage=HandOffStage.ACCEPTED, agent_id=agent_id, accepted_at=now, due_at=now
    )


def sent_back(hand_off: HandOff, skill: str | None, now: datetime) -> HandOff:
    """Back into the queue, for somebody with that skill; whoever had it comes last."""
    return replace(passed_over(hand_off, now), skill=skill)


def wrapped_up(hand_off: HandOff, now: datetime) -> HandOff:
    """Answered; the agent has no more to say."""
    return _next(hand_off, stage=HandOffStage.WRAP_UP, due_at=now)


def looked_at(hand_off: HandOff, due_at: datetime) -> HandOff:
    """Nothing happened; time may change it at `due_at`."""
    return replace(hand_off, due_at=due_at)


def noticed(hand_off: HandOff, now: datetime) -> HandOff:
    """The fan was told that everybody is busy."""
    return replace(hand_off, noticed_at=now)


def urgent(hand_off: HandOff) -> HandOff:
    """Before others from now on."""
    return replace(hand_off, urgent=True)


def ended(hand_off: HandOff, reason: Reason, now: datetime) -> HandOff:
    """People have nothing more to do with it."""
    return _next(hand_off, stage=HandOffStage.ENDED, ended_at=now, end_reason=reason, due_at=None)


def _next(hand_off: HandOff, **changes: object) -> HandOff:
    return replace(hand_off, version=hand_off.version + 1, **changes)  # type: ignore[arg-type]
