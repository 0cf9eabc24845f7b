"""What a service has heard: the inbox mark, and the quarantine of what it cannot handle."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from shared.contracts.envelope import Envelope
from shared.db.engine import ALL_TENANTS, Database, Tx
from shared.errors import NeighbourAway

Part = TypeVar("Part")
PartsHandler = Callable[[Sequence[tuple[Envelope, Part]]], Awaitable[None]]
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
# what was never counted leaves no row; one that was redriven stays in sight until it is handled
_UNCOUNT = sa.text(
    "WITH gone AS (DELETE FROM quarantine WHERE id = :id AND attempts <= 1 AND reason = ''"
    " AND quarantined_at IS NULL RETURNING id)"
    " UPDATE quarantine SET attempts = greatest(attempts - 1, 0) WHERE id = :id"
    " AND NOT EXISTS (SELECT FROM gone)"
)
_GIVE_UP = sa.text(
    "INSERT INTO quarantine (id, lane, envelope, attempts, reason, quarantined_at)"
    " VALUES (:id, :lane, :envelope, 0, :reason, now())"
    " ON CONFLICT (id) DO UPDATE SET reason = :reason, quarantined_at = now(), updated_at = now()"
)
_FORGET = sa.text("DELETE FROM quarantine WHERE id = :id AND quarantined_at IS NULL")
# A row that was released stays, and stays in the list, until its effect is in the inbox. If nobody took
# it for a minute (Redis lost it), it may be released again.
_FIELDS = "SELECT id, lane, envelope, attempts, reason, quarantined_at, updated_at FROM quarantine"
_LISTED = "(quarantined_at IS NOT NULL OR reason = 'redriven')"
_LIST = sa.text(f"{_FIELDS} WHERE {_LISTED} AND id > :after ORDER BY id LIMIT :most")
_ONE = sa.text(f"{_FIELDS} WHERE {_LISTED} AND id = :id")
_SIZE = sa.text("SELECT count(*) FROM quarantine WHERE quarantined_at IS NOT NULL")
_RELEASE = sa.text(
    "UPDATE quarantine SET quarantined_at = NULL, attempts = 0, reason = 'redriven',"
    " updated_at = now() WHERE id = :id AND (quarantined_at IS NOT NULL"
    " OR reason = 'redriven' AND updated_at < now() - interval '1 minute') RETURNING id"
)
_SETTLE = sa.text(
    "DELETE FROM quarantine q USING inbox i WHERE q.quarantined_at IS NULL"
    " AND q.reason = 'redriven' AND i.id = q.id"
)
_PURGE = sa.text(
    "DELETE FROM inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbox"
    " WHERE received_at < now() - CAST(:kept AS interval) LIMIT 10000))"
)


class Postponed(Exception):
    """The rest is handled, but these wait for news that has not come: their sender tells them again.

    Nothing is counted, nobody waits behind them.
    """

    def __init__(self, envelopes: Sequence[Envelope]) -> None:
        super().__init__(f"{len(envelopes)} envelopes")
        self.ids = frozenset(envelope.id for envelope in envelopes)


async def take(tx: Tx, envelopes: Sequence[Envelope]) -> set[str]:
    """Mark the envelopes as heard, in the transaction of their effect; the ids not heard before."""
    return {row[0] for row in await tx.execute(_TAKE, {"ids": sorted({e.id for e in envelopes})})}


async def by_parts(told: Sequence[tuple[Envelope, Part]], handle: PartsHandler[Part]) -> None:
    """Handle at once what envelopes tell that tell of many things each.

    Where a single envelope breaks its hearer, each part is handled by itself under a mark of its own: the
    others need not wait for a person. Then it raises what the first part broke over. Raises NeighbourAway.
    """
    try:
        await handle(told)
    except NeighbourAway:
        raise
    except Exception:
        if len(told) == 1 or len({envelope.id for envelope, _ in told}) > 1:
            raise  # nothing to part, or the lane hands them over one by one
        await _each_alone(told, handle)


async def _each_alone(told: Sequence[tuple[Envelope, Part]], handle: PartsHandler[Part]) -> None:
    broken: Exception | None = None
    for number, (envelope, part) in enumerate(told):
        try:
            await handle([(replace(envelope, id=f"{envelope.id}/{number}"), part)])
        except NeighbourAway:
            raise
        except Exception as error:  # noqa: BLE001  raised when the others are handled
            broken = broken or error
    if broken is not None:
        raise broken


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
    quarantined_at: datetime | None  # None: handed over again, not handled yet
    updated_at: datetime


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

    async def waiting(self, *, after: str = "", most: int = 100) -> list[Quarantined]:
        """Envelopes behind the id `after` that wait for a person, or were handed over again."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            await tx.change(_SETTLE)
            rows = await tx.execute(_LIST, {"after": after, "most": most})
            return [Quarantined(*row) for row in rows]

    async def find(self, event_id: str) -> Quarantined | None:
        """One of them; None: it was handled, or never put aside."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            await tx.change(_SETTLE)
            row = (await tx.execute(_ONE, {"id": event_id})).first()
            return Quarantined(*row) if row else None

    async def release(self, event_id: str) -> bool:
        """Let it be tried again; False: it is not waiting. The row stays until it is handled."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            return (await tx.execute(_RELEASE, {"id": event_id})).first() is not None

    async def size(self) -> int:
        """How many wait for a person."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            return await quarantined(tx)


async def quarantined(tx: Tx) -> int:
    """How many envelopes wait for a person."""
    return int((await tx.execute(_SIZE)).one()[0])


async def purge(tx: Tx) -> int:
    """Forget a page of ids that cannot come again; how many."""
    return await tx.change(_PURGE, {"kept": KEPT})
