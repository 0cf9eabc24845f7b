"""Fans who wait for an answer: when rules for `no_answer` are asked. Each is asked once a stretch of waiting.

A stretch begins with the message that started the clock of the promise, and ends with that clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from services.direct_messages.domain.cases import Wait
from services.direct_messages.domain.conversations import Conversation, Owner, owner_at
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.rules import Rule

LOOK_AGAIN: Final = timedelta(minutes=1)  # while a person has it, or an answer is on its way


@dataclass(frozen=True, slots=True)
class Waiter:
    """A running clock at which a rule may be due; `asked` minutes of it were asked about before."""

    clock_id: str
    conversation: Conversation
    since: datetime
    asked: int
    is_answering: bool  # something was asked to be sent, and nobody knows yet how that ended
    ask_at: datetime | None = None


def due(rules: Iterable[Rule], wait: Wait) -> list[Rule]:
    """Those to ask now, the longest wait first: who is late says what fits."""
    reached = [rule for rule in rules if wait.asked < _minutes(rule) <= wait.minutes]
    return sorted(reached, key=lambda rule: -_minutes(rule))


def ask_at(rules: Iterable[Rule], since: datetime, asked: int) -> datetime | None:
    """When the next of them is to be asked; None when there is none."""
    coming = [minutes for rule in rules if (minutes := _minutes(rule)) > asked]
    return since + timedelta(minutes=min(coming)) if coming else None


def turned(
    waiter: Waiter, rules: Iterable[Rule], policy: Policy, now: datetime
) -> tuple[Waiter, Wait | None]:
    """The waiter at `now`, and what is to be asked about.

    While a person owns the conversation the bot is silent: it is looked at again until they let go.
    """
    rules = list(rules)
    wait = Wait(waiter.since, waiter.asked, int((now - waiter.since) / timedelta(minutes=1)))
    if not due(rules, wait):
        return replace(waiter, ask_at=ask_at(rules, waiter.since, waiter.asked)), None
    if waiter.is_answering or owner_at(waiter.conversation, policy, now) is Owner.PERSON:
        return replace(waiter, ask_at=now + LOOK_AGAIN), None
    next_at = ask_at(rules, waiter.since, wait.minutes)
    return replace(waiter, asked=wait.minutes, ask_at=next_at), wait


def _minutes(rule: Rule) -> int:
    return rule.definition.after_minutes or 0
