"""Messages that are taken back: asked for by a person, or told by the platform, in whatever order."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.errors import NotRecallable
from services.direct_messages.domain.messages import Message, State
from services.direct_messages.store import Recalled
from shared import ids, inbox
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import RecallRequested
from shared.db import ALL_TENANTS
from shared.errors import NotFound
from shared.http.idempotency import EACH_TIME, Once


@dataclass(frozen=True, slots=True)
class RefusedRecall:
    """A message that the platform did not give back, and why."""

    recalled: Recalled
    reason: str | None
    code: int | None
    log_id: str | None


async def ask_back(
    deps: Deps, organization_id: str, message_id: str, once: Once[Message] = EACH_TIME
) -> Message:
    """Ask the platform for a message of ours; whether it agrees is told later.

    Raises NotFound, NotRecallable, Replayed.
    """
    async with deps.database.transaction(organization_id) as tx:
        await once.begin(tx, organization_id)
        message = await store.message(tx, organization_id, message_id)
        if message is None:
            raise NotFound("no such message")
        if message.direction != "out" or message.state is not State.SENT:
            raise NotRecallable(f"a message that is {message.state} cannot be taken back")
        if message.platform_message_id is None or message.conversation_id is None:
            raise NotRecallable("the platform named no id for it")
        talk = await store.conversation(tx, organization_id, message.conversation_id)
        if talk is None:
            raise NotFound("no such conversation")
        event = RecallRequested(
            message_id=message.platform_message_id,
            conversation_id=talk.platform_conversation_id,
            open_id=talk.fan_open_id,
        )
        origin = Origin(organization_id, message.account_id, message.cause, ids.trace_parent())
        tx.publish(
            Envelope.of(event, origin, subject=talk.fan_open_id, seq=talk.version, at=tx.now)
        )
        await once.keep(tx, organization_id, message)
        return message


async def note_recalls(
    deps: Deps, envelopes: Sequence[Envelope], recalled: Sequence[Recalled]
) -> None:
    """Messages are gone; those that are not here yet are marked when they come."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        new = [r for e, r in zip(envelopes, recalled, strict=True) if e.id in fresh]
        if new:
            await store.add_recalls(tx, new)
            await store.apply_recalls(tx)


async def note_refusals(
    deps: Deps, envelopes: Sequence[Envelope], refused: Sequence[RefusedRecall]
) -> None:
    """The platform did not give these back: say so on the message."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        for envelope, one in zip(envelopes, refused, strict=True):
            if envelope.id in fresh:
                await store.mark_refused_recall(
                    tx, one.recalled, f"recall_{one.reason}", one.code, one.log_id
                )


async def apply_recalls(deps: Deps) -> None:
    """Mark messages that came after the news of their recall."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        await store.apply_recalls(tx)
