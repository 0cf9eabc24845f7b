"""Write what was decided on a batch, in one transaction: all of it or nothing."""

from dataclasses import dataclass
from typing import Any

from services.direct_messages import store
from services.direct_messages.actions import promising
from services.direct_messages.actions.capturing import Capture, tell_leads, tell_stages
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.handing_over import Change, change_owners
from services.direct_messages.actions.notifying import tell_notices
from services.direct_messages.domain import waits
from services.direct_messages.domain.cases import Decision, FanFacts, Outcome
from services.direct_messages.domain.conversations import Context, Conversation, Owner, Reason
from services.direct_messages.domain.effects import flow_of
from services.direct_messages.domain.flows import contact_from
from services.direct_messages.domain.items import content_of, text_of, wording
from services.direct_messages.domain.leads import Contact, contact_of
from services.direct_messages.domain.messages import (
    Actor,
    Message,
    Operation,
    OperationState,
    State,
)
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.promises import Start
from services.direct_messages.domain.records import record_of
from services.direct_messages.domain.rules import Trigger
from services.direct_messages.domain.texts import clean
from services.direct_messages.store import HOLDER, Account, Fan, News
from shared import inbox
from shared.contracts.api.quota import ReserveAnswer
from shared.contracts.envelope import Envelope
from shared.contracts.events.direct_messages import SendItem, SendRequested
from shared.db import ALL_TENANTS, Tx


class Lost(Exception):
    """Somebody else was quicker with one of these conversations: read and decide again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be written for one event."""

    envelope: Envelope
    kind: str
    content: dict[str, Any] | None
    fan_open_id: str
    conversation_id: str | None
    platform_conversation_id: str
    decision: Decision
    outcome: Outcome
    operation_id: str | None
    answer: ReserveAnswer | None  # of quota, where it was asked
    handed_over: Reason | None = None  # after the decision: quota left nothing but people's reserve

    @property
    def account(self) -> Account:
        """Whose fan it is about."""
        return self.envelope.organization_id, self.envelope.account_id

    @property
    def context(self) -> Context:
        """Where its items go. Only a plan with items has one."""
        context, granted = self.decision.context, self.answer and self.answer.granted
        if context is None:
            raise ValueError(self.operation_id)
        if not granted or not granted.held_in:
            return context
        return context.held_in(granted.held_in.opened_by, granted.held_in.opened_at)

    @property
    def reservation_id(self) -> str | None:
        """What the items are held under; None when nothing may be sent."""
        return self.answer.granted.reservation_id if self.answer and self.answer.granted else None


async def write(
    deps: Deps,
    plans: list[Plan],
    conversations: dict[Fan, Conversation],
    facts: dict[Fan, FanFacts],
    envelopes: list[Envelope],
) -> None:
    """Keep the effects of `envelopes` and ask for the sends. Raises Lost."""
    if not envelopes:
        return
    sent = [plan for plan in plans if plan.reservation_id]
    learnt = {fan: known for fan, known in facts.items() if known.observed_at}
    async with deps.database.transaction(ALL_TENANTS) as tx:
        if len(await inbox.take(tx, envelopes)) != len({e.id for e in envelopes}):
            raise Lost("heard")
        if conversations and not await store.save_conversations(tx, [*conversations.values()]):
            raise Lost("conversation")
        if learnt:
            await store.put_fan_facts(tx, learnt)
        if plans:
            await _write_plans(tx, plans)
        if sent:
            await _request_sends(deps, tx, sent)
        left = [(plan, contact) for plan in plans if (contact := await _contact(tx, plan))]
        if captures := [_capture(plan, contact) for plan, contact in left if plan.conversation_id]:
            await tell_leads(deps, tx, captures)
        tell_stages(tx, [(p.envelope, p.fan_open_id, p.decision) for p in plans])


async def _request_sends(deps: Deps, tx: Tx, sent: list[Plan]) -> None:
    operations = [_operation(plan, tx) for plan in sent]
    if len(await store.add_operations(tx, operations)) != len(operations):
        raise Lost("operation")
    for plan in sent:
        tx.publish(_request(deps, plan, tx))


async def _write_plans(tx: Tx, plans: list[Plan]) -> None:
    if not await store.add_messages(tx, [m for plan in plans for m in _messages(plan, tx)]):
        raise Lost("message")
    await store.add_decisions(tx, [_decision_row(plan) for plan in plans])
    await promising.start(tx, [started for plan in plans if (started := _start(plan))])
    await change_owners(tx, [change for plan in plans for change in _owner_changes(plan)])
    await store.add_news(tx, [shown for plan in plans if (shown := _news(plan))])
    if undecided := [plan.envelope for plan in plans if plan.decision.leaves_wait]:
        await promising.ask_again(tx, undecided)
    tell_notices(tx, ((plan.envelope, plan.decision, plan.conversation_id) for plan in plans))


def _message_id(plan: Plan) -> str:
    return plan.decision.case.inbound.message_id


async def _contact(tx: Tx, plan: Plan) -> Contact | None:
    """What the fan left: in this message, or with the answers to a flow that it ended."""
    decision = plan.decision
    flow = flow_of(decision.rule.definition.effects) if decision.rule and decision.learnt else None
    if flow is None:
        return contact_of(decision.case.inbound.text, plan.content)
    tenant = plan.envelope.organization_id, plan.envelope.account_id
    texts = await store.texts(tx, tenant, [message_id for _, message_id in decision.learnt])
    said = {name: texts.get(message_id) or "" for name, message_id in decision.learnt}
    return contact_from(flow, said)


def _capture(plan: Plan, contact: Contact) -> Capture:
    inbound = plan.decision.case.inbound
    return Capture(
        plan.envelope,
        plan.fan_open_id,
        plan.conversation_id or "",
        inbound.message_id,
        (plan.content or {}).get("card_id"),
        contact,
        inbound.at,
        plan.decision.case.policy.lead_attribution,
    )


def _messages(plan: Plan, tx: Tx) -> list[Message]:
    inbound, envelope = plan.decision.case.inbound, plan.envelope
    heard = Message(
        organization_id=envelope.organization_id,
        account_id=envelope.account_id,
        id=inbound.message_id,
        conversation_id=plan.conversation_id,
        direction="in",
        actor=Actor.FAN,
        kind=clean(plan.kind),
        text=inbound.own_text,
        state=State.RECEIVED,
        cause=envelope.cause,
        created_at=inbound.at,
        platform_message_id=inbound.platform_id,
        content={"joins": inbound.joins} if inbound.joins else plan.content,
    )
    if not plan.reservation_id:
        return [heard]
    return [heard, *(_item(plan, number, tx) for number in range(len(plan.decision.items)))]


def _item(plan: Plan, number: int, tx: Tx) -> Message:
    item = plan.decision.items[number]
    return Message(
        organization_id=plan.envelope.organization_id,
        account_id=plan.envelope.account_id,
        id=f"{_message_id(plan)}_{number}",
        conversation_id=plan.conversation_id,
        direction="out",
        actor=Actor.BOT,
        kind=item.kind,
        text=text_of(item),
        state=State.QUEUED,
        cause=plan.envelope.cause,
        created_at=tx.now,
        operation_id=plan.operation_id,
        item=number,
        answers=_message_id(plan),
        content=None if item.kind == "text" else content_of(item),
    )


def _operation(plan: Plan, tx: Tx) -> Operation:
    return Operation(
        organization_id=plan.envelope.organization_id,
        account_id=plan.envelope.account_id,
        id=plan.operation_id or "",
        state=OperationState.REQUESTED,
        conversation_id=plan.conversation_id,
        actor=Actor.BOT,
        items=len(plan.decision.items),
        reservation_id=plan.reservation_id or "",
        supersedes=None,
        created_at=tx.now,
    )


def _decision_row(plan: Plan) -> dict[str, Any]:
    decision = plan.decision
    return {
        "organization_id": plan.envelope.organization_id,
        "account_id": plan.envelope.account_id,
        "message_id": _message_id(plan),
        "outcome": plan.outcome,
        "rule_id": decision.rule.id if decision.rule else None,
        "operation_id": plan.operation_id if plan.answer else None,
        "quota": plan.answer.model_dump(mode="json") if plan.answer else None,
        "record": record_of(decision),
        "decided_at": decision.case.now,
    }


def _owner_changes(plan: Plan) -> list[Change]:
    """Back to the bot, if a person had been silent; then to a person, if it was decided so."""
    before, after = plan.decision.case.conversation, plan.decision.after
    if plan.conversation_id is None:
        return []
    changes = [(after.owner, after.owner_reason)] if after.owner is not before.owner else []
    if (
        not changes and after.owner_since != before.owner_since
    ):  # gave it back by silence, got it anew
        changes = [(Owner.BOT, Reason.PERSON_IDLE), (after.owner, after.owner_reason)]
    if plan.handed_over is not None and after.owner is Owner.BOT:
        changes.append((Owner.PERSON, plan.handed_over))
    envelope = plan.envelope
    return [
        Change(after, owner, reason, envelope.cause, envelope.trace, _message_id(plan))
        for owner, reason in changes
        if reason is not None
    ]


def _start(plan: Plan) -> tuple[Start, Policy] | None:
    """The clock that a message starts; a visit or a follow asks nothing."""
    inbound, envelope = plan.decision.case.inbound, plan.envelope
    if inbound.trigger is not Trigger.MESSAGE or plan.conversation_id is None:
        return None
    tenant = (envelope.organization_id, envelope.account_id)
    case = plan.decision.case
    ask_at = waits.ask_at(case.rules.by_trigger.get(Trigger.NO_ANSWER, ()), inbound.at, 0)
    started = Start(*tenant, inbound.message_id, plan.conversation_id, inbound.at, ask_at)
    return started, case.policy


def _news(plan: Plan) -> News | None:
    """A message in a conversation that people have; the bot's are shown to nobody."""
    if plan.outcome is not Outcome.PERSON_OWNS or plan.conversation_id is None:
        return None
    tenant = (plan.envelope.organization_id, plan.envelope.account_id)
    data = {"message_id": _message_id(plan), "kind": clean(plan.kind)}
    return News(*tenant, plan.conversation_id, "message_received", data, HOLDER)


def _request(deps: Deps, plan: Plan, tx: Tx) -> Envelope:
    organization_id = plan.envelope.organization_id
    day, context = tx.now.date(), plan.context
    items = [
        SendItem(kind=item.kind, text=deps.sealer.seal(organization_id, wording(item), day))
        for item in plan.decision.items
    ]
    event = SendRequested(
        operation_id=plan.operation_id or "",
        reservation_id=plan.reservation_id or "",
        conversation_id=plan.platform_conversation_id,
        open_id=plan.fan_open_id,
        scene=context.scene,
        reply_to=context.opened_by,
        window_opened_at=context.opened_at,
        expires_at=context.expires_at,
        items=items,
        supersedes=None,
    )
    # the conversation's next version: the order in which sends of this fan were asked for
    seq = plan.decision.case.conversation.version + 1
    return Envelope.of(event, plan.envelope.origin, subject=plan.fan_open_id, seq=seq, at=tx.now)
