"""What time does to attempts: leases that ran out, windows that closed, work that waits."""

# ruff: noqa: S608  statements are put together from constants of this room only
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from services.douyin.store.attempts import MOVED, Conversation, Moved
from shared.db import Tx

_MOST = 500
_RETURNING = f" RETURNING {MOVED}"
_DEAD = sa.text(
    "SELECT DISTINCT organization_id, account_id, conversation_id FROM (SELECT * FROM attempt"
    f" WHERE state = 'sending' AND lease_until < now() ORDER BY lease_until LIMIT {_MOST}) d"
)
_EXPIRE = sa.text(
    "UPDATE attempt a SET state = 'failed', reason = 'window_expired', seq = a.seq + 1,"
    " settled_at = :now WHERE a.ctid = ANY(ARRAY("
    " SELECT ctid FROM attempt WHERE state = 'queued' AND expires_at <= :now"
    " AND expires_at > '-infinity'"
    f" ORDER BY expires_at LIMIT {_MOST} FOR UPDATE SKIP LOCKED)){_RETURNING}"
)
_FREE_OLD = sa.text(
    "UPDATE attempt SET content_freed = true WHERE ctid = ANY(ARRAY(SELECT ctid FROM attempt"
    "  WHERE state = 'unknown' AND NOT content_freed AND (expires_at <= :now OR written_at <= :before)"
    "  AND expires_at > '-infinity'"
    f"  LIMIT {_MOST} FOR UPDATE SKIP LOCKED)) RETURNING 1"
)
_WAITING = sa.text(
    "SELECT organization_id, account_id, conversation_id FROM ("
    " SELECT DISTINCT ON (organization_id, account_id, conversation_id) organization_id, account_id,"
    " conversation_id, turn, position FROM ("
    "  SELECT *, row_number() OVER (PARTITION BY organization_id, account_id ORDER BY position) AS turn"
    "  FROM (SELECT organization_id, account_id, conversation_id, position, next_try_at FROM attempt"
    "   WHERE state = 'queued' AND position > 0 ORDER BY position LIMIT 5000) oldest WHERE next_try_at <= now()) fair"
    " ORDER BY organization_id, account_id, conversation_id, turn) w"
    " ORDER BY turn, position LIMIT :most"
)
_NEXT = sa.text(
    "SELECT extract(epoch FROM least("
    " (SELECT min(lease_until) FROM attempt WHERE state = 'sending'),"
    " (SELECT min(next_try_at) FROM (SELECT next_try_at FROM attempt WHERE state = 'queued'"
    "  AND position > 0 ORDER BY position LIMIT 5000) q WHERE next_try_at > now())) - now())"
)
_IN_DOUBT = sa.text(
    "SELECT count(*), coalesce(extract(epoch FROM CAST(:now AS timestamptz) - min(settled_at)), 0)"
    " FROM attempt WHERE state = 'unknown' AND NOT content_freed AND expires_at > '-infinity'"
)
_OPERATIONS = sa.text(
    f"SELECT {MOVED} FROM unnest(CAST(:organizations AS text[]), CAST(:accounts AS text[]),"
    " CAST(:operations AS text[])) AS v(o, a, op) JOIN attempt a"
    " ON a.organization_id = v.o AND a.account_id = v.a AND a.operation_id = v.op"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of an account."""

    organization_id: str
    account_id: str
    operation_id: str


async def conversations_of_the_dead(tx: Tx) -> list[Conversation]:
    """Where a lease ran out while sending."""
    return [Conversation(*row) for row in await tx.execute(_DEAD)]


async def expire_queued(tx: Tx) -> list[Moved]:
    """Fail what waited until its window closed."""
    return [Moved(*row) for row in await tx.execute(_EXPIRE, {"now": tx.now})]


async def free_old_content(tx: Tx, kept: timedelta) -> int:
    """Texts in doubt may go again when their window is over, at the latest after `kept`; how many."""
    return len(await tx.execute(_FREE_OLD, {"now": tx.now, "before": tx.now - kept}))


async def waiting_conversations(tx: Tx, most: int) -> list[Conversation]:
    """Conversations with something due, the accounts taking turns."""
    return [Conversation(*row) for row in await tx.execute(_WAITING, {"most": most})]


async def seconds_to_next(tx: Tx) -> float | None:
    """When something becomes due by PostgreSQL's clock."""
    left = (await tx.execute(_NEXT)).scalar()
    return None if left is None else float(left)


async def in_doubt(tx: Tx) -> tuple[int, float]:
    """How many attempts may have been sent and still block their text; the age of the oldest in seconds."""
    row = (await tx.execute(_IN_DOUBT, {"now": tx.now})).one()
    return int(row[0]), float(row[1])


async def attempts_of(tx: Tx, operations: list[Operation]) -> list[Moved]:
    """Every item of these operations, as it stands."""
    rows = await tx.execute(
        _OPERATIONS,
        {
            "organizations": [o.organization_id for o in operations],
            "accounts": [o.account_id for o in operations],
            "operations": [o.operation_id for o in operations],
        },
    )
    return [Moved(*row) for row in rows]
