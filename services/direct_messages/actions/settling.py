"""What others tell of sends: how items ended, who answered in the app, which hold is overdue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.direct_messages import store
from services.direct_messages.actions import promising
from services.direct_messages.actions.answering import TRIES, suffix
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.handing_over import Change, change_owners, follow
from services.direct_messages.actions.pausing import pause_refused
from services.direct_messages.actions.requesting import OPERATION_PREFIX
from services.direct_messages.actions.writing import Lost
from services.direct_messages.domain import conversations as domain
from services.direct_messages.domain.conversations import Conversation, Owner, Reason, Starter
from services.direct_messages.domain.messages import (
    Actor,
    Message,
    Operation,
    OperationState,
    Settlement,
    State,
)
from services.direct_messages.store import HOLDER, Fan, News, Visible
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.contracts.events.direct_messages import SendNotRequested
from shared.db import ALL_TENANTS, Tx
from shared.errors import NeighbourAway

_BELIEVED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Answered:
    """Somebody answered by hand in the platform's own app."""

    envelope: Envelope
    fan_open_id: str
    platform_conversation_id: str
    platform_message_id: str
    kind: str
    text: str | None
    created_at: datetime

    @property
    def fan(self) -> Fan:
        """Whose conversation it is."""
        return self.envelope.organization_id, self.envelope.account_id, self.fan_open_id


async def settle(deps: Deps, envelopes: list[Envelope], settlements: Sequence[Settlement]) -> None:
    """Write how items ended. It only goes forwards, so hearing it twice changes nothing."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        new = [s for e, s in zip(envelopes, settlements, strict=True) if e.id in fresh]
        if not new:
            return
        changed = await store.settle(tx, new)
        await pause_refused(tx, new)
        when = {e.id: e.occurred_at for e in envelopes}
        at = {
            (s.organization_id, s.account_id, s.operation_id, s.item): when[e.id]
            for e, s in zip(envelopes, settlements, strict=True)
            if s.state is State.SENT
        }
        await promising.stop(deps, tx, [v for m in changed if (v := _visible(m, at))])
        await store.add_news(tx, [_outcome(m) for m in changed if m.actor is Actor.PERSON])


def _visible(message: Message, at: dict[tuple[str, str, str, int], datetime]) -> Visible | None:
    """What the fan saw, if the message reached her."""
    item = (message.operation_id or "", message.item or 0)
    if message.state is not State.SENT or message.conversation_id is None:
        return None
    return Visible(
        message.organization_id,
        message.account_id,
        message.conversation_id,
        message.actor,
        message.answers,
        at[message.organization_id, message.account_id, *item],
    )


def _outcome(message: Message) -> News:
    """How a person's message ended, for whoever wrote it."""
    place = (message.organization_id, message.account_id, message.conversation_id or "")
    data = {"message_id": message.id, "state": message.state.value, "reason": message.reason}
    return News(*place, "message_settled", data, HOLDER)


async def note_answers(deps: Deps, answered: Sequence[Answered]) -> None:
    """Keep what people wrote in the app; they own those conversations now."""
    for _ in range(TRIES):
        try:
            async with deps.database.transaction(ALL_TENANTS) as tx:
                unseen = {e.id for e in await inbox.unseen(tx, [a.envelope for a in answered])}
                new = [a for a in answered if a.envelope.id in unseen]
                if new:
                    await _note(deps, tx, sorted(new, key=lambda a: a.created_at))
        except Lost:
            continue
        return
    raise NeighbourAway("conversations kept changing", neighbour="direct_messages")


async def _note(deps: Deps, tx: Tx, new: list[Answered]) -> None:
    await inbox.take(tx, [a.envelope for a in new])
    known = await store.conversations_of(tx, {a.fan for a in new})
    after: dict[Fan, Conversation] = {}
    messages: list[Message] = []
    changes: list[Change] = []
    kept: list[Change] = []
    for answer in new:
        before = after.get(answer.fan) or known.get(answer.fan) or _begun(answer, tx)
        after[answer.fan] = domain.person_spoke(before, Reason.PERSON_ANSWERED_IN_APP, tx.now)
        messages.append(_message(answer, before))
        change = _by_app(after[answer.fan], answer)
        (changes if before.owner is Owner.BOT else kept).append(change)
    if not await store.save_conversations(tx, list(after.values())):
        raise Lost("conversation")
    await store.add_messages(tx, messages)
    await promising.stop(deps, tx, [_seen(answer, after[answer.fan], tx.now) for answer in new])
    await change_owners(tx, changes)
    await follow(tx, kept)


def _seen(answer: Answered, conversation: Conversation, now: datetime) -> Visible:
    """The fan saw it when it was written; a platform clock that is far off is not believed."""
    at = answer.created_at if abs(now - answer.created_at) < _BELIEVED else now
    return Visible(*answer.fan[:2], conversation.id, Actor.APP, None, at)


def _by_app(conversation: Conversation, answer: Answered) -> Change:
    """Somebody took it in Douyin's own app; nobody says who."""
    reason, told = Reason.PERSON_ANSWERED_IN_APP, answer.envelope
    return Change(conversation, Owner.PERSON, reason, told.cause, told.trace)


def _begun(answer: Answered, tx: Tx) -> Conversation:
    organization_id, account_id, fan_open_id = answer.fan
    return Conversation(
        organization_id=organization_id,
        account_id=account_id,
        id=f"conv_{suffix(answer.envelope)}",
        fan_open_id=fan_open_id,
        platform_conversation_id=answer.platform_conversation_id,
        version=0,
        created_at=tx.now,
        started_by=Starter.ACCOUNT,
    )


def _message(answer: Answered, conversation: Conversation) -> Message:
    return Message(
        organization_id=conversation.organization_id,
        account_id=conversation.account_id,
        id=f"dm_{suffix(answer.envelope)}",
        conversation_id=conversation.id,
        direction="out",
        actor=Actor.APP,
        kind=answer.kind,
        text=answer.text,
        state=State.SENT,
        cause=answer.envelope.cause,
        created_at=answer.created_at,
        platform_message_id=answer.platform_message_id,
    )


async def answer_overdue(
    deps: Deps, envelopes: list[Envelope], holds: Sequence[tuple[str, str]]
) -> None:
    """For each (operation, reservation): one under which we never asked to send is given back.

    Giving up and asking meet in the operation's row, so only one of them happens. What stands there
    under another reservation can never be asked for under this one again.
    """
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        told = {
            (*_operation(e, hold[0]), hold[1]): e
            for e, hold in zip(envelopes, holds, strict=True)
            if e.id in fresh and hold[0].startswith(OPERATION_PREFIX)
        }
        newest = {key[:3]: _given_up(told[key], *key[2:], tx.now) for key in sorted(told)}
        if not newest:
            return
        ours = await store.add_operations(tx, [*newest.values()])
        standing = await store.reservations_of(tx, newest)
        for key, envelope in told.items():
            operation_id, reservation_id = key[2:]
            if operation_id in ours or standing[key[:3]] != reservation_id:
                event = SendNotRequested(operation_id=operation_id, reservation_id=reservation_id)
                tx.publish(
                    Envelope.of(event, envelope.origin, subject=reservation_id, seq=1, at=tx.now)
                )


def _operation(envelope: Envelope, operation_id: str) -> tuple[str, str, str]:
    return envelope.organization_id, envelope.account_id, operation_id


def _given_up(
    envelope: Envelope, operation_id: str, reservation_id: str, now: datetime
) -> Operation:
    return Operation(
        organization_id=envelope.organization_id,
        account_id=envelope.account_id,
        id=operation_id,
        state=OperationState.NOT_REQUESTED,
        conversation_id=None,
        actor=Actor.BOT,
        items=0,
        reservation_id=reservation_id,
        supersedes=None,
        created_at=now,
    )
