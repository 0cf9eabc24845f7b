"""What a service has heard: the inbox mark, and the quarantine of what it cannot handle."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.contracts.envelope import Envelope
from shared.db.engine import ALL_TENANTS, Database, Tx

MAX_ATTEMPTS = 5
KEPT = timedelta(days=7)  # far longer than any copy of an envelope can still be on its way

_TAKE = sa.text(
    "INSERT INTO inbox (id) SELECT * FROM unnest(CAST(:ids AS text[])) ON CONFLICT DO NOTHING RETURNING id"
)
_SEEN = sa.text("SELECT id FROM inbox WHERE id = ANY(CAST(:ids AS text[]))")
_COUNT = sa.text(
    "INSERT INTO quarantine (id, lane, envelope, attempts) VALUES (:id, :lane, :envelope, 1)"
    " ON CONFLICT (id) DO UPDATE SET attempts = quarantine.attempts + 1, updated_at = now()"
    " RETURNING attempts, quarantined_at"
)
_UNCOUNT = sa.text("UPDATE quarantine SET attempts = greatest(attempts - 1, 0) WHERE id = :id")
_GIVE_UP = sa.text(
    "INSERT INTO quarantine (id, lane, envelope, attempts, reason, quarantined_at)"
    " VALUES (:id, :lane, :envelope, 0, :reason, now())"
    " ON CONFLICT (id) DO UPDATE SET reason = :reason, quarantined_at = now(), updated_at = now()"
)
_FORGET = sa.text("DELETE FROM quarantine WHERE id = :id AND quarantined_at IS NULL")
_LIST = sa.text(
    "SELECT id, lane, envelope, attempts, reason, quarantined_at FROM quarantine"
    " WHERE quarantined_at IS NOT NULL ORDER BY quarantined_at LIMIT :most"
)
_SIZE = sa.text("SELECT count(*) FROM quarantine WHERE quarantined_at IS NOT NULL")
_RELEASE = sa.text(
    "UPDATE quarantine SET quarantined_at = NULL, attempts = 0, reason = '' WHERE id = :id"
    " AND quarantined_at IS NOT NULL RETURNING lane, envelope"
)
_HANDLED = sa.text(
    "DELETE FROM quarantine q USING inbox i WHERE q.id = :id AND i.id = q.id RETURNING q.id"
)
_STATE = sa.text("SELECT quarantined_at IS NOT NULL, reason FROM quarantine WHERE id = :id")
_PURGE = sa.text(
    "DELETE FROM inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbox"
    " WHERE received_at < now() - CAST(:kept AS interval) LIMIT 10000))"
)


async def take(tx: Tx, envelopes: Sequence[Envelope]) -> set[str]:
    """Mark the envelopes as heard, in the transaction of their effect; the ids not heard before."""
    return {row[0] for row in await tx.execute(_TAKE, {"ids": sorted({e.id for e in envelopes})})}


async def unseen(tx: Tx, envelopes: Sequence[Envelope]) -> list[Envelope]:
    """Those not heard yet: a hint that saves work; only `take` decides."""
    seen = {row[0] for row in await tx.execute(_SEEN, {"ids": [e.id for e in envelopes]})}
    return [e for e in envelopes if e.id not in seen]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An envelope that waits for a person."""

    id: str
    lane: str
    envelope: bytes
    attempts: int
    reason: str
    quarantined_at: datetime


class Quarantine:
    """Attempts on single envelopes, counted before they run so that a crash counts too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, event_id: str, lane: str, raw: bytes) -> int | None:
        """Note one more attempt; how many that makes. None: it is in quarantine already."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            row = (await tx.execute(_COUNT, {"id": event_id, "lane": lane, "envelope": raw})).one()
            return None if row.quarantined_at else int(row.attempts)

    async def uncount(self, event_id: str) -> None:
        """The attempt did not count: a neighbour was away."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            await tx.execute(_UNCOUNT, {"id": event_id})

    async def give_up(self, event_id: str, lane: str, raw: bytes, reason: str) -> None:
        """Put the envelope aside for a person."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            await tx.execute(
                _GIVE_UP, {"id": event_id, "lane": lane, "envelope": raw, "reason": reason}
            )

    async def forget(self, event_id: str) -> None:
        """It was handled after all."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            await tx.execute(_FORGET, {"id": event_id})

    async def waiting(self, most: int = 100) -> list[Quarantined]:
        """The oldest envelopes in quarantine."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            return [Quarantined(*row) for row in await tx.execute(_LIST, {"most": most})]

    async def release(self, event_id: str) -> tuple[str, bytes] | None:
        """Let it be tried again: (lane, envelope). The row stays until it is handled."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            row = (await tx.execute(_RELEASE, {"id": event_id})).first()
            return (row[0], bytes(row[1])) if row else None

    async def outcome(self, event_id: str) -> str | None:
        """After `release`: "handled", why it failed again, or None while nobody knows."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            if (await tx.execute(_HANDLED, {"id": event_id})).first():
                return "handled"
            row = (await tx.execute(_STATE, {"id": event_id})).first()
            if row is None:
                return "handled"
            return f"failed again: {row[1]}" if row[0] else None


async def quarantined(tx: Tx) -> int:
    """How many envelopes wait for a person."""
    return int((await tx.execute(_SIZE)).one()[0])


async def purge(database: Database) -> int:
    """Forget ids that cannot come again; how many."""
    async with database.transaction(ALL_TENANTS, seconds=60) as tx:
        return await tx.change(_PURGE, {"kept": KEPT})
