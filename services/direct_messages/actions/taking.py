"""What agents do with a conversation: accept, hand on, decline, finish, give back to the bot.

Of two who accept at once one waits for the other's lock on the conversation and is told who has it.
"""

from dataclasses import dataclass
from datetime import timedelta

from services.direct_messages import store
from services.direct_messages.actions.agents import Caller, acting
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.errors import NotWithPeople
from services.direct_messages.actions.handing_over import (
    Change,
    change_owners,
    check_holder,
    follow,
    tell,
)
from services.direct_messages.domain import conversations as conversing
from services.direct_messages.domain import handing_over as domain
from services.direct_messages.domain.agents import Agent, Role
from services.direct_messages.domain.conversations import Conversation, Owner, Reason
from services.direct_messages.domain.handing_over import HandOff, HandOffStage
from shared import ids
from shared.contracts.envelope import Origin
from shared.db import Tx
from shared.errors import Invalid, NeighbourAway, NotFound
from shared.http.idempotency import EACH_TIME, Once


@dataclass(frozen=True, slots=True)
class Place:
    """Which conversation, and for which agent the caller acts (None: the key's own)."""

    conversation_id: str
    agent_id: str | None = None
    once: Once[HandOff] = EACH_TIME


async def accept(deps: Deps, caller: Caller, place: Place) -> HandOff:
    """The agent has the conversation from now on, and the bot is silent.

    Repeated, nothing changes. Raises NotFound, Taken.
    """
    async with deps.database.transaction(caller.organization_id) as tx:
        agent, found = await _begin(tx, caller, place)
        had = await check_holder(tx, found, agent)
        if had and had.stage is HandOffStage.ACCEPTED and had.agent_id == agent.id:
            return await _kept(tx, place, had)
        after = conversing.taken(found, Reason.ACCEPTED, tx.now)
        cause = ids.new("act")
        change = Change(after, Owner.PERSON, Reason.ACCEPTED, cause, agent_id=agent.id)
        await store.save_conversations(tx, [after])
        if found.owner is Owner.BOT:
            await change_owners(tx, [change])
        else:
            await follow(tx, [change])
        return await _kept(tx, place, await _now(tx, found))


async def transfer(
    deps: Deps, caller: Caller, place: Place, to: str | None, skill: str | None
) -> HandOff:
    """Offer it to another agent, or to whoever has a skill. Raises NotFound, Taken, NotWithPeople."""
    async with deps.database.transaction(caller.organization_id) as tx:
        agent, found = await _begin(tx, caller, place)
        hand_off = await _open(tx, caller, found, agent)
        after = domain.sent_back(hand_off, skill, tx.now)
        if to is not None:
            other = await store.agent(tx, caller.organization_id, to)
            if other is None:
                raise Invalid("no such agent", pointer="#/to_agent_id")
            after = domain.offered(after, other.id, tx.now + await _patience(deps, tx, found))
        return await _move(tx, place, after, "transferred")


async def decline(deps: Deps, caller: Caller, place: Place) -> HandOff:
    """Not this agent: the next one is asked. Raises NotFound, Taken, NotWithPeople."""
    async with deps.database.transaction(caller.organization_id) as tx:
        agent, found = await _begin(tx, caller, place)
        hand_off = await _open(tx, caller, found, agent)
        if hand_off.stage is not HandOffStage.OFFERED or hand_off.agent_id != agent.id:
            raise NotWithPeople("it is not offered to this agent")
        return await _move(tx, place, domain.passed_over(hand_off, tx.now), "declined")


async def finish(deps: Deps, caller: Caller, place: Place) -> HandOff:
    """Answered: it takes no more of the agent's capacity. Raises NotFound, Taken, NotWithPeople."""
    async with deps.database.transaction(caller.organization_id) as tx:
        agent, found = await _begin(tx, caller, place)
        hand_off = await _open(tx, caller, found, agent)
        if hand_off.stage is HandOffStage.WRAP_UP:
            return await _kept(tx, place, hand_off)
        if hand_off.stage is not HandOffStage.ACCEPTED:
            raise NotWithPeople("nobody accepted it yet")
        return await _move(tx, place, domain.wrapped_up(hand_off, tx.now), "finished")


async def give_back(deps: Deps, caller: Caller, place: Place) -> HandOff:
    """The bot answers again. Raises NotFound, Taken, NotWithPeople."""
    async with deps.database.transaction(caller.organization_id) as tx:
        agent, found = await _begin(tx, caller, place)
        hand_off = await _open(tx, caller, found, agent)
        ended = domain.ended(hand_off, Reason.RETURNED, tx.now)
        after = conversing.hand_over(found, Owner.BOT, Reason.RETURNED, tx.now)
        if after is found:  # the bot answers already: only the place in the queue ends
            return await _move(tx, place, ended, "returned")
        await store.save_conversations(tx, [after])
        change = Change(after, Owner.BOT, Reason.RETURNED, ids.new("act"), agent_id=agent.id)
        await change_owners(tx, [change])
        return await _kept(tx, place, ended)


async def _begin(tx: Tx, caller: Caller, place: Place) -> tuple[Agent, Conversation]:
    await place.once.begin(tx, caller.organization_id)
    found = await store.conversation(tx, caller.organization_id, place.conversation_id, lock=True)
    if found is None:
        raise NotFound("no such conversation")
    return await acting(tx, caller, place.agent_id), found


async def _open(tx: Tx, caller: Caller, found: Conversation, agent: Agent) -> HandOff:
    """The open hand-off, if this agent may move it: supervisors may move everybody's."""
    if agent.role is Role.AGENT and not caller.manages:
        hand_off = await check_holder(tx, found, agent)
    else:
        key = (found.organization_id, found.account_id, found.id)
        hand_off = (await store.open_hand_offs(tx, [key])).get(key)
    if hand_off is None:
        raise NotWithPeople("no person has it, and none is asked for")
    return hand_off


async def _move(tx: Tx, place: Place, after: HandOff, reason: str) -> HandOff:
    await store.save_hand_offs(tx, [after])
    await tell(tx, after, reason, Origin(*after.account, ids.new("act"), ids.trace_parent()))
    return await _kept(tx, place, after)


async def _kept(tx: Tx, place: Place, after: HandOff) -> HandOff:
    await place.once.keep(tx, after.organization_id, after)
    return after


async def _now(tx: Tx, found: Conversation) -> HandOff:
    key = (found.organization_id, found.account_id, found.id)
    return (await store.open_hand_offs(tx, [key]))[key]


async def _patience(deps: Deps, tx: Tx, found: Conversation) -> timedelta:
    account = (found.organization_id, found.account_id)
    setting = (await deps.catalogue.settings(tx, [account])).get(account)
    if setting is None:
        raise NeighbourAway("the account's policy is not known yet", neighbour="open_platform")
    return setting.policy.people.accept_within
