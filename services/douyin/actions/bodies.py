"""The bodies of webhooks as they came: sealed at rest, readable by an operator, forgotten after a time."""

from dataclasses import dataclass
from datetime import timedelta

from services.douyin import store
from services.douyin.store import StoredWebhook
from shared.db import ALL_TENANTS, Database
from shared.sealing import Sealer

_AT_ONCE = 2000
_MOST_BATCHES = 50  # a tick has 20 seconds; the next one goes on


@dataclass(frozen=True, slots=True)
class ReadableWebhook:
    """A stored webhook and what the platform sent, None when that is forgotten."""

    webhook: StoredWebhook
    body: bytes | None


async def read_webhook(
    database: Database, sealer: Sealer, inbound_id: str
) -> ReadableWebhook | None:
    """The webhook that was stored under this id (`evt_…`, the cause of all that followed)."""
    async with database.transaction(ALL_TENANTS) as tx:
        found = await store.find_inbound(tx, inbound_id)
    if found is None:
        return None
    body = found.body and sealer.open_bytes(found.organization_id, found.body)
    return ReadableWebhook(found, body)


async def forget_bodies(database: Database, kept: timedelta) -> int:
    """Forget bodies older than `kept`; how many. The rows stay: a delivery repeated later is no news."""
    forgotten = 0
    for _ in range(_MOST_BATCHES):
        async with database.transaction(ALL_TENANTS) as tx:
            batch = await store.forget_bodies(tx, tx.now - kept, _AT_ONCE)
        forgotten += batch
        if batch < _AT_ONCE:
            break
    return forgotten
