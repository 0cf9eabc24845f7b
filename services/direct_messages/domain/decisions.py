"""What happens on an inbound message, a page entry or a follow. The same inputs decide the same."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from services.direct_messages.domain import conversations
from services.direct_messages.domain.conversations import Context, Conversation, Owner, Reason
from services.direct_messages.domain.items import Item
from services.direct_messages.domain.matching import Candidate, CompiledRules, asks_for_person
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.rules import Mode, Rule, Trigger
from services.direct_messages.domain.texts import normalise


class Outcome(StrEnum):
    """One word for what was decided. `quota_refused` comes when quota says no."""

    REPLIED = "replied"
    HANDED_OVER = "handed_over"  # to a person, without a notice
    PERSON_OWNS = "person_owns"
    LOOP_GUARD = "loop_guard"
    DEFAULT_WAITS = "default_waits"  # the default reply was sent within its interval
    GREETING_WAITS = "greeting_waits"
    FOLLOW_ANSWERED = "follow_answered"  # this follow epoch, or one too short ago
    NO_MATCH = "no_match"
    NO_REPLY_CONTEXT = "no_reply_context"
    WINDOW_EXPIRED = "window_expired"
    QUOTA_REFUSED = "refused"
    RELEASED = "released"  # the hold was given up before the send was requested


@dataclass(frozen=True, slots=True)
class Inbound:
    """What happened. `at` is when its window opened."""

    trigger: Trigger  # message, enter or follow
    message_id: str  # ours
    platform_id: str | None
    text: str | None
    at: datetime
    epoch: int | None = None  # of a follow


@dataclass(frozen=True, slots=True)
class FanFacts:
    """What is known of the fan. Unknown counts as not following."""

    follows: bool | None = None
    observed_at: datetime | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """The inputs of one decision."""

    inbound: Inbound
    conversation: Conversation
    facts: FanFacts
    rules: CompiledRules
    policy: Policy
    now: datetime
    seed: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on a case; `found` are the rules that matched, the one that fires first."""

    case: Case
    outcome: Outcome
    after: Conversation
    rule: Rule | None = None
    items: tuple[Item, ...] = ()
    context: Context | None = None
    found: tuple[Candidate, ...] = ()


def decide(case: Case) -> Decision:
    """Decide by the precedence of domain.md §4.2; the same case is decided the same for ever."""
    state = _heard(case)
    if state.owner is Owner.PERSON:
        return Decision(case, Outcome.PERSON_OWNS, state)
    if case.inbound.trigger is Trigger.MESSAGE:
        return _on_message(case, state)
    if case.inbound.trigger is Trigger.ENTER:
        return _on_enter(case, state)
    return _on_follow(case, state)


def withdraw(conversation: Conversation, decision: Decision) -> Conversation:
    """The conversation as if nothing had been sent for `decision`: quota refused it.

    A hand-off stays: the fan asked for a person whether or not there was room for the notice.
    """
    sent = list(conversation.auto_sent_at)
    for time in decision.after.auto_sent_at[-len(decision.items) :] if decision.items else ():
        if time in sent:
            sent.remove(time)
    restored: dict[str, Any] = {"auto_sent_at": tuple(sent)}
    for name in ("last_default_at", "last_greeting_at", "last_follow_reply_at", "follow_epoch"):
        if getattr(conversation, name) == getattr(decision.after, name):
            restored[name] = getattr(decision.case.conversation, name)
    return conversations.changed(conversation, **restored)


def _heard(case: Case) -> Conversation:
    """The conversation after hearing the inbound, before answering it."""
    inbound, policy, now, conversation = case.inbound, case.policy, case.now, case.conversation
    changes: dict[str, Any] = {}
    if conversation.owner is not conversations.owner_at(conversation, policy, now):
        changes = {"owner": Owner.BOT, "owner_reason": Reason.PERSON_IDLE, "owner_since": now}
    if conversation.auto_sent_at:
        changes["auto_sent_at"] = conversations.recent(conversation.auto_sent_at, now, policy)
    if inbound.trigger is Trigger.MESSAGE:
        last = conversation.last_inbound_at
        if last is None or inbound.at >= last:  # one that comes late opens nothing
            changes.update(last_inbound_id=inbound.platform_id, last_inbound_at=inbound.at)
        times = conversations.recent(conversation.inbound_at, inbound.at, policy)
        changes["inbound_at"] = (*times, inbound.at)[-policy.loop_inbound - 1 :]
    elif inbound.trigger is Trigger.ENTER and inbound.at >= (conversation.entered_at or inbound.at):
        changes.update(enter_id=inbound.platform_id, entered_at=inbound.at)
    return conversations.changed(conversation, **changes) if changes else conversation


def _on_message(case: Case, state: Conversation) -> Decision:
    inbound, policy = case.inbound, case.policy
    if len(state.inbound_at) > policy.loop_inbound:
        return _guarded(case, state)
    found: tuple[Candidate, ...] = ()
    if inbound.text:
        text = normalise(inbound.text[: policy.text_chars])
        found = tuple(case.rules.matches(text))
        if asks_for_person(text) and not (found and found[0].rule.definition.hand_off):
            over = conversations.hand_over(state, Owner.PERSON, Reason.HAND_OFF_WORD, case.now)
            return Decision(case, Outcome.HANDED_OVER, over, found=found)
    context = conversations.reply_context(inbound.platform_id or "", inbound.at, policy)
    if found:
        return replace(_fire(case, state, found[0].rule, context), found=found)
    return _by_default(case, state, context)


def _by_default(case: Case, state: Conversation, context: Context) -> Decision:
    rule = case.rules.first(Trigger.DEFAULT)
    if rule is None:
        return Decision(case, Outcome.NO_MATCH, state)
    if _is_within(state.last_default_at, case.policy.default_interval, case.now):
        return Decision(case, Outcome.DEFAULT_WAITS, state)
    return _fire(case, state, rule, context, last_default_at=case.now)


def _on_enter(case: Case, state: Conversation) -> Decision:
    rule = case.rules.first(Trigger.ENTER)
    if rule is None:
        return Decision(case, Outcome.NO_MATCH, state)
    if _is_within(state.last_greeting_at, case.policy.greeting_interval, case.now):
        return Decision(case, Outcome.GREETING_WAITS, state)
    inbound = case.inbound
    context = conversations.enter_context(inbound.platform_id or "", inbound.at, case.policy)
    return _fire(case, state, rule, context, last_greeting_at=case.now)


def _on_follow(case: Case, state: Conversation) -> Decision:
    inbound, policy, now = case.inbound, case.policy, case.now
    rule = case.rules.first(Trigger.FOLLOW)
    if rule is None:
        return Decision(case, Outcome.NO_MATCH, state)
    is_old = state.follow_epoch is not None and (inbound.epoch or 0) <= state.follow_epoch
    if is_old or _is_within(state.last_follow_reply_at, policy.follow_interval, now):
        return Decision(case, Outcome.FOLLOW_ANSWERED, state)
    context = conversations.newest_context(state, policy, now)
    if context is None:
        return Decision(case, Outcome.NO_REPLY_CONTEXT, state, rule)
    marks = {"follow_epoch": inbound.epoch, "last_follow_reply_at": now}
    return _fire(case, state, rule, context, **marks)


def _fire(case: Case, state: Conversation, rule: Rule, context: Context, **marks: Any) -> Decision:
    """The items of `rule` in `context`, unless the window is over or the loop guard stops it.

    What is sent leaves its `marks` on the conversation.
    """
    now, policy = case.now, case.policy
    items = chosen(rule, case.seed, policy.items_per_firing)
    if len(state.auto_sent_at) + len(items) > policy.loop_sends:
        return replace(_guarded(case, state), rule=rule)
    if rule.definition.hand_off:
        state = conversations.hand_over(state, Owner.PERSON, Reason.HAND_OFF_RULE, now)
    if not context.is_live(now):
        return Decision(case, Outcome.WINDOW_EXPIRED, state, rule)
    sent_at = state.auto_sent_at + (now,) * len(items)
    state = conversations.changed(state, auto_sent_at=sent_at, **marks)
    return Decision(case, Outcome.REPLIED, state, rule, items, context)


def _guarded(case: Case, state: Conversation) -> Decision:
    over = conversations.hand_over(state, Owner.PERSON, Reason.LOOP_GUARD, case.now)
    return Decision(case, Outcome.LOOP_GUARD, over)


def chosen(rule: Rule, seed: str, most: int) -> tuple[Item, ...]:
    """The replies that `rule` sends under `seed`."""
    replies = rule.definition.replies
    if rule.definition.mode is Mode.ALL:
        return replies[:most]
    number = int.from_bytes(hashlib.blake2s(f"{rule.id}|{seed}".encode(), digest_size=8).digest())
    return (replies[number % len(replies)],)


def _is_within(last: datetime | None, interval: timedelta, now: datetime) -> bool:
    return last is not None and now - last < interval
