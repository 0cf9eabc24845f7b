"""A person writes to a fan, or takes a conversation and gives it back."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.direct_messages import store
from services.direct_messages.actions.answering import PURPOSES
from services.direct_messages.actions.budgets import budget_of, used_up
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.errors import NoReplyContext, NotUnknown, QuotaExhausted
from services.direct_messages.actions.looking import owner_now
from services.direct_messages.actions.settling import OPERATION_PREFIX, owner_change
from services.direct_messages.domain import conversations as domain
from services.direct_messages.domain.conversations import Context, Conversation, Owner, Reason
from services.direct_messages.domain.items import (
    Item,
    content_of,
    item_faults,
    said_by_person,
    text_of,
    wording,
)
from services.direct_messages.domain.messages import (
    Actor,
    Message,
    Operation,
    OperationState,
    State,
)
from services.direct_messages.domain.policy import Policy
from shared import ids
from shared.contracts.api.quota import Denied, ReserveRequest, Window
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import SendItem, SendRequested
from shared.db import Tx
from shared.errors import Invalid, NeighbourAway, NotFound
from shared.http.idempotency import IdempotencyKey, Once
from shared.http.limits import Fact
from shared.http.versions import UNCONDITIONAL, Precondition, tag_of

Answer = dict[str, Any]  # what the caller of a reply is told


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person wants to say."""

    conversation_id: str
    item: Item
    place: str  # where the item stands in what they sent (a JSON pointer)
    supersedes: str | None  # the unknown operation that this one sends again


@dataclass(frozen=True, slots=True)
class _Ready:
    """A reply that may be asked for."""

    conversation: Conversation
    context: Context
    operation_id: str


async def reply(
    deps: Deps, organization_id: str, key: IdempotencyKey, wanted: Reply, once: Once[Answer]
) -> tuple[Answer, tuple[Fact, ...]]:
    """Send the item within the fan's quota, once a key; and what is left of that.

    Raises NotFound, Invalid, NoReplyContext, NotUnknown, QuotaExhausted, NeighbourAway, Replayed.
    """
    async with deps.database.transaction(organization_id) as tx:
        await once.begin(tx, organization_id)
        ready, now = await _prepare(deps, tx, key, organization_id, wanted), tx.now
    ready, reservation_id = await _reserve(deps, ready, now)
    body = _answer(ready, reservation_id)
    try:
        async with deps.database.transaction(organization_id) as tx:
            await once.begin(tx, organization_id)
            await _write(deps, tx, ready, reservation_id, wanted)
            await once.keep(tx, organization_id, body)
    except (NotFound, NotUnknown):  # somebody was quicker: nothing is written, nothing is sent
        await deps.quota.release(organization_id, ready.conversation.account_id, reservation_id)
        raise
    purpose = PURPOSES[ready.context.scene]
    return body, await budget_of(deps, ready.conversation, purpose, now)


def conversation_tag(conversation: Conversation, owner: Owner) -> str:
    """The version of a conversation, and of who answers in it by now."""
    return tag_of(conversation.id, conversation.version, owner)


async def set_owner(
    deps: Deps,
    conversation_key: tuple[str, str],
    owner: Owner,
    expected: Precondition = UNCONDITIONAL,
) -> tuple[Conversation, Owner]:
    """Let a person, or the bot, answer in (organization, conversation) from now on.

    Raises NotFound, PreconditionFailed.
    """
    organization_id, conversation_id = conversation_key
    async with deps.database.transaction(organization_id) as tx:
        found = await store.conversation(tx, organization_id, conversation_id, lock=True)
        if found is None:
            raise NotFound("no such conversation")
        expected.check(conversation_tag(found, await owner_now(deps, tx, found)))
        if owner is Owner.PERSON:
            after = domain.person_spoke(found, Reason.SET_BY_PERSON, tx.now)
        else:
            after = domain.hand_over(found, Owner.BOT, Reason.SET_BY_PERSON, tx.now)
        if after != found:
            await store.save_conversations(tx, [after])
            after = replace(after, version=after.version + 1)
        if after.owner is not found.owner:
            change = owner_change(found, owner, Reason.SET_BY_PERSON, tx.now)
            await store.add_owner_changes(tx, [change])
        return after, owner


async def _prepare(
    deps: Deps, tx: Tx, key: IdempotencyKey, organization_id: str, wanted: Reply
) -> _Ready:
    found = await store.conversation(tx, organization_id, wanted.conversation_id)
    if found is None:
        raise NotFound("no such conversation")
    policy = await _policy(deps, tx, found)
    room = said_by_person(policy)
    if fault := next(item_faults(wanted.item, policy, wanted.place, room), None):
        raise Invalid(fault.detail, pointer=fault.pointer, policy_key=fault.policy_key)
    if wanted.supersedes is not None:
        await _check_unknown(tx, found, wanted.supersedes)
    context = domain.newest_context(found, policy, tx.now)
    if context is None:
        raise NoReplyContext("the fan's last message or visit is too long ago")
    return _Ready(found, context, _operation_id(organization_id, key, context))


async def _policy(deps: Deps, tx: Tx, found: Conversation) -> Policy:
    account = (found.organization_id, found.account_id)
    setting = (await deps.catalogue.settings(tx, [account])).get(account)
    if setting is None:
        raise NeighbourAway("the account's policy is not known yet", neighbour="open_platform")
    return setting.policy


async def _check_unknown(tx: Tx, found: Conversation, operation_id: str) -> None:
    tenant = (found.organization_id, found.account_id)
    items = await store.items(tx, *tenant, operation_id)
    is_here = items and items[0].conversation_id == found.id
    if not is_here or not any(item.state is State.UNKNOWN for item in items):
        raise NotUnknown(f"{operation_id} is no send of this conversation whose outcome is unknown")
    if await store.superseding(tx, *tenant, operation_id):
        raise NotUnknown(f"{operation_id} was sent again already")


def _operation_id(organization_id: str, key: IdempotencyKey, context: Context) -> str:
    """The same for the same key in the same window, so that two at once hold quota once."""
    parts = (organization_id, key.scope, key.key, key.fingerprint.hex(), context.opened_by)
    digest = hashlib.blake2s("\n".join(parts).encode(), digest_size=13).hexdigest()
    return OPERATION_PREFIX + digest


async def _reserve(deps: Deps, ready: _Ready, now: datetime) -> tuple[_Ready, str]:
    """The reply in the window that its hold counts in, and the reservation."""
    conversation, context = ready.conversation, ready.context
    request = ReserveRequest(
        organization_id=conversation.organization_id,
        account_id=conversation.account_id,
        operation_id=ready.operation_id,
        purpose=PURPOSES[context.scene],
        subject=conversation.fan_open_id,
        items=1,
        actor="person",
        window=Window(opened_by=context.opened_by, opened_at=context.opened_at),
        planned_at=None,
        cause=ready.operation_id,
    )
    answer = (await deps.quota.reserve([request]))[0]
    if answer.granted is not None:
        if window := answer.granted.held_in:
            ready = replace(ready, context=context.held_in(window.opened_by, window.opened_at))
        return ready, answer.granted.reservation_id
    if answer.denied is None:
        raise NeighbourAway("quota said neither yes nor no", neighbour="quota")
    refusal = _refusal(answer.denied)
    refusal.limits = used_up(deps, conversation, answer.denied, now)
    raise refusal


def _refusal(denied: Denied) -> NoReplyContext | QuotaExhausted:
    facts: dict[str, Any] = {
        "limit": denied.limit,
        "cap": denied.cap,
        "used": denied.used,
        "held": denied.held,
        "resets": denied.resets.model_dump(mode="json"),
        "reason": denied.reason,
    }
    if denied.reason != "exhausted":
        return NoReplyContext("the window for replies to this fan is closed", **facts)
    # no Retry-After: what resets it is a fan's message, or far away enough to be read in `resets`
    facts["violated-policies"] = [denied.limit]
    detail = f"{denied.used} used and {denied.held} held of {denied.cap}"
    return QuotaExhausted(detail, pointer=None, **facts)


def _answer(ready: _Ready, reservation_id: str) -> Answer:
    return {
        "operation_id": ready.operation_id,
        "message_ids": [_message_id(ready.operation_id)],
        "state": State.QUEUED.value,
        "conversation_id": ready.conversation.id,
        "reservation_id": reservation_id,
        "cause": ready.operation_id,
    }


def _message_id(operation_id: str) -> str:
    return "dm_" + operation_id.removeprefix(OPERATION_PREFIX)


async def _write(deps: Deps, tx: Tx, ready: _Ready, reservation_id: str, wanted: Reply) -> None:
    organization_id, conversation_id = ready.conversation.organization_id, wanted.conversation_id
    found = await store.conversation(tx, organization_id, conversation_id, lock=True)
    if found is None:
        raise NotFound("no such conversation")
    if wanted.supersedes is not None:
        await _check_unknown(tx, found, wanted.supersedes)
    operation = _operation(found, ready.operation_id, reservation_id, wanted.supersedes, tx)
    if not await store.add_operations(tx, [operation]):
        raise NeighbourAway("the hold was given up meanwhile", neighbour="quota")
    await store.save_conversations(tx, [domain.person_spoke(found, Reason.PERSON_REPLIED, tx.now)])
    await store.add_messages(tx, [_message(found, ready.operation_id, wanted.item, tx)])
    if found.owner is Owner.BOT:
        change = owner_change(found, Owner.PERSON, Reason.PERSON_REPLIED, tx.now)
        await store.add_owner_changes(tx, [change])
    tx.publish(_request(deps, tx, found, ready, operation, wanted.item))


def _operation(
    found: Conversation, operation_id: str, reservation_id: str, supersedes: str | None, tx: Tx
) -> Operation:
    return Operation(
        organization_id=found.organization_id,
        account_id=found.account_id,
        id=operation_id,
        state=OperationState.REQUESTED,
        conversation_id=found.id,
        actor=Actor.PERSON,
        items=1,
        reservation_id=reservation_id,
        supersedes=supersedes,
        created_at=tx.now,
    )


def _message(found: Conversation, operation_id: str, item: Item, tx: Tx) -> Message:
    return Message(
        organization_id=found.organization_id,
        account_id=found.account_id,
        id=_message_id(operation_id),
        conversation_id=found.id,
        direction="out",
        actor=Actor.PERSON,
        kind=item.kind,
        text=text_of(item),
        state=State.QUEUED,
        cause=operation_id,
        created_at=tx.now,
        operation_id=operation_id,
        item=0,
        content=None if item.kind == "text" else content_of(item),
    )


def _request(
    deps: Deps, tx: Tx, found: Conversation, ready: _Ready, operation: Operation, item: Item
) -> Envelope:
    sealed = deps.sealer.seal(found.organization_id, wording(item), tx.now.date())
    event = SendRequested(
        operation_id=operation.id,
        reservation_id=operation.reservation_id,
        conversation_id=found.platform_conversation_id,
        open_id=found.fan_open_id,
        scene=ready.context.scene,
        reply_to=ready.context.opened_by,
        window_opened_at=ready.context.opened_at,
        expires_at=ready.context.expires_at,
        items=[SendItem(kind=item.kind, text=sealed)],
        supersedes=operation.supersedes,
    )
    origin = Origin(found.organization_id, found.account_id, operation.id, ids.trace_parent())
    return Envelope.of(event, origin, subject=found.fan_open_id, seq=found.version + 1, at=tx.now)
