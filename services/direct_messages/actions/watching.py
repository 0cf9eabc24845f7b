"""Live updates for agents: what changed, as soon as it is committed, from where a stream broke off.

Nothing is held for a listener but a place in the log. While nobody listens, nobody asks.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.direct_messages import store
from services.direct_messages.actions.agents import PRESENCE_LEASE, Caller, acting
from services.direct_messages.actions.bell import LOOK_EVERY
from services.direct_messages.actions.deps import Deps
from services.direct_messages.domain.agents import Role
from services.direct_messages.store import LogPlace, Update
from shared.db import ALL_TENANTS, Database
from shared.errors import NeighbourAway

log = structlog.get_logger()

_ALIVE_EVERY: Final = 15.0
_RENEW_EVERY: Final = 60.0
_AT_ONCE: Final = 100
_PURGES: Final = 50
KEPT: Final = timedelta(hours=store.KEPT_HOURS)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who listens; `agent_id` '': to everything of the organization."""

    organization_id: str
    agent_id: str
    renews: str | None  # the agent who is present while this lasts


async def listener_of(database: Database, caller: Caller, agent_id: str | None) -> Listener:
    """Who listens: the key's agent, or whom a managing key names, or else the whole organization.

    Raises NotFound, Forbidden.
    """
    async with database.transaction(caller.organization_id) as tx:
        own = await store.agent_of_key(tx, caller.organization_id, caller.key_id)
        if own is None and agent_id is None:
            return Listener(caller.organization_id, "", None)
        agent = await acting(tx, caller, agent_id)
    sees = agent.id if agent.role is Role.AGENT else ""
    return Listener(caller.organization_id, sees, agent.id)


async def watch(
    deps: Deps, who: Listener, after: LogPlace | None, is_over: Callable[[], bool]
) -> AsyncIterator[list[Update]]:
    """What comes behind `after` (None: from now on), until it is over; now and then nothing.

    No transaction is open while somebody reads what was yielded.
    """
    with deps.bell.heard_by(who.organization_id):
        spoke_at, renewed_at = time.monotonic(), 0.0
        while True:
            found: list[Update] = []
            try:
                found, after = await _next(deps, who, after)
                renewed_at = await _renew(deps.database, who, renewed_at)
            except NeighbourAway as away:  # PostgreSQL comes back, and the log with it
                log.info("updates_wait", reason=str(away))
            if found or time.monotonic() - spoke_at >= _ALIVE_EVERY:
                spoke_at = time.monotonic()
                yield found
            if is_over():
                return
            if len(found) < _AT_ONCE:
                await asyncio.sleep(LOOK_EVERY)


async def _next(deps: Deps, who: Listener, after: LogPlace | None) -> tuple[list[Update], LogPlace]:
    """What is there behind `after`, and the place behind that."""
    end = await deps.bell.end_of(deps.database, who.organization_id)
    if after is None or after >= end:
        return [], max(after or end, end)
    async with deps.database.transaction(who.organization_id) as tx:
        found = await store.updates_after(tx, who.organization_id, who.agent_id, after, _AT_ONCE)
    if len(found) == _AT_ONCE:
        return found, found[-1].place
    return found, max(end, found[-1].place) if found else end


async def _renew(database: Database, who: Listener, renewed_at: float) -> float:
    if who.renews is None or time.monotonic() - renewed_at < _RENEW_EVERY:
        return renewed_at
    async with database.transaction(who.organization_id) as tx:
        await store.renew_presence(tx, who.organization_id, who.renews, PRESENCE_LEASE)
    return time.monotonic()


async def forget_updates(database: Database) -> int:
    """Purge the log; how many went."""
    gone = 0
    for _ in range(_PURGES):  # a tick has 20 seconds
        async with database.transaction(ALL_TENANTS) as tx:
            went = await store.purge_updates(tx)
        gone += went
        if not went:
            break
    return gone


def is_forgotten(shown_at: datetime, now: datetime) -> bool:
    """Whether what followed an update of that time may be gone."""
    return now - shown_at >= KEPT
