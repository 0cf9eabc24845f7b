"""A flow under way: whether what the fan said answers its question, and what is asked next."""

from dataclasses import replace

from services.direct_messages.domain import conversations, flows
from services.direct_messages.domain.cases import Case, Decision
from services.direct_messages.domain.conversations import Context, Conversation
from services.direct_messages.domain.effects import flow_of
from services.direct_messages.domain.flows import Waiting
from services.direct_messages.domain.items import TextReply
from services.direct_messages.domain.matching import Candidate
from services.direct_messages.domain.precedence import Step
from services.direct_messages.domain.saying import say
from services.direct_messages.domain.texts import Reading


def on_answer(
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
        decision = say(case, state, rule, (TextReply(turn.says),), context, misses=0)
        return replace(decision, learnt=turn.answers)
    return say(case, state, rule, (TextReply(turn.says),), context, flow=turn.waiting, misses=0)
