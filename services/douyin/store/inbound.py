"""What came in at the door."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shared.db import Tx

_INSERT = sa.text(
    "INSERT INTO inbound (organization_id, account_id, client_key, event, dedupe_key, id, state,"
    " reason, kind, msg_id_header, reading, body, received_at)"
    " SELECT o, a, c, e, d, i, s, r, k, m, t, b, CAST(:received_at AS timestamptz)"
    " FROM unnest(CAST(:organizations AS text[]), CAST(:accounts AS text[]),"
    " CAST(:client_keys AS text[]), CAST(:events AS text[]), CAST(:dedupe_keys AS text[]),"
    " CAST(:ids AS text[]), CAST(:states AS text[]), CAST(:reasons AS text[]),"
    " CAST(:kinds AS text[]), CAST(:msg_id_headers AS text[]), CAST(:readings AS jsonb[]),"
    " CAST(:bodies AS bytea[])) AS v(o, a, c, e, d, i, s, r, k, m, t, b)"
    " ON CONFLICT DO NOTHING RETURNING id"
)
# an id is looked for in every account that may have it, by key
_FIND = sa.text(
    "SELECT i.organization_id, i.account_id, i.event, i.state, i.reason, i.received_at, i.body"
    " FROM (SELECT organization_id, account_id FROM binding"
    " UNION SELECT organization_id, '' FROM app) k JOIN inbound i"
    " ON i.organization_id = k.organization_id AND i.account_id = k.account_id AND i.id = :id"
)
_FORGET = sa.text(
    "UPDATE inbound SET body = NULL WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbound"
    " WHERE body IS NOT NULL AND received_at < :before ORDER BY received_at LIMIT :most"
    " FOR UPDATE SKIP LOCKED))"
)


@dataclass(frozen=True, slots=True)
class InboundRow:
    """One event as it is stored. The first five fields are what makes it unique."""

    organization_id: str
    account_id: str
    client_key: str
    event: str
    dedupe_key: str
    id: str
    state: str
    reason: str | None
    kind: str
    msg_id_header: str | None
    reading: str | None  # JSON of our event, when nobody hears it yet
    body: bytes  # sealed


async def insert_inbound(tx: Tx, rows: Sequence[InboundRow]) -> set[str]:
    """Store the events; the ids of those that were not there before."""
    # in one order everywhere, so that two batches with the same events wait and never deadlock
    rows = sorted(
        rows, key=lambda r: (r.organization_id, r.account_id, r.client_key, r.event, r.dedupe_key)
    )
    return await _insert(tx, rows, tx.now)


async def _insert(tx: Tx, rows: Sequence[InboundRow], received_at: datetime) -> set[str]:
    found = await tx.execute(
        _INSERT,
        {
            "received_at": received_at,
            "organizations": [r.organization_id for r in rows],
            "accounts": [r.account_id for r in rows],
            "client_keys": [r.client_key for r in rows],
            "events": [r.event for r in rows],
            "dedupe_keys": [r.dedupe_key for r in rows],
            "ids": [r.id for r in rows],
            "states": [r.state for r in rows],
            "reasons": [r.reason for r in rows],
            "kinds": [r.kind for r in rows],
            "msg_id_headers": [r.msg_id_header for r in rows],
            "readings": [r.reading for r in rows],
            "bodies": [r.body for r in rows],
        },
    )
    return {row[0] for row in found}


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """One event as an operator looks at it."""

    organization_id: str
    account_id: str
    event: str
    state: str
    reason: str | None
    received_at: datetime
    body: bytes | None  # sealed; None when it was forgotten


async def find_inbound(tx: Tx, inbound_id: str) -> StoredWebhook | None:
    """The event of that id, whoever it belongs to."""
    row = (await tx.execute(_FIND, {"id": inbound_id})).first()
    return StoredWebhook(*row) if row else None


async def forget_bodies(tx: Tx, before: datetime, most: int) -> int:
    """Forget the oldest bodies received before that time; how many."""
    return await tx.change(_FORGET, {"before": before, "most": most})
