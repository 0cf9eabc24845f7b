"""The one notice to a fan that all agents are busy. It costs quota, so it is sent once a hand-off."""

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.requesting import (
    Outgoing,
    ask_quota,
    held_in,
    request_send,
)
from services.direct_messages.domain import conversations as conversing
from services.direct_messages.domain import handing_over as domain
from services.direct_messages.domain.handing_over import HandOff, HandOffStage
from services.direct_messages.domain.items import TextReply
from services.direct_messages.domain.messages import Actor
from services.direct_messages.store import Account
from shared.db import Tx
from shared.failpoints import failpoint


async def notice_queue(deps: Deps, account: Account, conversation_id: str) -> bool:
    """Tell the fan how many wait in front, if somebody will come at all. Raises NeighbourAway."""
    async with deps.database.transaction(account[0]) as tx:
        out = await _prepare(deps, tx, account, conversation_id)
    if out is None:
        return False
    answer = await ask_quota(deps, out)
    if answer.granted is None:
        return False  # the rest is for people
    out, reservation_id = held_in(out, answer.granted), answer.granted.reservation_id
    await failpoint("direct_messages.notice_held")
    async with deps.database.transaction(account[0]) as tx:
        found = await store.conversation(tx, account[0], conversation_id, lock=True)
        hand_off = await _waiting(tx, account, conversation_id)
        # whoever was quicker sends it under the same hold: that is theirs to give back, not ours
        is_disposed = await store.operation(tx, *account, out.operation_id) is not None
        if found is not None and hand_off is not None and not is_disposed:
            await request_send(deps, tx, found, out, reservation_id)
            sent_at = (*found.auto_sent_at, tx.now)
            await store.save_conversations(tx, [conversing.changed(found, auto_sent_at=sent_at)])
            await store.save_hand_offs(tx, [domain.noticed(hand_off, tx.now)])
            return True
    if not is_disposed:
        await deps.quota.release(*account, reservation_id)
    return False


async def _prepare(deps: Deps, tx: Tx, account: Account, conversation_id: str) -> Outgoing | None:
    hand_off = await _waiting(tx, account, conversation_id)
    found = await store.conversation(tx, account[0], conversation_id)
    setting = (await deps.catalogue.settings(tx, [account])).get(account)
    if hand_off is None or found is None or setting is None:
        return None
    words = setting.policy.people.queue_notice
    context = conversing.newest_context(found, setting.policy, tx.now)
    if words is None or context is None or not await store.has_agents(tx, account[0]):
        return None
    ahead = await store.waiting_ahead(tx, hand_off)
    text = TextReply(words.replace("{ahead}", str(ahead)))
    operation_id = "op_queue" + hand_off.id.partition("_")[2]
    return Outgoing(found, context, operation_id, Actor.BOT, text)


async def _waiting(tx: Tx, account: Account, conversation_id: str) -> HandOff | None:
    """The hand-off, while it waits and its fan was told nothing."""
    key = (*account, conversation_id)
    found = (await store.open_hand_offs(tx, [key])).get(key)
    return found if found and found.stage is HandOffStage.QUEUED and not found.noticed_at else None
