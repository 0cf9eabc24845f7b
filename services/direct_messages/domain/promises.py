"""The promise to answer: a clock a conversation and measure, its deadlines, and what time makes of it.

`any` is the promise to the fan: an answer of a bot or a person. `human` is measured beside it, so that
a talkative bot hides nobody's neglect. Met is up to and including the deadline.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.direct_messages.domain.policy import Policy

TICK: Final = timedelta(milliseconds=1)  # by so much a deadline must be over


class Measure(StrEnum):
    """Whose answer stops the clock."""

    ANY = "any"
    HUMAN = "human"


class Told(StrEnum):
    """How far a running clock has come."""

    NOTHING = "nothing"
    WARNED = "warned"
    BREACHED = "breached"  # and told to the supervisor, where it escalates
    ESCALATED = "escalated"  # told to the owner


@dataclass(frozen=True, slots=True)
class Clock:
    """As stored. Deadlines are business time, reckoned when it started; None: they never come."""

    organization_id: str
    account_id: str
    id: str  # of the message or the lead that started it
    measure: Measure
    conversation_id: str
    started_at: datetime
    round_the_clock: bool
    escalates: bool
    warn_at: datetime | None
    breach_at: datetime | None
    owner_at: datetime | None
    close_at: datetime
    told: Told
    due_at: datetime | None
    answered_at: datetime | None = None
    answered_by: str | None = None
    agent_id: str | None = None
    elapsed_ms: int | None = None  # of business time
    is_met: bool | None = None
    cancelled_at: datetime | None = None
    ask_at: datetime | None = None  # when a rule for `no_answer` is due next; of the measure `any`
    asked_minutes: int = 0  # of the wait, that rules were asked about


@dataclass(frozen=True, slots=True)
class Start:
    """What starts a clock, unless one runs already."""

    organization_id: str
    account_id: str
    id: str
    conversation_id: str
    at: datetime
    ask_at: datetime | None = None


def clocks(start: Start, policy: Policy) -> list[Clock]:
    """Both clocks that a message of a fan starts."""
    people, calendar = policy.people, policy.calendar
    warn_at = calendar.after(start.at, people.warn_after)
    return [
        Clock(
            organization_id=start.organization_id,
            account_id=start.account_id,
            id=start.id,
            measure=measure,
            conversation_id=start.conversation_id,
            started_at=start.at,
            round_the_clock=calendar.is_round_the_clock,
            escalates=measure is Measure.ANY or people.human_escalates,
            warn_at=warn_at,
            breach_at=calendar.after(start.at, people.respond_within),
            owner_at=calendar.after(start.at, people.owner_after),
            close_at=start.at + people.pool_after,
            told=Told.NOTHING,
            due_at=min(warn_at or start.at + people.pool_after, start.at + people.pool_after),
            ask_at=start.ask_at if measure is Measure.ANY else None,
        )
        for measure in Measure
    ]


def turned(clock: Clock, now: datetime) -> tuple[Clock, list[Told]]:
    """The clock at `now`, and what has to be told on the way there, in order."""
    told: list[Told] = []
    for step, at in _steps(clock):
        if at > now:
            return replace(clock, due_at=at), told
        if step is None:
            return replace(clock, due_at=None, cancelled_at=now), told
        told.append(step)
        clock = replace(clock, told=step, is_met=False if step is not Told.WARNED else None)
    raise AssertionError("the last step closes it")


def _steps(clock: Clock) -> list[tuple[Told | None, datetime]]:
    """What is still to come, in order; the last one closes the clock."""
    order = [Told.NOTHING, Told.WARNED, Told.BREACHED, Told.ESCALATED]
    breach_at = clock.breach_at + TICK if clock.breach_at else None
    times = [None, clock.warn_at, breach_at, clock.owner_at if clock.escalates else None]
    left = list(zip(order, times, strict=True))[order.index(clock.told) + 1 :]
    coming = [(step, at) for step, at in left if at is not None and at < clock.close_at]
    return [*coming, (None, clock.close_at)]
