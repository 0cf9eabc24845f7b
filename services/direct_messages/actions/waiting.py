"""Fans who wait: the clock finds whose rules are due and tells it; what is told is decided like a message.

How far a wait was asked about is kept with the telling, so each rule is asked once, whatever dies between. Where
somebody was answering, or had the conversation, no rule was asked: that is taken back, and it is looked at again.
"""

from collections.abc import Sequence
from dataclasses import replace

from services.direct_messages import store
from services.direct_messages.actions import promising
from services.direct_messages.actions.answering import answer
from services.direct_messages.actions.deps import Deps, Setting
from services.direct_messages.actions.viewing import Heard
from services.direct_messages.domain.cases import Wait
from services.direct_messages.domain.rules import Trigger
from services.direct_messages.domain.waits import LOOK_AGAIN, Waiter, turned
from services.direct_messages.store import Account
from shared import ids, inbox
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import FanWaited
from shared.db import ALL_TENANTS, Tx

_AT_ONCE = 500
_BATCHES = 20


async def watch_waits(deps: Deps) -> int:
    """Tell of each wait at which a rule is due; how many were looked at."""
    looked_at = 0
    for _ in range(_BATCHES):  # a tick has 20 seconds
        found = await _turn(deps)
        looked_at += found
        if found < _AT_ONCE:
            break
    return looked_at


async def _turn(deps: Deps) -> int:
    async with deps.database.transaction(ALL_TENANTS) as tx:
        due = await store.due_waiters(tx, _AT_ONCE)
        if not due:
            return 0
        settings = await deps.catalogue.settings(tx, {_account(waiter) for waiter in due})
        after = [_turned(waiter, settings.get(_account(waiter)), tx) for waiter in due]
        await store.turn_waiters(tx, [(_account(waiter), waiter) for waiter, _ in after])
        for waiter, wait in after:
            if wait is not None:
                tx.publish(_told(waiter, wait, tx))
        return len(due)


def _turned(waiter: Waiter, setting: Setting | None, tx: Tx) -> tuple[Waiter, Wait | None]:
    if setting is None:  # the account is not known (yet)
        return replace(waiter, ask_at=tx.now + LOOK_AGAIN), None
    rules = setting.rules.by_trigger.get(Trigger.NO_ANSWER, ())
    return turned(waiter, rules, setting.policy, tx.now)


def _account(waiter: Waiter) -> Account:
    return waiter.conversation.organization_id, waiter.conversation.account_id


def _told(waiter: Waiter, wait: Wait, tx: Tx) -> Envelope:
    event = FanWaited(
        clock_id=waiter.clock_id,
        open_id=waiter.conversation.fan_open_id,
        since=wait.since,
        asked=wait.asked,
        minutes=wait.minutes,
    )
    origin = Origin(*_account(waiter), waiter.clock_id, ids.trace_parent())
    return Envelope.of(event, origin, subject=event.open_id, seq=wait.minutes, at=tx.now)


async def answer_waits(deps: Deps, waits: Sequence[tuple[str, Heard]]) -> None:
    """Decide on those (clock, wait) that nobody answered meanwhile. Raises as `answer` does."""
    told = [((*heard.fan[:2], clock_id), heard) for clock_id, heard in waits]
    async with deps.database.transaction(ALL_TENANTS) as tx:
        still = await store.still_waiting(tx, [clocked for clocked, _ in told])
        if overtaken := [heard.envelope for clocked, heard in told if clocked not in still]:
            fresh = await inbox.take(tx, overtaken)
            await promising.ask_again(tx, [e for e in overtaken if e.id in fresh])
    left = [heard for clocked, heard in told if clocked in still]
    if left:
        await answer(deps, left)
