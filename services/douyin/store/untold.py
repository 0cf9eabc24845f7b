"""Webhooks that were stored and put aside: too old, too far ahead, unreadable."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shared.db import ALL_TENANTS, Tx

_FIELDS = (
    "SELECT organization_id, account_id, client_key, event, id, reason, received_at, body"
    " FROM inbound WHERE state = 'quarantined'"
)
_MINE = f" AND (:organization = '{ALL_TENANTS}' OR organization_id = :organization)"
_LIST = sa.text(f"{_FIELDS}{_MINE} AND id > :after ORDER BY id LIMIT :most")
_LOCK = sa.text(f"{_FIELDS}{_MINE} AND id = :id FOR UPDATE")
_COUNT = sa.text("SELECT count(*) FROM inbound WHERE state = 'quarantined'")
_SETTLE = sa.text(
    "UPDATE inbound SET state = :state, reason = :reason, kind = :kind,"
    " reading = CAST(:reading AS jsonb) WHERE state = 'quarantined' AND id = :id"
    " AND organization_id = :organization"
)


@dataclass(frozen=True, slots=True)
class UntoldRow:
    """One of them; `body` is sealed, None when it was forgotten."""

    organization_id: str
    account_id: str
    client_key: str
    event: str
    id: str
    reason: str
    received_at: datetime
    body: bytes | None


async def list_untold(tx: Tx, organization_id: str, after: str, most: int) -> list[UntoldRow]:
    """Those of the organization behind the id `after`, the oldest first."""
    values = {"organization": organization_id, "after": after, "most": most}
    return [UntoldRow(*row) for row in await tx.execute(_LIST, values)]


async def lock_untold(tx: Tx, organization_id: str, inbound_id: str) -> UntoldRow | None:
    """One of the organization's, locked; None if it was told, or never put aside."""
    values = {"organization": organization_id, "id": inbound_id}
    row = (await tx.execute(_LOCK, values)).first()
    return UntoldRow(*row) if row else None


async def count_untold(tx: Tx) -> int:
    """How many wait for a person."""
    return int((await tx.execute(_COUNT)).one()[0])


async def settle_untold(
    tx: Tx, row: UntoldRow, state: str, reason: str | None, kind: str, reading: str | None
) -> None:
    """Write what became of it."""
    values = {"state": state, "reason": reason, "kind": kind, "reading": reading}
    mine = {"id": row.id, "organization": row.organization_id}
    await tx.execute(_SETTLE, {**values, **mine})
