"""Events in: what fans do, how sends end, what accounts may, who follows."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from services.direct_messages import actions
from services.direct_messages.actions import Answered, Deps, Heard, Recalled, RefusedRecall
from services.direct_messages.domain.attributions import source_of
from services.direct_messages.domain.cases import FanFacts, Inbound, Wait
from services.direct_messages.domain.conditions import Tier
from services.direct_messages.domain.messages import Settlement, State
from services.direct_messages.domain.rules import Trigger
from services.direct_messages.domain.texts import clean
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.contracts.events.direct_messages import FanWaited, HandOffChanged, SlaBreached
from shared.contracts.events.douyin import (
    AttemptsSettled,
    CardChanged,
    MessageRecalled,
    MessageReceived,
    PageEntered,
    PersonAnswered,
    RecallSettled,
    SettledAttempt,
)
from shared.contracts.events.fans import FollowChanged, TierChanged
from shared.contracts.events.open_platform import PolicyChanged
from shared.contracts.events.quota import ReservationOverdue
from shared.queue import Handler

_AT_ONCE = 16  # envelopes of settled attempts in a transaction; each tells of up to 32


def handlers(deps: Deps) -> dict[str, Handler]:
    """Event type → handler of a batch."""
    return {
        MessageReceived.type: partial(on_message_received, deps),
        PageEntered.type: partial(on_page_entered, deps),
        FollowChanged.type: partial(on_follow_changed, deps),
        TierChanged.type: partial(on_tier_changed, deps),
        CardChanged.type: partial(on_card_changed, deps),
        PolicyChanged.type: partial(on_policy_changed, deps),
        PersonAnswered.type: partial(on_person_answered, deps),
        AttemptsSettled.type: partial(on_attempt_settled, deps),
        MessageRecalled.type: partial(on_message_recalled, deps),
        RecallSettled.type: partial(on_recall_settled, deps),
        ReservationOverdue.type: partial(on_reservation_overdue, deps),
        HandOffChanged.type: partial(on_hand_off_changed, deps),
        SlaBreached.type: partial(on_sla_breached, deps),
        FanWaited.type: partial(on_fan_waited, deps),
    }


async def on_message_received(deps: Deps, envelopes: list[Envelope]) -> None:
    """A fan wrote: decide, and answer if a rule says so."""
    await actions.answer(deps, [message_of(deps, e) for e in envelopes])


async def on_page_entered(deps: Deps, envelopes: list[Envelope]) -> None:
    """A fan opened the chat page: greet, if it is time to."""
    await actions.answer(deps, [_entry(e) for e in envelopes])


async def on_follow_changed(deps: Deps, envelopes: list[Envelope]) -> None:
    """A fan follows or no longer does: keep the fact, thank once an epoch."""
    await actions.answer(deps, [_follow(e) for e in envelopes])


async def on_tier_changed(deps: Deps, envelopes: list[Envelope]) -> None:
    """A fan is in another tier: keep it for the conditions of rules."""
    told = [(e, TierChanged.model_validate(e.data)) for e in envelopes]
    tiers = [
        ((e.organization_id, e.account_id, t.open_id), (Tier(t.tier), t.fan_version))
        for e, t in told
    ]
    await actions.learn_tiers(deps, envelopes, tiers)


async def on_policy_changed(deps: Deps, envelopes: list[Envelope]) -> None:
    """Keep every policy; the newest of an account holds for new decisions."""
    told = [PolicyChanged.model_validate(e.data) for e in envelopes]
    learnt = [(p.policy_version, p.profile, p.values) for p in told]
    await actions.learn_policies(deps, envelopes, learnt)


async def on_person_answered(deps: Deps, envelopes: list[Envelope]) -> None:
    """Somebody answered in Douyin's own app: a person owns the conversation."""
    await actions.note_answers(deps, [_answer(deps, e) for e in envelopes])


async def on_attempt_settled(deps: Deps, envelopes: list[Envelope]) -> None:
    """Items were sent, were not, or nobody knows."""
    for start in range(0, len(envelopes), _AT_ONCE):
        some = envelopes[start : start + _AT_ONCE]
        told = [(e, attempt) for e in some for attempt in AttemptsSettled.heard(e)]
        await inbox.by_parts(told, partial(_settle, deps))


async def _settle(deps: Deps, told: Sequence[tuple[Envelope, SettledAttempt]]) -> None:
    await actions.settle(deps, [e for e, _ in told], [_settlement(*one) for one in told])


async def on_message_recalled(deps: Deps, envelopes: list[Envelope]) -> None:
    """The fan or the account took a message back."""
    told = [MessageRecalled.model_validate(e.data) for e in envelopes]
    gone = [_recalled(e, t) for e, t in zip(envelopes, told, strict=True)]
    await actions.note_recalls(deps, envelopes, gone)


async def on_recall_settled(deps: Deps, envelopes: list[Envelope]) -> None:
    """What we wanted back is gone, or the platform refused."""
    told = [(e, RecallSettled.model_validate(e.data)) for e in envelopes]
    gone = [(e, t) for e, t in told if t.recalled]
    kept = [(e, t) for e, t in told if not t.recalled]
    await actions.note_recalls(deps, [e for e, _ in gone], [_recalled(e, t) for e, t in gone])
    refused = [RefusedRecall(_recalled(e, t), t.reason, t.code, t.log_id) for e, t in kept]
    await actions.note_refusals(deps, [e for e, _ in kept], refused)


def _recalled(envelope: Envelope, event: MessageRecalled | RecallSettled) -> Recalled:
    return Recalled(envelope.organization_id, envelope.account_id, event.message_id, event.open_id)


async def on_reservation_overdue(deps: Deps, envelopes: list[Envelope]) -> None:
    """A hold outlived its lease: give it back if its send was never asked for."""
    told = [ReservationOverdue.model_validate(e.data) for e in envelopes]
    await actions.answer_overdue(
        deps, envelopes, [(t.operation_id, t.reservation_id) for t in told]
    )


async def on_card_changed(deps: Deps, envelopes: list[Envelope]) -> None:
    """A lead card was seen, or is gone: what rules may send changes."""
    told = [CardChanged.model_validate(e.data) for e in envelopes]
    await actions.learn_cards(deps, envelopes, [(t.card_id, t.is_there) for t in told])


async def on_hand_off_changed(deps: Deps, envelopes: list[Envelope]) -> None:
    """Something waits for people, or somebody became free: offer; tell who must wait longer."""
    told = [(e, HandOffChanged.model_validate(e.data)) for e in envelopes]
    waiting = {
        (e.organization_id, e.account_id, t.conversation_id) for e, t in told if t.stage == "queued"
    }
    await actions.seat(deps, envelopes, waiting)


async def on_sla_breached(deps: Deps, envelopes: list[Envelope]) -> None:
    """A fan was not answered in time: where that escalates, somebody else is asked."""
    for envelope in envelopes:
        breach = SlaBreached.model_validate(envelope.data)
        if breach.escalated_to == "supervisor":
            await actions.ask_others(deps, envelope, breach)


async def on_fan_waited(deps: Deps, envelopes: list[Envelope]) -> None:
    """A fan had no answer for a while: ask the rules for that, if it is still so."""
    await actions.answer_waits(deps, [_waited(e) for e in envelopes])


def _opened(deps: Deps, envelope: Envelope, sealed: str | None) -> str | None:
    if sealed is None:
        return None
    return clean(deps.sealer.open(envelope.organization_id, sealed))


def message_of(deps: Deps, envelope: Envelope) -> Heard:
    """What a fan wrote, as its envelope tells it."""
    event = MessageReceived.model_validate(envelope.data)
    inbound = Inbound(
        trigger=Trigger.MESSAGE if event.card is None else Trigger.LEAD,
        message_id=f"dm_{actions.suffix(envelope)}",
        platform_id=event.message_id,
        text=_opened(deps, envelope, event.text),
        at=event.window_opened_at,
        kind=clean(event.kind),
    )
    return Heard(
        envelope,
        inbound,
        event.open_id,
        event.conversation_id,
        event.kind,
        event.created_at,
        content=_content(deps, envelope, event) if event.text is None else None,
    )


def _content(deps: Deps, envelope: Envelope, event: MessageReceived) -> dict[str, Any] | None:
    """What came with a message that is no text: the video that was shared, the card as filled in."""
    if event.card is None:
        return None if event.item_id is None else {"item_id": event.item_id}
    answers = json.loads(deps.sealer.open(envelope.organization_id, event.card.answers))
    return {
        "card_id": event.card.card_id,
        "status": event.card.status,
        "answers": [{"label": clean(label), "value": clean(value)} for label, value in answers],
    }


def _entry(envelope: Envelope) -> Heard:
    event = PageEntered.model_validate(envelope.data)
    inbound = Inbound(
        trigger=Trigger.ENTER,
        message_id=f"dm_{actions.suffix(envelope)}",
        platform_id=event.message_id,
        text=None,
        at=event.window_opened_at,
        source=source_of(event.item_id, event.ad),
    )
    came = {"item_id": event.item_id} | ({"ad": event.ad} if event.ad else {})
    return Heard(
        envelope,
        inbound,
        event.open_id,
        event.conversation_id,
        "page_entered",
        event.created_at,
        content=came if event.ad or event.item_id else None,
    )


def _follow(envelope: Envelope) -> Heard:
    event = FollowChanged.model_validate(envelope.data)
    inbound = Inbound(
        trigger=Trigger.FOLLOW,
        message_id=f"dm_{actions.suffix(envelope)}",
        platform_id=None,
        text=None,
        at=event.observed_at,
        epoch=event.epoch,
    )
    facts = FanFacts(event.follows, event.observed_at, event.epoch)
    return Heard(envelope, inbound, event.open_id, None, "followed", event.observed_at, facts)


def _waited(envelope: Envelope) -> tuple[str, Heard]:
    event = FanWaited.model_validate(envelope.data)
    inbound = Inbound(
        trigger=Trigger.NO_ANSWER,
        message_id=f"dm_{actions.suffix(envelope)}",
        platform_id=None,
        text=None,
        at=envelope.occurred_at,
        wait=Wait(event.since, event.asked, event.minutes),
    )
    at = envelope.occurred_at
    return event.clock_id, Heard(envelope, inbound, event.open_id, None, "no_answer", at)


def _answer(deps: Deps, envelope: Envelope) -> Answered:
    event = PersonAnswered.model_validate(envelope.data)
    return Answered(
        envelope=envelope,
        fan_open_id=event.open_id,
        platform_conversation_id=event.conversation_id,
        platform_message_id=event.message_id,
        kind=event.kind,
        text=_opened(deps, envelope, event.text),
        created_at=event.created_at,
    )


def _settlement(envelope: Envelope, event: SettledAttempt) -> Settlement:
    return Settlement(
        organization_id=envelope.organization_id,
        account_id=envelope.account_id,
        operation_id=event.operation_id,
        item=event.item,
        state=State(event.outcome.value),
        platform_message_id=event.platform_message_id,
        code=event.code,
        log_id=event.log_id,
        reason=event.reason,
    )
