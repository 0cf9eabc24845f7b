"""What happens on an inbound message, a page entry or a follow. The same inputs decide the same."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.direct_messages.domain import conversations
from services.direct_messages.domain.conversations import Context, Conversation, Owner, Reason
from services.direct_messages.domain.matching import Candidate, CompiledRules, asks_for_person
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.rules import Mode, Rule, TextReply, Trigger
from services.direct_messages.domain.texts import normalise

_TRACED = 20  # candidates that a trace lists; the rest is a number


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
class Decision:
    """What was decided, and everything that is needed to decide it again."""

    outcome: Outcome
    rule: Rule | None
    items: tuple[TextReply, ...]
    context: Context | None
    before: Conversation
    after: Conversation
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Case:
    """The inputs of one decision."""

    inbound: Inbound
    rules: CompiledRules
    policy: Policy
    now: datetime
    seed: str


@dataclass(frozen=True, slots=True)
class _Verdict:
    outcome: Outcome
    state: Conversation
    rule: Rule | None = None
    items: tuple[TextReply, ...] = ()
    context: Context | None = None


def decide(  # noqa: PLR0913  the inputs are exactly what a record keeps
    inbound: Inbound,
    conversation: Conversation,
    facts: FanFacts,
    rules: CompiledRules,
    policy: Policy,
    now: datetime,
    seed: str,
) -> Decision:
    """Decide by the precedence of domain.md §4.2; `seed` makes the random choices."""
    case = _Case(inbound, rules, policy, now, seed)
    state = _heard(conversation, case)
    found: list[Candidate] = []
    if state.owner is Owner.PERSON:
        verdict = _Verdict(Outcome.PERSON_OWNS, state)
    elif inbound.trigger is Trigger.MESSAGE:
        found, verdict = _on_message(case, state)
    elif inbound.trigger is Trigger.ENTER:
        verdict = _on_enter(case, state)
    else:
        verdict = _on_follow(case, state)
    return Decision(
        outcome=verdict.outcome,
        rule=verdict.rule,
        items=verdict.items,
        context=verdict.context,
        before=conversation,
        after=verdict.state,
        record=_record(case, conversation, facts, found, verdict),
    )


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
            restored[name] = getattr(decision.before, name)
    return replace(conversation, **restored)


def _heard(conversation: Conversation, case: _Case) -> Conversation:
    """The conversation after hearing the inbound, before answering it."""
    inbound, policy, now = case.inbound, case.policy, case.now
    changes: dict[str, Any] = {}
    if conversation.owner is Owner.PERSON:
        if conversations.owner_at(conversation, policy, now) is Owner.BOT:
            changes.update(owner=Owner.BOT, owner_reason=Reason.PERSON_IDLE, owner_since=now)
    if conversation.auto_sent_at:
        changes["auto_sent_at"] = conversations.recent(conversation.auto_sent_at, now, policy)
    if inbound.trigger is Trigger.MESSAGE:
        last = conversation.last_inbound_at
        if last is None or inbound.at >= last:  # one that comes late opens nothing
            changes.update(last_inbound_id=inbound.platform_id, last_inbound_at=inbound.at)
        times = conversations.recent(conversation.inbound_at, inbound.at, policy)
        changes["inbound_at"] = (*times, inbound.at)[-policy.loop_inbound - 1 :]
    elif inbound.trigger is Trigger.ENTER:
        if conversation.entered_at is None or inbound.at >= conversation.entered_at:
            changes.update(enter_id=inbound.platform_id, entered_at=inbound.at)
    return replace(conversation, **changes) if changes else conversation


def _on_message(case: _Case, state: Conversation) -> tuple[list[Candidate], _Verdict]:
    inbound, policy, now = case.inbound, case.policy, case.now
    if len(state.inbound_at) > policy.loop_inbound:
        return [], _guarded(case, state)
    context = conversations.reply_context(inbound.platform_id or "", inbound.at, policy)
    found: list[Candidate] = []
    if inbound.text:
        text = normalise(inbound.text[: policy.text_chars])
        found = case.rules.matches(text)
        if asks_for_person(text) and not (found and found[0].rule.definition.hand_off):
            over = conversations.hand_over(state, Owner.PERSON, Reason.HAND_OFF_WORD, now)
            return found, _Verdict(Outcome.HANDED_OVER, over)
        if found:
            return found, _fire(case, state, found[0].rule, context)
    default = case.rules.first(Trigger.DEFAULT)
    if default is None:
        return found, _Verdict(Outcome.NO_MATCH, state)
    if _is_within(state.last_default_at, policy.default_interval, now):
        return found, _Verdict(Outcome.DEFAULT_WAITS, state)
    verdict = _fire(case, state, default, context)
    if verdict.items:
        verdict = replace(verdict, state=replace(verdict.state, last_default_at=now))
    return found, verdict


def _on_enter(case: _Case, state: Conversation) -> _Verdict:
    rule = case.rules.first(Trigger.ENTER)
    if rule is None:
        return _Verdict(Outcome.NO_MATCH, state)
    if _is_within(state.last_greeting_at, case.policy.greeting_interval, case.now):
        return _Verdict(Outcome.GREETING_WAITS, state)
    inbound = case.inbound
    context = conversations.enter_context(inbound.platform_id or "", inbound.at, case.policy)
    verdict = _fire(case, state, rule, context)
    if verdict.items:
        verdict = replace(verdict, state=replace(verdict.state, last_greeting_at=case.now))
    return verdict


def _on_follow(case: _Case, state: Conversation) -> _Verdict:
    inbound, policy, now = case.inbound, case.policy, case.now
    rule = case.rules.first(Trigger.FOLLOW)
    if rule is None:
        return _Verdict(Outcome.NO_MATCH, state)
    is_old = state.follow_epoch is not None and (inbound.epoch or 0) <= state.follow_epoch
    if is_old or _is_within(state.last_follow_reply_at, policy.follow_interval, now):
        return _Verdict(Outcome.FOLLOW_ANSWERED, state)
    context = conversations.newest_context(state, policy, now)
    if context is None:
        return _Verdict(Outcome.NO_REPLY_CONTEXT, state, rule)
    verdict = _fire(case, state, rule, context)
    if verdict.items:
        after = replace(verdict.state, follow_epoch=inbound.epoch, last_follow_reply_at=now)
        verdict = replace(verdict, state=after)
    return verdict


def _fire(case: _Case, state: Conversation, rule: Rule, context: Context) -> _Verdict:
    """The items of `rule` in `context`, unless the window is over or the loop guard stops it."""
    now, policy = case.now, case.policy
    items = chosen(rule, case.seed, policy.items_per_firing)
    if len(state.auto_sent_at) + len(items) > policy.loop_sends:
        return replace(_guarded(case, state), rule=rule)
    if rule.definition.hand_off:
        state = conversations.hand_over(state, Owner.PERSON, Reason.HAND_OFF_RULE, now)
    if not context.is_live(now):
        return _Verdict(Outcome.WINDOW_EXPIRED, state, rule)
    state = replace(state, auto_sent_at=state.auto_sent_at + (now,) * len(items))
    return _Verdict(Outcome.REPLIED, state, rule, items, context)


def _guarded(case: _Case, state: Conversation) -> _Verdict:
    over = conversations.hand_over(state, Owner.PERSON, Reason.LOOP_GUARD, case.now)
    return _Verdict(Outcome.LOOP_GUARD, over)


def chosen(rule: Rule, seed: str, most: int) -> tuple[TextReply, ...]:
    """The replies that `rule` sends under `seed`."""
    replies = rule.definition.replies
    if rule.definition.mode is Mode.ALL:
        return replies[:most]
    number = int.from_bytes(hashlib.blake2s(f"{rule.id}|{seed}".encode(), digest_size=8).digest())
    return (replies[number % len(replies)],)


def _is_within(last: datetime | None, interval: Any, now: datetime) -> bool:  # noqa: ANN401
    return last is not None and now - last < interval


def _record(
    case: _Case,
    before: Conversation,
    facts: FanFacts,
    found: list[Candidate],
    verdict: _Verdict,
) -> dict[str, Any]:
    """Everything to decide again, in JSON values; the text stays in the message alone."""
    context = verdict.context
    return {
        "decided_at": case.now,
        "seed": case.seed,
        "rule_set_version": case.rules.version,
        "policy_version": case.policy.version,
        "inbound": {
            "trigger": case.inbound.trigger,
            "message_id": case.inbound.message_id,
            "platform_id": case.inbound.platform_id,
            "at": case.inbound.at,
            "epoch": case.inbound.epoch,
        },
        "fan": facts,
        "conversation": before,
        "outcome": verdict.outcome,
        "rule_id": verdict.rule.id if verdict.rule else None,
        "items": len(verdict.items),
        "owner": verdict.state.owner,
        "owner_reason": verdict.state.owner_reason,
        "context": context,
        "candidates": _trace(found, verdict),
        "candidates_total": len(found),
    }


def _trace(found: list[Candidate], verdict: _Verdict) -> list[dict[str, Any]]:
    """Which rules matched, in order, and why each but the first lost."""
    first = found[0] if found else None
    return [
        {
            "rule_id": candidate.rule.id,
            "step": candidate.step.name.lower(),
            "found": candidate.found,
            "lost": _why(candidate, first, verdict) if first else None,
        }
        for candidate in found[:_TRACED]
    ]


def _why(candidate: Candidate, first: Candidate, verdict: _Verdict) -> str | None:
    if candidate is first:
        return None if verdict.rule is first.rule else str(verdict.outcome)
    if candidate.step != first.step:
        return "earlier_step"
    if candidate.key[1] != first.key[1]:
        return "longer_match" if candidate.step is not candidate.step.HAND_OFF else "earlier_step"
    if candidate.rule.definition.priority != first.rule.definition.priority:
        return "higher_priority"
    return "older_rule"
