"""Flows: short dialogues in which a rule asks one thing after the other, until it knows what it needs.

A flow is part of its rule, so it is drafted, published and explained with it. The conversation remembers which
question waits for an answer, and which messages answered: never what they said.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

from services.direct_messages.domain.leads import Contact, Source, contact_of
from services.direct_messages.domain.texts import Form, Reading, reading

STEPS_MAX: Final = 10
CHOICES_MAX: Final = 9  # a fan answers with one digit
EXPIRES_MAX: Final = 24 * 60  # minutes: later, nothing may be sent any more
_ANSWER_CHARS: Final = 200
_LEAVES: Final = frozenset({"取消", "退出", "不用了", "算了", "cancel"})
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_DIGIT: Final = re.compile(r"(?:选|第)?([1-9])(?:个|项|号)?")


class Expects(StrEnum):
    """What kind of answer a question takes."""

    TEXT = "text"
    PHONE = "phone"
    NUMBER = "number"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers. `then` is the step that follows, counted from 0; None: the next, -1: the end."""

    label: str
    then: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One question. `field` names what is learnt: name, phone, wechat and city are of the contact."""

    field: str
    question: str
    expects: Expects = Expects.TEXT
    choices: tuple[Choice, ...] = ()
    hint: str | None = None  # said to an answer that does not fit; None: the question again


@dataclass(frozen=True, slots=True)
class StartFlow:
    """After its replies, the rule asks these questions."""

    steps: tuple[Step, ...]
    done: str  # said after the last answer
    expires_minutes: int = 60  # a fan who is silent for longer left the flow
    tries: int = 2  # answers that do not fit, before the flow ends
    kind: Literal["start_flow"] = "start_flow"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where a conversation stands in a flow. `answers`: (field, our id of the message that answered)."""

    rule_id: str
    step: int
    asked_at: datetime
    misses: int = 0
    answers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """What the flow does with a message: says this and waits on, or ends (`waiting` None).

    `answers` is what was learnt, when the last question was answered.
    """

    says: str
    waiting: Waiting | None
    answers: tuple[tuple[str, str], ...] = field(default=())


def begun(rule_id: str, now: datetime) -> Waiting:
    """The first question waits."""
    return Waiting(rule_id, 0, now)


def asked(step: Step) -> str:
    """The question as the fan reads it, its choices numbered."""
    lines = [f"{number}. {choice.label}" for number, choice in enumerate(step.choices, 1)]
    return "\n".join([step.question, *lines])


def is_over(flow: StartFlow, waiting: Waiting, now: datetime) -> bool:
    """Whether nobody waits any more: the fan was silent for too long, or the rule lost that step."""
    is_late = now - waiting.asked_at >= timedelta(minutes=flow.expires_minutes)
    return is_late or waiting.step >= len(flow.steps)


def lets_pass(
    flow: StartFlow, waiting: Waiting, said: Reading, *, is_rule: bool, is_exact: bool
) -> bool:
    """Whether a rule answers instead and the question waits on.

    Any text is an answer to a question for text, so there only a rule that is meant word for word
    comes first; elsewhere every rule answers what is no answer.
    """
    if said.bare in _LEAVES:
        return False
    step = flow.steps[waiting.step]
    if step.expects is Expects.TEXT:
        return is_exact
    return is_rule and _fits(step, said) is None


def turn(
    flow: StartFlow, waiting: Waiting, said: Reading, message_id: str, now: datetime
) -> Turn | None:
    """What the answer brings. None: it does not fit, and the flow has nothing more to say of it."""
    if said.bare in _LEAVES:
        return Turn("好的，已取消。", None)
    step = flow.steps[waiting.step]
    then = _fits(step, said)
    if then is None:
        if waiting.misses + 1 >= flow.tries:
            return None
        return Turn(
            step.hint or asked(step), replace(waiting, misses=waiting.misses + 1, asked_at=now)
        )
    answers = (*waiting.answers, (step.field, message_id))
    following = waiting.step + 1 if then == _NEXT else then
    if not 0 <= following < len(flow.steps):
        return Turn(flow.done, None, answers)
    ahead = Waiting(waiting.rule_id, following, now, 0, answers)
    return Turn(asked(flow.steps[following]), ahead)


def contact_from(flow: StartFlow, answers: Mapping[str, str]) -> Contact | None:
    """The contact that the answers (field → what was said) make; None if they hold none."""
    known: dict[str, str] = {}
    more: list[tuple[str, str]] = []
    for step in flow.steps:
        said = answers.get(step.field, "").strip()[:_ANSWER_CHARS]
        if not said:
            continue
        if step.expects is Expects.PHONE or step.field == "phone":
            found = contact_of(said, None)
            known["phone"] = found.phone if found and found.phone else said
        elif step.field in {"name", "wechat", "city"}:
            known[step.field] = said
        else:
            more.append((step.field, _chosen(step, said)))
    return Contact(Source.FLOW, more=tuple(more), **known) if known else None


def load_flow(record: Mapping[str, Any]) -> StartFlow:
    """The flow that `asdict` wrote."""
    steps = tuple(
        Step(
            one["field"],
            one["question"],
            Expects(one.get("expects", Expects.TEXT)),
            tuple(Choice(**choice) for choice in one.get("choices") or ()),
            one.get("hint"),
        )
        for one in record["steps"]
    )
    rest = {name: record[name] for name in ("done", "expires_minutes", "tries") if name in record}
    return StartFlow(steps, **rest)


def load_waiting(record: Mapping[str, Any] | None) -> Waiting | None:
    """The place in a flow that was stored; its time as text or as it is."""
    if record is None:
        return None
    at = record["asked_at"]
    answers = tuple((name, message_id) for name, message_id in record["answers"])
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    return Waiting(record["rule_id"], record["step"], when, record["misses"], answers)


def dump_flow(flow: StartFlow) -> dict[str, Any]:
    """The flow as JSON values."""
    return asdict(flow)


_NEXT: Final = -2  # no choice leads there


def _fits(step: Step, said: Reading) -> int | None:
    """The step that the answer leads to, _NEXT for the one that follows; None if it is no answer."""
    match step.expects:
        case Expects.TEXT:
            return _NEXT if said.words else None
        case Expects.PHONE:
            found = contact_of(said.plain, None)
            return _NEXT if found and found.phone else None
        case Expects.NUMBER:
            return _NEXT if _NUMBER.search(said.plain) else None
        case Expects.CHOICE:
            chosen = _choice(step, said)
            if chosen is None:
                return None
            return _NEXT if chosen.then is None else chosen.then


def _choice(step: Step, said: Reading) -> Choice | None:
    if number := _DIGIT.fullmatch(said.words):
        place = int(number.group(1)) - 1
        return step.choices[place] if place < len(step.choices) else None
    labels = [(reading(choice.label, Form.CHINESE).words, choice) for choice in step.choices]
    exact = [choice for label, choice in labels if label == said.bare]
    held = exact or [choice for label, choice in labels if label in said.words]
    return held[0] if len(held) == 1 else None


def _chosen(step: Step, said: str) -> str:
    """The label of what was chosen, where something was; else what was said."""
    chosen = _choice(step, reading(said, Form.CHINESE)) if step.choices else None
    return chosen.label if chosen else said
