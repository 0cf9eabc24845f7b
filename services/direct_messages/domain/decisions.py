"""What happens on an inbound message, a page entry, a follow or a wait. The same inputs decide the same."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.direct_messages.domain import calling, conversations, waits
from services.direct_messages.domain.asking import on_answer
from services.direct_messages.domain.cases import Case, Decision, Outcome, Wait
from services.direct_messages.domain.choosing import (
    candidates_of,
    firing,
    judged,
    wordless_of,
)
from services.direct_messages.domain.conversations import Context, Conversation, Owner, Reason
from services.direct_messages.domain.matching import Candidate, called
from services.direct_messages.domain.precedence import Step
from services.direct_messages.domain.rules import Rule, Trigger
from services.direct_messages.domain.saying import fire, guarded
from services.direct_messages.domain.texts import reading

# what a send leaves on the conversation, besides its time
_MARKS = (
    *("last_default_at", "last_greeting_at", "last_follow_reply_at", "follow_epoch"),
    *("menu_level", "menu_shown_at", "flow"),
)


def decide(case: Case) -> Decision:
    """Decide by the table in `precedence`; the same case is decided the same for ever."""
    state = _heard(case)
    if state.owner is Owner.PERSON:
        return Decision(case, Outcome.PERSON_OWNS, state)
    if case.inbound.is_part:
        return Decision(case, Outcome.JOINED, state)
    if case.inbound.is_message:
        return calling.beside(_on_message(case, state))
    if case.inbound.wait is not None:
        return _on_wait(case, state, case.inbound.wait)
    found = candidates_of(case.rules.by_trigger.get(case.inbound.trigger, ()), Step.GREETING, case)
    answered = _on_enter if case.inbound.trigger is Trigger.ENTER else _on_follow
    return replace(answered(case, state, _fires(found)), found=tuple(found))


def withdraw(conversation: Conversation, decision: Decision) -> Conversation:
    """The conversation as if nothing had been sent for `decision`: quota refused it.

    A hand-off stays: the fan asked for a person whether or not there was room for the notice.
    """
    sent = list(conversation.auto_sent_at)
    for time in decision.after.auto_sent_at[-len(decision.items) :] if decision.items else ():
        if time in sent:
            sent.remove(time)
    restored: dict[str, Any] = {"auto_sent_at": tuple(sent)}
    # what a flow learnt stays learnt, whether or not there was room to say so
    for name in _MARKS[:-1] if decision.learnt else _MARKS:
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
    if inbound.is_message:
        last = conversation.last_inbound_at
        if last is None or inbound.at >= last:  # one that comes late opens nothing
            changes.update(last_inbound_id=inbound.platform_id, last_inbound_at=inbound.at)
        times = conversations.recent(conversation.inbound_at, inbound.at, policy)
        changes["inbound_at"] = (*times, inbound.at)[-policy.loop_inbound - 1 :]
    elif inbound.trigger is Trigger.ENTER and inbound.at >= (conversation.entered_at or inbound.at):
        changes.update(enter_id=inbound.platform_id, entered_at=inbound.at)
        if inbound.source is not None:  # an entry of a release before may name none
            changes["source"] = inbound.source
    return conversations.changed(conversation, **changes) if changes else conversation


def _on_message(case: Case, state: Conversation) -> Decision:
    inbound, policy = case.inbound, case.policy
    if len(state.inbound_at) > policy.loop_inbound:
        return guarded(case, state)
    context = conversations.reply_context(inbound.platform_id or "", inbound.at, policy)
    if inbound.trigger is Trigger.LEAD:
        rules = case.rules.by_trigger.get(Trigger.LEAD, ())
        return _fired(case, state, context, candidates_of(rules, Step.TAPPED, case))
    if inbound.text:
        return _on_words(case, state, context, inbound.text[: policy.text_chars])
    return _wordless(case, state, context, [])


def _on_words(case: Case, state: Conversation, context: Context, text: str) -> Decision:
    said, level = reading(text, case.rules.form), state.seen_level(case.policy, case.now)
    found = judged(case.rules.matches_of(said, level), case)
    first = firing(found)
    reason = calling.by_words(said, case.policy.people)
    if reason is not None and not (first and first.rule.definition.hand_off):
        over = conversations.hand_over(state, Owner.PERSON, reason, case.now)
        over = conversations.changed(over, flow=None) if over.flow else over
        return Decision(case, Outcome.HANDED_OVER, over, found=tuple(found))
    if state.flow is not None:
        told = on_answer(case, state, state.flow, said, first, context)
        if isinstance(told, Decision):
            return replace(told, found=tuple(found))
        state = told
    if first is None and level is not None and (meant := case.rules.menu.near(said, level)):
        found += judged([called(meant)], case)
    return _fired(case, state, context, found)


def _fired(case: Case, state: Conversation, context: Context, found: list[Candidate]) -> Decision:
    if first := firing(found):
        if state.misses:
            state = conversations.changed(state, misses=0)
        return replace(fire(case, state, first.rule, context), found=tuple(found))
    return _wordless(case, state, context, found)


def _wordless(
    case: Case, state: Conversation, context: Context, found: list[Candidate]
) -> Decision:
    """No words matched: rules for the kind of message or for such a fan, then the default reply."""
    for candidate in wordless_of(case):
        is_greeting = not candidate.rule.definition.kinds
        fails = candidate.fails
        if is_greeting and _is_within(
            state.last_greeting_at, case.policy.greeting_interval, case.now
        ):
            fails = fails or "greeting_interval"
        found.append(replace(candidate, fails=fails))
        if fails is None:
            marks = {"last_greeting_at": case.now} if is_greeting else {}
            fired = fire(case, state, candidate.rule, context, **marks)
            return replace(fired, found=tuple(found))
    state = conversations.changed(state, misses=state.misses + 1)
    if 0 < case.policy.people.misses <= state.misses:
        over = conversations.hand_over(state, Owner.PERSON, Reason.MISSES, case.now)
        return Decision(case, Outcome.HANDED_OVER, over, found=tuple(found))
    asked = candidates_of(case.rules.by_trigger.get(Trigger.DEFAULT, ()), Step.DEFAULT, case)
    found += asked
    rule = _fires(asked)
    if rule is None:
        return Decision(case, Outcome.NO_MATCH, state, found=tuple(found))
    if _is_within(state.last_default_at, case.policy.default_interval, case.now):
        return Decision(case, Outcome.DEFAULT_WAITS, state, found=tuple(found))
    fired = fire(case, state, rule, context, last_default_at=case.now)
    return replace(fired, found=tuple(found))


def _fires(found: list[Candidate]) -> Rule | None:
    first = firing(found)
    return first.rule if first else None


def _on_enter(case: Case, state: Conversation, rule: Rule | None) -> Decision:
    if rule is None:
        return Decision(case, Outcome.NO_MATCH, state)
    if _is_within(state.last_greeting_at, case.policy.greeting_interval, case.now):
        return Decision(case, Outcome.GREETING_WAITS, state)
    inbound = case.inbound
    context = conversations.enter_context(inbound.platform_id or "", inbound.at, case.policy)
    return fire(case, state, rule, context, last_greeting_at=case.now)


def _on_follow(case: Case, state: Conversation, rule: Rule | None) -> Decision:
    inbound, policy, now = case.inbound, case.policy, case.now
    if rule is None:
        return Decision(case, Outcome.NO_MATCH, state)
    is_old = state.follow_epoch is not None and (inbound.epoch or 0) <= state.follow_epoch
    if is_old or _is_within(state.last_follow_reply_at, policy.follow_interval, now):
        return Decision(case, Outcome.FOLLOW_ANSWERED, state)
    context = conversations.newest_context(state, policy, now)
    if context is None:
        return Decision(case, Outcome.NO_REPLY_CONTEXT, state, rule)
    marks = {"follow_epoch": inbound.epoch, "last_follow_reply_at": now}
    return fire(case, state, rule, context, **marks)


def _on_wait(case: Case, state: Conversation, wait: Wait) -> Decision:
    if any(at >= wait.since for at in state.auto_sent_at):  # it overtook this
        return Decision(case, Outcome.ANSWERED, state)
    rules = waits.due(case.rules.by_trigger.get(Trigger.NO_ANSWER, ()), wait)
    found = candidates_of(rules, Step.GREETING, case)
    first = firing(found)
    if first is None:
        return Decision(case, Outcome.NO_MATCH, state, found=tuple(found))
    context = conversations.newest_context(state, case.policy, case.now)
    if context is None:
        return Decision(case, Outcome.NO_REPLY_CONTEXT, state, first.rule, found=tuple(found))
    return replace(fire(case, state, first.rule, context), found=tuple(found))


def _is_within(last: datetime | None, interval: timedelta, now: datetime) -> bool:
    return last is not None and now - last < interval
