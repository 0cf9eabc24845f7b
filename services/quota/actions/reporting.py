"""What quota reports by itself: overdue holds, lapsed windows, history."""

from collections.abc import Sequence
from typing import Any

from services.quota import store
from services.quota.actions.deps import Deps
from services.quota.actions.settling import Settlement, settle_in
from services.quota.domain import Entry
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.quota import ReservationOverdue
from shared.db import ALL_TENANTS
from shared.errors import NotFound


async def report_overdue(deps: Deps) -> int:
    """Ask about holds that outlived their lease; how many. Nothing is released here (design 10.9)."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        overdue = await store.claim_overdue(tx)
        for hold in overdue:
            event = ReservationOverdue(
                operation_id=hold.operation_id, reservation_id=hold.id, held_since=hold.created_at
            )
            origin = Origin(hold.organization_id, hold.account_id, hold.cause, ids.trace_parent())
            tx.publish(Envelope.of(event, origin, subject=hold.id, seq=0, at=tx.now))
    return len(overdue)


async def lapse_old_windows(deps: Deps) -> int:
    """Release holds whose window is over: they count in no budget any more; how many reservations."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        over = await store.lapsed(tx)
        await settle_in(
            tx, [Settlement(*place, None, Entry.RELEASED, "window_ended") for place in over]
        )
    return len(over)


async def list_history(
    deps: Deps, tenant: tuple[str, str], subject: str, before: Sequence[Any] | None, most: int
) -> list[store.HistoryRow]:
    """A page of ledger entries, newest first; `before` None: the first. Raises NotFound."""
    async with deps.database.transaction(tenant[0]) as tx:
        if not await store.policies_of(tx, [tenant]):
            raise NotFound("no such account")
        return await store.history(tx, tenant, subject, before, most)
