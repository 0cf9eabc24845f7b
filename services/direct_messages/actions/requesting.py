"""One item that is no answer of a rule: a person's words, or a notice. Held, kept, asked to be sent."""

from dataclasses import dataclass, replace
from typing import Literal

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.domain.conversations import Context, Conversation, Scene
from services.direct_messages.domain.items import Item, content_of, text_of, wording
from services.direct_messages.domain.messages import (
    Actor,
    Message,
    Operation,
    OperationState,
    State,
)
from shared import ids
from shared.contracts.api.quota import Granted, Purpose, ReserveAnswer, ReserveRequest, Window
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import SendItem, SendRequested
from shared.db import Tx
from shared.errors import NeighbourAway

OPERATION_PREFIX = "op_"  # operations of other services are not ours to give up
PURPOSES = {Scene.REPLY: Purpose.DM_REPLY, Scene.ENTER: Purpose.DM_ENTER}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What shall be sent, where, by whom, and which unknown send it repeats."""

    conversation: Conversation
    context: Context
    operation_id: str
    actor: Literal[Actor.PERSON, Actor.BOT]
    item: Item
    supersedes: str | None = None

    @property
    def message_id(self) -> str:
        """The id of the message that it becomes."""
        return "dm_" + self.operation_id.removeprefix(OPERATION_PREFIX)


async def ask_quota(deps: Deps, out: Outgoing) -> ReserveAnswer:
    """Hold what it costs. The same operation is held once. Raises NeighbourAway."""
    conversation, context = out.conversation, out.context
    request = ReserveRequest(
        organization_id=conversation.organization_id,
        account_id=conversation.account_id,
        operation_id=out.operation_id,
        purpose=PURPOSES[context.scene],
        subject=conversation.fan_open_id,
        items=1,
        actor="person" if out.actor is Actor.PERSON else "bot",
        window=Window(opened_by=context.opened_by, opened_at=context.opened_at),
        planned_at=None,
        cause=out.operation_id,
    )
    answer = (await deps.quota.reserve([request]))[0]
    if answer is None:
        raise NeighbourAway("the account is not known to quota yet", neighbour="quota")
    return answer


def is_for_people(answer: ReserveAnswer) -> bool:
    """Whether the bot was refused because the rest of the fan's replies is for people."""
    denied = answer.denied
    return denied is not None and denied.limit == "dm.reply" and denied.reason == "exhausted"


def held_in(out: Outgoing, granted: Granted) -> Outgoing:
    """What shall be sent in the window that its hold counts in."""
    if granted.held_in is None:
        return out
    window = granted.held_in
    return replace(out, context=out.context.held_in(window.opened_by, window.opened_at))


async def request_send(
    deps: Deps, tx: Tx, found: Conversation, out: Outgoing, reservation_id: str
) -> None:
    """Keep the message and ask for its send; `found` is the conversation, locked, before its save."""
    operation = Operation(
        organization_id=found.organization_id,
        account_id=found.account_id,
        id=out.operation_id,
        state=OperationState.REQUESTED,
        conversation_id=found.id,
        actor=out.actor,
        items=1,
        reservation_id=reservation_id,
        supersedes=out.supersedes,
        created_at=tx.now,
    )
    if not await store.add_operations(tx, [operation]):
        raise NeighbourAway("the hold was given up meanwhile", neighbour="quota")
    await store.add_messages(tx, [_message(found, out, tx)])
    tx.publish(_request(deps, tx, found, out, reservation_id))


def _message(found: Conversation, out: Outgoing, tx: Tx) -> Message:
    return Message(
        organization_id=found.organization_id,
        account_id=found.account_id,
        id=out.message_id,
        conversation_id=found.id,
        direction="out",
        actor=out.actor,
        kind=out.item.kind,
        text=text_of(out.item),
        state=State.QUEUED,
        cause=out.operation_id,
        created_at=tx.now,
        operation_id=out.operation_id,
        item=0,
        content=None if out.item.kind == "text" else content_of(out.item),
    )


def _request(
    deps: Deps, tx: Tx, found: Conversation, out: Outgoing, reservation_id: str
) -> Envelope:
    sealed = deps.sealer.seal(found.organization_id, wording(out.item), tx.now.date())
    event = SendRequested(
        operation_id=out.operation_id,
        reservation_id=reservation_id,
        conversation_id=found.platform_conversation_id,
        open_id=found.fan_open_id,
        scene=out.context.scene,
        reply_to=out.context.opened_by,
        window_opened_at=out.context.opened_at,
        expires_at=out.context.expires_at,
        items=[SendItem(kind=out.item.kind, text=sealed)],
        supersedes=out.supersedes,
    )
    origin = Origin(found.organization_id, found.account_id, out.operation_id, ids.trace_parent())
    return Envelope.of(event, origin, subject=found.fan_open_id, seq=found.version + 1, at=tx.now)
