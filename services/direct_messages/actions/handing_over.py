"""Who owns a conversation, and with it the hand-off to people: changed in one place, told in one place.

Every transaction that gives a conversation another owner calls `change_owners` in it. Locks are taken
in one order everywhere: conversation, then hand-off, then agent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.direct_messages import store
from services.direct_messages.actions.errors import Taken
from services.direct_messages.domain import handing_over as domain
from services.direct_messages.domain.agents import Agent
from services.direct_messages.domain.conversations import Conversation, Owner, Reason
from services.direct_messages.domain.handing_over import HandOff, HandOffStage
from services.direct_messages.domain.messages import OwnerChange
from services.direct_messages.store import EVERYBODY, News
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import HandOffChanged
from shared.db import Tx

_BY_PERSON = {  # a person has it already; every other reason calls for one
    Reason.PERSON_REPLIED,
    Reason.PERSON_ANSWERED_IN_APP,
    Reason.SET_BY_PERSON,
    Reason.ACCEPTED,
}


@dataclass(frozen=True, slots=True)
class Change:
    """A conversation goes to an owner, for a reason; `agent_id`: the agent who did it, if one did."""

    conversation: Conversation
    owner: Owner
    reason: Reason
    cause: str
    trace: str = ""
    message_id: str | None = None
    agent_id: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Which conversation."""
        return (
            self.conversation.organization_id,
            self.conversation.account_id,
            self.conversation.id,
        )


async def change_owners(tx: Tx, changes: Sequence[Change]) -> None:
    """Note the changes and keep the hand-offs in step; the conversations are saved by the caller."""
    if not changes:
        return
    await store.add_owner_changes(tx, [_note(change, tx.now) for change in changes])
    await follow(tx, changes)


async def follow(tx: Tx, changes: Sequence[Change]) -> list[HandOff]:
    """Only the hand-offs: also where the owner stays a person and another one takes over."""
    if not changes:
        return []
    known = await store.open_hand_offs(tx, [change.key for change in changes])
    after: dict[tuple[str, str, str], HandOff] = {}
    told = []
    for change in changes:
        before = after.get(change.key) or known.get(change.key)
        now = _after(before, change, tx.now)
        if now is not None and now != before:
            after[change.key] = now
            told.append((change, now))
    await store.save_hand_offs(tx, list(after.values()))
    for change, hand_off in told:
        origin = Origin(*hand_off.account, change.cause, change.trace or ids.trace_parent())
        await tell(tx, hand_off, change.reason, origin)
    return list(after.values())


def _after(before: HandOff | None, change: Change, now: datetime) -> HandOff | None:
    """The hand-off once the owner is another; None: people have nothing to do with it."""
    if before is not None and before.stage is HandOffStage.ENDED:
        before = None
    if change.owner is Owner.BOT:
        # a person who fell silent has let go; whoever still waits for one keeps the place
        stays = change.reason is Reason.PERSON_IDLE and before is not None and not before.is_held
        return before if before is None or stays else domain.ended(before, change.reason, now)
    if change.reason not in _BY_PERSON:
        return before or _begun(change, now)
    had = before or _begun(change, now)
    if had.stage is HandOffStage.ACCEPTED and change.agent_id in {None, had.agent_id}:
        return had  # who has it keeps it, whoever else speaks
    return domain.accepted(had, change.agent_id, now)


def _begun(change: Change, now: datetime) -> HandOff:
    conversation = change.conversation
    return HandOff(
        organization_id=conversation.organization_id,
        account_id=conversation.account_id,
        id=ids.new("hof"),
        conversation_id=conversation.id,
        fan_open_id=conversation.fan_open_id,
        reason=change.reason,
        skill=None,
        urgent=change.reason in {Reason.VIP, Reason.SLA_BREACHED},
        stage=HandOffStage.QUEUED,
        agent_id=None,
        passed_over=(),
        queued_at=now,
        accepted_at=None,
        ended_at=None,
        end_reason=None,
        noticed_at=None,
        due_at=now,
        version=1,
    )


async def check_holder(tx: Tx, conversation: Conversation, agent: Agent) -> HandOff | None:
    """The open hand-off of a locked conversation. Raises Taken when another agent has it."""
    key = (conversation.organization_id, conversation.account_id, conversation.id)
    found = (await store.open_hand_offs(tx, [key])).get(key)
    if found is None or not found.is_held or found.agent_id in {None, agent.id}:
        return found
    holder = await store.agent(tx, found.organization_id, found.agent_id)
    name = holder.name if holder else None
    raise Taken(
        "another agent has this conversation",
        agent={"id": found.agent_id, "name": name},
        hand_off_id=found.id,
    )


async def tell(tx: Tx, hand_off: HandOff, reason: Reason | str, origin: Origin) -> None:
    """Let everybody know where the hand-off is now, in the transaction that moved it."""
    event = HandOffChanged(
        hand_off_id=hand_off.id,
        conversation_id=hand_off.conversation_id,
        stage=hand_off.stage.value,
        reason=str(reason),
        agent_id=hand_off.agent_id,
    )
    at, seq = tx.now, hand_off.version
    tx.publish(Envelope.of(event, origin, subject=hand_off.id, seq=seq, at=at))
    place = (*hand_off.account, hand_off.conversation_id)
    data = event.model_dump(mode="json")
    await store.add_news(tx, [News(*place, "hand_off_changed", data, EVERYBODY)])


def by_time(hand_off: HandOff) -> Origin:
    """The origin of what nobody did: its time had come."""
    return Origin(*hand_off.account, ids.new("due"), ids.trace_parent())


def _note(change: Change, now: datetime) -> OwnerChange:
    return OwnerChange(
        organization_id=change.conversation.organization_id,
        account_id=change.conversation.account_id,
        id=ids.new("own"),
        conversation_id=change.conversation.id,
        owner=change.owner,
        reason=change.reason,
        message_id=change.message_id,
        created_at=now,
    )
