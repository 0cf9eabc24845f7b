"""Who gets what waits: offers to agents, the oldest first; and what time does to hand-offs."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps, Setting
from services.direct_messages.actions.handing_over import Change, by_time, change_owners, tell
from services.direct_messages.actions.noticing import notice_queue
from services.direct_messages.domain import conversations as conversing
from services.direct_messages.domain import handing_over as domain
from services.direct_messages.domain.agents import Wanted, choose
from services.direct_messages.domain.conversations import Conversation, Owner, Reason
from services.direct_messages.domain.handing_over import HandOff, HandOffStage
from services.direct_messages.domain.policy import PeoplePolicy
from services.direct_messages.store import Account
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS, Tx
from shared.failpoints import failpoint

_AT_ONCE = 100


async def assign(deps: Deps, organization_id: str) -> int:
    """Offer what waits to agents who are free; how many were offered. One at a time per organization."""
    async with deps.database.transaction(organization_id) as tx:
        agents = await store.agents_on_duty(tx, organization_id)
        waiting = await store.queued_hand_offs(tx, organization_id, _AT_ONCE) if agents else []
        settings = await deps.catalogue.settings(tx, {h.account for h in waiting})
        waiting = [h for h in waiting if h.account in settings]
        if not waiting:
            return 0
        loads = Counter(await store.loads(tx, organization_id))
        known = await _known(tx, organization_id, waiting, settings)
        moved = []
        for hand_off in waiting:
            people = settings[hand_off.account].policy.people
            agent = choose(_wanted(hand_off, people, known), agents, loads)
            if agent is not None:
                loads[agent.id] += 1
                moved.append(domain.offered(hand_off, agent.id, tx.now + people.accept_within))
        await store.save_hand_offs(tx, moved)
        await store.mark_offered(tx, organization_id, [str(h.agent_id) for h in moved])
        for hand_off in moved:
            await tell(tx, hand_off, "offered", by_time(hand_off))
        return len(moved)


async def seat(
    deps: Deps, envelopes: list[Envelope], waiting: Iterable[tuple[str, str, str]]
) -> None:
    """Assign after hand-offs moved, then tell those fans who must wait. Repeated, nothing changes.

    The marks come last: what is repeated after a crash finds its work done. Raises NeighbourAway.
    """
    await failpoint("direct_messages.before_seat")
    for organization_id in sorted({envelope.organization_id for envelope in envelopes}):
        await assign(deps, organization_id)
    for organization_id, account_id, conversation_id in sorted(waiting):
        await notice_queue(deps, (organization_id, account_id), conversation_id)
    async with deps.database.transaction(ALL_TENANTS) as tx:
        await inbox.take(tx, envelopes)


async def _known(
    tx: Tx, organization_id: str, waiting: list[HandOff], settings: dict[Account, Setting]
) -> dict[tuple[str, str], str]:
    fans = [
        (h.account_id, h.fan_open_id, tx.now - settings[h.account].policy.people.sticky)
        for h in waiting
    ]
    return await store.last_agents(tx, organization_id, fans)


def _wanted(hand_off: HandOff, people: PeoplePolicy, known: dict[tuple[str, str], str]) -> Wanted:
    return Wanted(
        account_id=hand_off.account_id,
        skill=hand_off.skill,
        passed_over=hand_off.passed_over,
        sticky=known.get((hand_off.account_id, hand_off.fan_open_id)),
        capacity=people.capacity,
    )


async def turn_hand_offs(deps: Deps) -> int:
    """Do what is due: an offer that nobody took, a silent agent, a silent fan; how many moved."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        due = await store.due_hand_offs(tx, _AT_ONCE)
        waiting = await store.organizations_that_wait(tx)
    moved = 0
    for organization_id, account_id, conversation_id in due:
        moved += await turn(deps, (organization_id, account_id), conversation_id)
    for organization_id in sorted({key[0] for key in due} | set(waiting)):
        await assign(deps, organization_id)
    return moved


async def turn(deps: Deps, account: Account, conversation_id: str) -> bool:
    """One hand-off whose time may have come, each in a transaction of its own."""
    async with deps.database.transaction(account[0]) as tx:
        found = await store.conversation(tx, account[0], conversation_id, lock=True)
        key = (*account, conversation_id)
        hand_off = (await store.open_hand_offs(tx, [key])).get(key)
        setting = (await deps.catalogue.settings(tx, [account])).get(account)
        is_due = hand_off and hand_off.due_at and hand_off.due_at <= tx.now
        if not (found and hand_off and setting and is_due):
            return False
        agent_id = hand_off.agent_id
        if agent_id is not None and await store.agent(tx, account[0], agent_id) is None:
            return await _without_agent(tx, found, hand_off)
        if hand_off.stage is HandOffStage.OFFERED:
            after = domain.passed_over(hand_off, tx.now)
            await store.save_hand_offs(tx, [after])
            await tell(tx, after, "not_accepted", by_time(after))
            return True
        return await _by_silence(tx, found, hand_off, setting)


async def _without_agent(tx: Tx, found: Conversation, hand_off: HandOff) -> bool:
    """Whoever has it was deleted: others are asked, unless it was answered already."""
    if hand_off.stage is HandOffStage.WRAP_UP:
        return await _give_back(tx, found, hand_off, Reason.RETURNED)
    after = domain.passed_over(hand_off, tx.now)
    await store.save_hand_offs(tx, [after])
    await tell(tx, after, "agent_deleted", by_time(after))
    return True


async def _by_silence(tx: Tx, found: Conversation, hand_off: HandOff, setting: Setting) -> bool:
    """Whoever has it fell silent, or the fan did; else look again when that could be."""
    policy = setting.policy
    if hand_off.is_held:
        marks = [hand_off.accepted_at, found.last_person_at, found.last_inbound_at]
        patience, reason = policy.agent_idle, Reason.PERSON_IDLE
    else:
        marks = [hand_off.queued_at, found.last_inbound_at]
        patience, reason = policy.people.close_after, Reason.FAN_IDLE
    due = _latest(marks, hand_off.queued_at) + patience
    if due > tx.now:
        await store.save_hand_offs(tx, [domain.looked_at(hand_off, due)])
        return False
    return await _give_back(tx, found, hand_off, reason)


async def _give_back(tx: Tx, found: Conversation, hand_off: HandOff, reason: Reason) -> bool:
    after = conversing.hand_over(found, Owner.BOT, reason, tx.now)
    if after is found:
        ended = domain.ended(hand_off, reason, tx.now)
        await store.save_hand_offs(tx, [ended])
        await tell(tx, ended, reason, by_time(ended))
        return True
    await store.save_conversations(tx, [after])
    origin = by_time(hand_off)
    await change_owners(tx, [Change(after, Owner.BOT, reason, origin.cause, origin.trace)])
    return True


def _latest(marks: Iterable[datetime | None], least: datetime) -> datetime:
    return max((mark for mark in marks if mark is not None), default=least)
