"""A person writes to a fan, or takes a conversation and gives it back."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.direct_messages import store
from services.direct_messages.actions.budgets import budget_of, used_up
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.errors import (
    NoReplyContext,
    NotUnknown,
    QuotaExhausted,
    Taken,
)
from services.direct_messages.actions.handing_over import (
    Change,
    change_owners,
    check_holder,
    follow,
)
from services.direct_messages.actions.looking import owner_now
from services.direct_messages.actions.requesting import (
    OPERATION_PREFIX,
    PURPOSES,
    Outgoing,
    ask_quota,
    held_in,
    request_send,
)
from services.direct_messages.domain import conversations as domain
from services.direct_messages.domain.agents import Agent
from services.direct_messages.domain.conversations import Context, Conversation, Owner, Reason
from services.direct_messages.domain.items import Item, item_faults, said_by_person
from services.direct_messages.domain.messages import Actor, State
from services.direct_messages.domain.policy import Policy
from shared import ids
from shared.contracts.api.quota import Denied, ReserveAnswer
from shared.db import Tx
from shared.errors import Invalid, NeighbourAway, NotFound
from shared.http.idempotency import IdempotencyKey, Once
from shared.http.limits import Fact
from shared.http.versions import UNCONDITIONAL, Precondition, tag_of, tag_of_parts

Answer = dict[str, Any]  # what the caller of a reply is told


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person wants to say."""

    conversation_id: str
    item: Item
    place: str  # where the item stands in what they sent (a JSON pointer)
    supersedes: str | None  # the unknown operation that this one sends again
    key_id: str  # the API key that speaks: it may be an agent's


async def reply(
    deps: Deps, organization_id: str, key: IdempotencyKey, wanted: Reply, once: Once[Answer]
) -> tuple[Answer, tuple[Fact, ...]]:
    """Send the item within the fan's quota, once a key; and what is left of that.

    Raises NotFound, Invalid, NoReplyContext, NotUnknown, Taken, QuotaExhausted, NeighbourAway, Replayed.
    """
    async with deps.database.transaction(organization_id) as tx:
        await once.begin(tx, organization_id)
        out, now = await _prepare(deps, tx, key, organization_id, wanted), tx.now
    out, reservation_id = _granted(deps, out, await ask_quota(deps, out), now)
    body = _answer(out, reservation_id)
    try:
        async with deps.database.transaction(organization_id) as tx:
            await once.begin(tx, organization_id)
            await _write(deps, tx, out, reservation_id, wanted.key_id)
            await once.keep(tx, organization_id, body)
    except (NotFound, NotUnknown, Taken):
        # somebody was quicker: nothing is written, nothing is sent
        await deps.quota.release(organization_id, out.conversation.account_id, reservation_id)
        raise
    purpose = PURPOSES[out.context.scene]
    return body, await budget_of(deps, out.conversation, purpose, now)


def conversation_tag(conversation: Conversation, owner: Owner) -> str:
    """The version of who answers in a conversation by now, and of all the rest of it."""
    return tag_of_parts(_ownership(conversation, owner), conversation.version)


def _ownership(conversation: Conversation, owner: Owner) -> tuple[object, ...]:
    """What a caller changes: a busy conversation has a new message before anybody can."""
    return conversation.id, owner.value, conversation.owner_since


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
        expected.of_part().check(tag_of(_ownership(found, await owner_now(deps, tx, found))))
        if owner is Owner.PERSON:
            after = domain.person_spoke(found, Reason.SET_BY_PERSON, tx.now)
        else:
            after = domain.hand_over(found, Owner.BOT, Reason.SET_BY_PERSON, tx.now)
        if after != found:
            await store.save_conversations(tx, [after])
            after = replace(after, version=after.version + 1)
        if after.owner is not found.owner:
            cause = ids.new("own")
            await change_owners(tx, [Change(after, owner, Reason.SET_BY_PERSON, cause)])
        return after, owner


async def _prepare(
    deps: Deps, tx: Tx, key: IdempotencyKey, organization_id: str, wanted: Reply
) -> Outgoing:
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
    operation_id = _operation_id(organization_id, key, context)
    return Outgoing(found, context, operation_id, Actor.PERSON, wanted.item, wanted.supersedes)


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


def _granted(
    deps: Deps, out: Outgoing, answer: ReserveAnswer, now: datetime
) -> tuple[Outgoing, str]:
    """The reply in the window that its hold counts in, and the reservation."""
    if answer.granted is not None:
        return held_in(out, answer.granted), answer.granted.reservation_id
    if answer.denied is None:
        raise NeighbourAway("quota said neither yes nor no", neighbour="quota")
    refusal = _refusal(answer.denied)
    refusal.limits = used_up(deps, out.conversation, answer.denied, now)
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


def _answer(out: Outgoing, reservation_id: str) -> Answer:
    return {
        "operation_id": out.operation_id,
        "message_ids": [out.message_id],
        "state": State.QUEUED.value,
        "conversation_id": out.conversation.id,
        "reservation_id": reservation_id,
        "cause": out.operation_id,
    }


async def _write(deps: Deps, tx: Tx, out: Outgoing, reservation_id: str, key_id: str) -> None:
    organization_id, conversation_id = out.conversation.organization_id, out.conversation.id
    found = await store.conversation(tx, organization_id, conversation_id, lock=True)
    if found is None:
        raise NotFound("no such conversation")
    if out.supersedes is not None:
        await _check_unknown(tx, found, out.supersedes)
    agent = await store.agent_of_key(tx, organization_id, key_id)
    if agent is not None:
        await check_holder(tx, found, agent)
    await request_send(deps, tx, found, out, reservation_id)
    after = domain.person_spoke(found, Reason.PERSON_REPLIED, tx.now)
    await store.save_conversations(tx, [after])
    change = _spoke(after, out, agent)
    await (change_owners(tx, [change]) if found.owner is Owner.BOT else follow(tx, [change]))


def _spoke(after: Conversation, out: Outgoing, agent: Agent | None) -> Change:
    agent_id = agent.id if agent else None
    reason, cause = Reason.PERSON_REPLIED, out.operation_id
    return Change(after, Owner.PERSON, reason, cause, agent_id=agent_id)
