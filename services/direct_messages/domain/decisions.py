"""What happens on an inbound message, a page entry or a follow. The same inputs decide the same."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from services.direct_messages.domain import conversations, effects
from services.direct_messages.domain.cases import Case
from services.direct_messages.domain.choosing import candidates_of, firing, judged, wordless_of
from services.direct_messages.domain.conversations import Context, Conversation, Owner, Reason
from services.direct_messages.domain.items import Item
from services.direct_messages.domain.matching import Candidate, asks_for_person
from services.direct_messages.domain.precedence import Step
from services.direct_messages.domain.rules import Mode, Rule, Trigger
from services.direct_messages.domain.texts import reading


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
    found: list[Candidate] = []
    if inbound.trigger is Trigger.LEAD:
        found = candidates_of(case.rules.by_trigger.get(Trigger.LEAD, ()), Step.CARD, case)
    elif inbound.text:
        said = reading(inbound.text[: policy.text_chars], case.rules.form)
        found = judged(case.rules.matches_of(said), case)
        first = firing(found)
        if asks_for_person(said) and not (first and first.rule.definition.hand_off):
            over = conversations.hand_over(state, Owner.PERSON, Reason.HAND_OFF_WORD, case.now)
            return Decision(case, Outcome.HANDED_OVER, over, found=tuple(found))
    context = conversations.reply_context(inbound.platform_id or "", inbound.at, policy)
    if first := firing(found):
        if state.misses:
            state = conversations.changed(state, misses=0)
        return replace(_fire(case, state, first.rule, context), found=tuple(found))
    return _without_words(case, state, context, found)


def _without_words(
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
    """The items of `rule` in `context`, unless the window is over or the loop guard stops it.

    What is sent leaves its `marks` on the conversation.
    """
    now, policy = case.now, case.policy
    items = chosen(rule, case.seed, policy.items_per_firing)
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


def _guarded(case: Case, state: Conversation) -> Decision:
    over = conversations.hand_over(state, Owner.PERSON, Reason.LOOP_GUARD, case.now)
    return Decision(case, Outcome.LOOP_GUARD, over)


def chosen(rule: Rule, seed: str, most: int) -> tuple[Item, ...]:
    """The replies that `rule` sends under `seed`."""
    replies = rule.definition.replies
    if rule.definition.mode is Mode.ALL or not replies:
        return replies[:most]
    number = int.from_bytes(hashlib.blake2s(f"{rule.id}|{seed}".encode(), digest_size=8).digest())
    return (replies[number % len(replies)],)


def _is_within(last: datetime | None, interval: timedelta, now: datetime) -> bool:
    return last is not None and now - last < interval
