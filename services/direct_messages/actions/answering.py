"""Answer a batch of what fans did: read, decide, ask quota once, write once.

Nothing is open while quota is asked. Whoever else saved one of these conversations meanwhile wins:
then everything is read and decided again; quota answers the same operation the same.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.requesting import PURPOSES, is_for_people
from services.direct_messages.actions.viewing import Heard, View, read
from services.direct_messages.actions.writing import Lost, Plan, write
from services.direct_messages.domain.bursts import joined
from services.direct_messages.domain.cases import Case, Decision, FanFacts, Outcome
from services.direct_messages.domain.conversations import Conversation, Owner, Reason, hand_over
from services.direct_messages.domain.decisions import decide, withdraw
from services.direct_messages.store import Fan
from shared import inbox
from shared.contracts.api.quota import ReserveAnswer, ReserveRequest, Window
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS
from shared.errors import NeighbourAway
from shared.observability import metrics

log = structlog.get_logger()

TRIES = 4  # the first and three more


class PolicyNotHeard(inbox.Postponed):
    """The accounts of these are not known (yet), here or to quota. No other account waits for them."""


def suffix(envelope: Envelope) -> str:
    """What ids made from an event have in common, so that a second take makes the same ones."""
    return envelope.id.partition("_")[2]


async def answer(deps: Deps, heard: Sequence[Heard], *, are_whole: bool = False) -> None:
    """Decide everything in `heard` once. Raises NeighbourAway, and PolicyNotHeard at the end.

    Pieces of what a fan says are held, where the policy wants to wait for the rest; `are_whole`: it is over.
    """
    for _ in range(TRIES):
        view = await read(deps, heard)
        ready = _as_said(view.ready) if are_whole else await _without_pieces(deps, view)
        plans, conversations = _decide_all(view, ready)
        asked = [plan for plan in plans if plan.operation_id]
        answers = await deps.quota.reserve([_question(plan) for plan in asked])
        view.forget({p.account for p, a in zip(asked, answers, strict=True) if a is None})
        plans = [plan for plan in plans if plan.account in view.settings]
        conversations = {fan: c for fan, c in conversations.items() if fan[:2] in view.settings}
        answered = {p.envelope.id: a for p, a in zip(asked, answers, strict=True) if a}
        plans, conversations = _with_answers(plans, conversations, answered)
        try:
            ready = [h for h in ready if h.fan[:2] in view.settings]
            done = [h.envelope for h in (*ready, *view.repeated)]
            await write(deps, plans, conversations, view.facts, done)
        except Lost as lost:
            log.info("decided_again", reason=str(lost), count=len(plans))
            continue
        for plan in plans:
            _log(plan)
        break
    else:
        raise NeighbourAway("conversations kept changing", neighbour="direct_messages")
    if view.waiting:
        raise PolicyNotHeard(view.waiting)


def _log(plan: Plan) -> None:
    log.info(
        "message_decided",
        cause=plan.envelope.cause,
        message=plan.decision.case.inbound.message_id,
        outcome=plan.outcome,
        operation=plan.operation_id,
        reservation=plan.reservation_id,
    )


async def _without_pieces(deps: Deps, view: View) -> list[Heard]:
    """Those to decide at once; what may go on in a moment is held."""
    pieces = [h for h in view.ready if _may_go_on(h, view)]
    if not pieces:
        return view.ready
    async with deps.database.transaction(ALL_TENANTS) as tx:
        waits = ((h.fan, h.envelope, view.settings[h.fan[:2]].policy.join) for h in pieces)
        await store.hold(tx, waits)
    return [h for h in view.ready if h not in pieces]


def _may_go_on(heard: Heard, view: View) -> bool:
    if not view.settings[heard.fan[:2]].policy.join or heard.inbound.text is None:
        return False
    known = view.conversations.get(heard.fan)
    return known is None or known.owner is Owner.BOT


def _as_said(ready: list[Heard]) -> list[Heard]:
    """The pieces of each fan, joined in their order."""
    by_fan: dict[Fan, list[Heard]] = defaultdict(list)
    for heard in sorted(ready, key=lambda h: h.order):
        by_fan[heard.fan].append(heard)
    return [
        replace(heard, inbound=inbound)
        for pieces in by_fan.values()
        for heard, inbound in zip(pieces, joined([h.inbound for h in pieces]), strict=True)
    ]


def _decide_all(view: View, ready: list[Heard]) -> tuple[list[Plan], dict[Fan, Conversation]]:
    """One plan an event, in the order of each fan's events; and the conversations after them."""
    plans: list[Plan] = []
    after: dict[Fan, Conversation] = {}
    for heard in sorted(ready, key=lambda h: h.order):
        fan = heard.fan
        if heard.learnt and not _learn(view, fan, heard.learnt):
            continue
        known = after.get(fan) or view.conversations.get(fan)
        setting = view.settings[fan[:2]]
        case = Case(
            inbound=heard.inbound,
            conversation=known or _begun(heard, view.now),
            facts=view.facts.get(fan, FanFacts()),
            rules=setting.rules,
            policy=setting.policy,
            now=view.now,
            seed=heard.envelope.id,
        )
        with metrics.timed(metrics.decision_seconds):
            decision = decide(case)
        has_conversation = known is not None or heard.platform_conversation_id is not None
        if has_conversation:
            after[fan] = decision.after
        plans.append(_plan(heard, decision, has_conversation=has_conversation))
    return plans, after


def _learn(view: View, fan: Fan, learnt: FanFacts) -> bool:
    """Keep the newer fact. Whether it is one, and asks for the follow reply."""
    known = view.facts.get(fan)
    if (
        known
        and known.observed_at
        and learnt.observed_at
        and learnt.observed_at <= known.observed_at
    ):
        return False
    view.facts[fan] = replace(learnt, tier=known.tier if known else None)
    # epoch 0: a follower who was found, not seen to follow; there is nothing to thank for
    return bool(learnt.follows and learnt.epoch)


def _begun(heard: Heard, now: datetime) -> Conversation:
    organization_id, account_id, fan_open_id = heard.fan
    return Conversation(
        organization_id=organization_id,
        account_id=account_id,
        id=f"conv_{suffix(heard.envelope)}",
        fan_open_id=fan_open_id,
        platform_conversation_id=heard.platform_conversation_id or "",
        version=0,
        created_at=now,
    )


def _plan(heard: Heard, decision: Decision, *, has_conversation: bool) -> Plan:
    count = len(decision.items)
    return Plan(
        envelope=heard.envelope,
        kind=heard.kind,
        content=heard.content,
        fan_open_id=heard.fan_open_id,
        conversation_id=decision.after.id if has_conversation else None,
        platform_conversation_id=decision.after.platform_conversation_id,
        decision=decision,
        outcome=decision.outcome,
        operation_id=f"op_{suffix(heard.envelope)}_{count}" if count else None,
        answer=None,
    )


def _question(plan: Plan) -> ReserveRequest:
    context = plan.context
    return ReserveRequest(
        organization_id=plan.envelope.organization_id,
        account_id=plan.envelope.account_id,
        operation_id=plan.operation_id or "",
        purpose=PURPOSES[context.scene],
        subject=plan.fan_open_id,
        items=len(plan.decision.items),
        actor="bot",
        window=Window(opened_by=context.opened_by, opened_at=context.opened_at),
        planned_at=None,
        cause=plan.envelope.cause,
    )


def _with_answers(
    plans: list[Plan],
    conversations: dict[Fan, Conversation],
    answers: dict[str, ReserveAnswer],
) -> tuple[list[Plan], dict[Fan, Conversation]]:
    """The plans with quota's answers; what it refused is as if it had not been sent."""
    settled = []
    for plan in plans:
        reply = answers.get(plan.envelope.id)
        if reply is None:
            settled.append(plan)
            continue
        if reply.granted is None:
            fan = (plan.envelope.organization_id, plan.envelope.account_id, plan.fan_open_id)
            conversations[fan] = withdraw(conversations[fan], plan.decision)
            reason = Reason.HUMAN_RESERVE if is_for_people(reply) else None
            if reason is not None:
                owner, now = Owner.PERSON, plan.decision.case.now
                conversations[fan] = hand_over(conversations[fan], owner, reason, now)
            plan = replace(plan, outcome=Outcome.QUOTA_REFUSED, handed_over=reason)  # noqa: PLW2901
        settled.append(replace(plan, answer=reply))
    return settled, conversations
