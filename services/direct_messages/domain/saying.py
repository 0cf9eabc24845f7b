"""What a rule that fires says and does, and what that leaves on the conversation."""

from dataclasses import replace
from typing import Any

from services.direct_messages.domain import calling, conversations, effects, flows
from services.direct_messages.domain.cases import Case, Decision, Outcome
from services.direct_messages.domain.choosing import chosen
from services.direct_messages.domain.conversations import Context, Conversation, Owner, Reason
from services.direct_messages.domain.effects import flow_of, notice_of
from services.direct_messages.domain.items import Item, MenuReply, Reply, TextReply
from services.direct_messages.domain.rules import Rule


def fire(case: Case, state: Conversation, rule: Rule, context: Context, **marks: Any) -> Decision:
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
    decision = say(case, state, rule, items, context, **marks)
    if decision.outcome is Outcome.LOOP_GUARD:
        return decision
    # here and not in `say`: the answers to a flow are the same firing
    return replace(decision, notice=notice_of(rule.definition.effects))


def say(
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
        return replace(guarded(case, state), rule=rule)
    if rule.definition.hand_off:
        reason = calling.by_rule(rule, policy.people)
        state = conversations.hand_over(state, Owner.PERSON, reason, now)
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


def guarded(case: Case, state: Conversation) -> Decision:
    """Nothing is sent: too much was said within a minute, and a person takes over."""
    over = conversations.hand_over(state, Owner.PERSON, Reason.LOOP_GUARD, case.now)
    return Decision(case, Outcome.LOOP_GUARD, over)
