"""What happens on an inbound message, a page entry or a follow. The same inputs decide the same."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from services.direct_messages.domain import conversations, effects, flows
from services.direct_messages.domain.cases import Case
from services.direct_messages.domain.choosing import (
    candidates_of,
    chosen,
    firing,
    judged,
    wordless_of,
)
from services.direct_messages.domain.conversations import Context, Conversation, Owner, Reason
from services.direct_messages.domain.effects import flow_of
from services.direct_messages.domain.flows import Waiting
from services.direct_messages.domain.items import Item, MenuReply, Reply, TextReply
from services.direct_messages.domain.matching import Candidate, asks_for_person, called
from services.direct_messages.domain.precedence import Step
from services.direct_messages.domain.rules import Rule, Trigger
from services.direct_messages.domain.texts import Reading, reading


class Outcome(StrEnum):
    """One word for what was decided. `quota_refused` comes when quota says no."""

    REPLIED = "replied"
    SILENT = "silent"  # a rule fired that sends nothing
    HANDED_OVER = "handed_over"  # to a person, without a notice
    JOINED = "joined"  # decided with a message that came right after
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


# what a send leaves on the conversation, besides its time
_MARKS = (
    *("last_default_at", "last_greeting_at", "last_follow_reply_at", "follow_epoch"),
    *("menu_level", "menu_shown_at", "flow"),
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on a case; `found` are the rules that matched, in the order of precedence.

    The first of them whose conditions hold fires, unless something above all rules does not let it.
    """

    case: Case
    outcome: Outcome
    after: Conversation
    rule: Rule | None = None
    items: tuple[Item, ...] = ()
    context: Context | None = None
    found: tuple[Candidate, ...] = ()
    learnt: tuple[tuple[str, str], ...] = ()  # of a flow that came to its end: field → message


def decide(case: Case) -> Decision:
    """Decide by the table in `precedence`; the same case is decided the same for ever."""
    state = _heard(case)
    if state.owner is Owner.PERSON:
        return Decision(case, Outcome.PERSON_OWNS, state)
    if case.inbound.is_part:
        return Decision(case, Outcome.JOINED, state)
    if case.inbound.is_message:
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
    return conversations.changed(conversation, **changes) if changes else conversation


def _on_message(case: Case, state: Conversation) -> Decision:
    inbound, policy = case.inbound, case.policy
    if len(state.inbound_at) > policy.loop_inbound:
        return _guarded(case, state)
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
    if asks_for_person(said) and not (first and first.rule.definition.hand_off):
        over = conversations.hand_over(state, Owner.PERSON, Reason.HAND_OFF_WORD, case.now)
        over = conversations.changed(over, flow=None) if over.flow else over
        return Decision(case, Outcome.HANDED_OVER, over, found=tuple(found))
    if state.flow is not None:
        told = _on_answer(case, state, state.flow, said, first, context)
        if isinstance(told, Decision):
            return replace(told, found=tuple(found))
        state = told
    if first is None and level is not None and (meant := case.rules.menu.near(said, level)):
        found += judged([called(meant)], case)
    return _fired(case, state, context, found)


def _on_answer(
    case: Case,
    state: Conversation,
    waiting: Waiting,
    said: Reading,
    first: Candidate | None,
    context: Context,
) -> Decision | Conversation:
    """The next question of the flow, or its end; else the conversation that other rules may answer."""
    rule = case.rules.flows.get(waiting.rule_id)
    flow = flow_of(rule.definition.effects) if rule else None
    if rule is None or flow is None or flows.is_over(flow, waiting, case.now):
        return conversations.changed(state, flow=None)
    # what starts the flow answers none of its questions
    is_exact = first is not None and (first.step < Step.CONTAINS or first.rule is rule)
    if flows.lets_pass(flow, waiting, said, is_rule=first is not None, is_exact=is_exact):
        return state
    turn = flows.turn(flow, waiting, said, case.inbound.message_id, case.now)
    if turn is None:
        return conversations.changed(state, flow=None)
    if turn.waiting is None:
        state = conversations.changed(state, flow=None)
        decision = _say(case, state, rule, (TextReply(turn.says),), context, misses=0)
        return replace(decision, learnt=turn.answers)
    return _say(case, state, rule, (TextReply(turn.says),), context, flow=turn.waiting, misses=0)


def _fired(case: Case, state: Conversation, context: Context, found: list[Candidate]) -> Decision:
    if first := firing(found):
        if state.misses:
            state = conversations.changed(state, misses=0)
        return replace(_fire(case, state, first.rule, context), found=tuple(found))
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
            fired = _fire(case, state, candidate.rule, context, **marks)
            return replace(fired, found=tuple(found))
    state = conversations.changed(state, misses=state.misses + 1)
    if 0 < case.policy.people.misses <= state.misses:
        over = conversations.hand_over(state, Owner.PERSON, Reason.MISSES, case.now)
        return Decision(case, Outcome.HANDED_OVER, over, found=tuple(found))
    rule, skipped = _first(case, Trigger.DEFAULT, Step.DEFAULT)
    found += skipped
    if rule is None:
        return Decision(case, Outcome.NO_MATCH, state, found=tuple(found))
    if _is_within(state.last_default_at, case.policy.default_interval, case.now):
        return Decision(case, Outcome.DEFAULT_WAITS, state, found=tuple(found))
    fired = _fire(case, state, rule, context, last_default_at=case.now)
    return replace(fired, found=tuple(found))


def _first(case: Case, trigger: Trigger, step: Step) -> tuple[Rule | None, list[Candidate]]:
    """The rule that fires on `trigger`, and those before it whose conditions do not hold."""
    found = candidates_of(case.rules.by_trigger.get(trigger, ()), step, case)
    first = firing(found)
    return first.rule if first else None, [c for c in found if c.fails is not None]


def _on_enter(case: Case, state: Conversation) -> Decision:
    rule, skipped = _first(case, Trigger.ENTER, Step.GREETING)
    if rule is None:
        return Decision(case, Outcome.NO_MATCH, state, found=tuple(skipped))
    if _is_within(state.last_greeting_at, case.policy.greeting_interval, case.now):
        return Decision(case, Outcome.GREETING_WAITS, state, found=tuple(skipped))
    inbound = case.inbound
    context = conversations.enter_context(inbound.platform_id or "", inbound.at, case.policy)
    fired = _fire(case, state, rule, context, last_greeting_at=case.now)
    return replace(fired, found=tuple(skipped))


def _on_follow(case: Case, state: Conversation) -> Decision:
    inbound, policy, now = case.inbound, case.policy, case.now
    rule, skipped = _first(case, Trigger.FOLLOW, Step.GREETING)
    if rule is None:
        return Decision(case, Outcome.NO_MATCH, state, found=tuple(skipped))
    is_old = state.follow_epoch is not None and (inbound.epoch or 0) <= state.follow_epoch
    if is_old or _is_within(state.last_follow_reply_at, policy.follow_interval, now):
        return Decision(case, Outcome.FOLLOW_ANSWERED, state)
    context = conversations.newest_context(state, policy, now)
    if context is None:
        return Decision(case, Outcome.NO_REPLY_CONTEXT, state, rule)
    marks = {"follow_epoch": inbound.epoch, "last_follow_reply_at": now}
    return replace(_fire(case, state, rule, context, **marks), found=tuple(skipped))


def _fire(case: Case, state: Conversation, rule: Rule, context: Context, **marks: Any) -> Decision:
    """The items of `rule` in `context`, unless the window is over or the loop guard stops it."""
    replies = chosen(rule, case.seed, case.policy.items_per_firing)
    items = tuple(_seen(reply, case) for reply in replies)
    if menus := [reply for reply in replies if isinstance(reply, MenuReply)]:
        marks |= {"menu_level": menus[-1].level, "menu_shown_at": case.now}
    if flow := flow_of(rule.definition.effects):
        running = state.flow if state.flow and state.flow.rule_id == rule.id else None
        waiting = running or flows.begun(rule.id, case.now)  # two quick messages start one
        items = (*items, TextReply(flows.asked(flow.steps[waiting.step])))
        marks |= {"flow": replace(waiting, asked_at=case.now)}
    return _say(case, state, rule, items, context, **marks)


def _say(
    case: Case,
    state: Conversation,
    rule: Rule,
    items: tuple[Item, ...],
    context: Context,
    **marks: Any,
) -> Decision:
    """These items, for `rule`. What is sent leaves its `marks` on the conversation."""
    now, policy = case.now, case.policy
    if len(state.auto_sent_at) + len(items) > policy.loop_sends:
        return replace(_guarded(case, state), rule=rule)
    if rule.definition.hand_off:
        state = conversations.hand_over(state, Owner.PERSON, Reason.HAND_OFF_RULE, now)
    if rule.definition.effects:
        state = effects.apply(rule.definition.effects, state, policy.tags_max)
    if not items:
        handed = rule.definition.hand_off
        return Decision(case, Outcome.HANDED_OVER if handed else Outcome.SILENT, state, rule)
    if not context.is_live(now):
        return Decision(case, Outcome.WINDOW_EXPIRED, state, rule)
    sent_at = state.auto_sent_at + (now,) * len(items)
    state = conversations.changed(state, auto_sent_at=sent_at, **marks)
    return Decision(case, Outcome.REPLIED, state, rule, items, context)


def _seen(reply: Reply, case: Case) -> Item:
    return case.rules.menu.shown(reply, case.policy) if isinstance(reply, MenuReply) else reply


def _guarded(case: Case, state: Conversation) -> Decision:
    over = conversations.hand_over(state, Owner.PERSON, Reason.LOOP_GUARD, case.now)
    return Decision(case, Outcome.LOOP_GUARD, over)


def _is_within(last: datetime | None, interval: timedelta, now: datetime) -> bool:
    return last is not None and now - last < interval
