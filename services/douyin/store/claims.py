"""Which attempt of a conversation may go next. Every statement handles a batch.

The states in which an attempt waits, is sent or is in doubt are left within seconds, so whenever
PostgreSQL counts, there are next to none, and it takes a walk through all of them for cheap. Each look
is therefore fenced (`OFFSET 0`): one lookup a conversation, whatever the planner believes. Rows are
changed by their place, and states that must not choose an index come as parameters.
"""

# ruff: noqa: S608  statements are put together from constants of this room only
from collections.abc import Iterable, Sequence
from datetime import timedelta

import sqlalchemy as sa

from services.douyin.domain.attempts import State
from services.douyin.store.attempts import MOVED, Claimed, Conversation, Moved, NewAttempt
from shared.db import Tx

_CONVERSATIONS = (
    "(SELECT DISTINCT * FROM unnest(CAST(:organizations AS text[]), CAST(:accounts AS text[]),"
    " CAST(:conversations AS text[]))) AS c(o, a, conversation)"
)
_SAME = "a.organization_id = c.o AND a.account_id = c.a AND a.conversation_id = c.conversation"
_CLAIMED = (
    " RETURNING a.organization_id, a.account_id, a.operation_id, a.item, a.tries, a.conversation_id,"
    " a.open_id, a.scene, a.reply_to, a.kind, a.content, a.expires_at, a.reason,"
    " a.cause, a.trace, a.claim"
)

# every change of a conversation's attempts takes its lock first: so "nothing else is sending" is
# seen and used by one transaction at a time, and the unique indexes are only the last wall
_LOCK = sa.text(
    "SELECT pg_advisory_xact_lock(k) FROM (SELECT DISTINCT hashtextextended(c, 7461) AS k"
    " FROM unnest(CAST(:keys AS text[])) AS c ORDER BY k) locks"
)
_BUSY = sa.text(
    f"SELECT c.o, c.a, c.conversation FROM {_CONVERSATIONS}"
    f" WHERE EXISTS (SELECT 1 FROM attempt a WHERE {_SAME} AND a.state = 'queued' OFFSET 0)"
    f" OR EXISTS (SELECT 1 FROM attempt a WHERE {_SAME}"
    "  AND a.state IN ('sending', 'unknown') AND NOT a.content_freed OFFSET 0)"
)
_FREE = sa.text(
    "WITH found AS MATERIALIZED (SELECT u.place, u.how FROM unnest(CAST(:organizations AS text[]),"
    "  CAST(:accounts AS text[]), CAST(:conversations AS text[]),"
    "  CAST(:window_opened AS timestamptz[]), CAST(:supersedes AS text[]))"
    "  AS c(o, a, conversation, opened, superseded) CROSS JOIN LATERAL ("
    "   SELECT a.ctid AS place,"
    "   CASE WHEN a.operation_id = c.superseded THEN 'superseded' ELSE 'window_ended' END AS how"
    f"   FROM attempt a WHERE {_SAME} AND a.state = 'unknown' AND NOT a.content_freed"
    "   AND (a.window_opened_at < c.opened OR a.operation_id = c.superseded) OFFSET 0) u),"
    " freed AS (UPDATE attempt SET content_freed = true"
    "  WHERE ctid = ANY(ARRAY(SELECT place FROM found)))"
    " SELECT DISTINCT ON (place) how FROM found"
)
_CLAIM = sa.text(
    f"WITH next AS MATERIALIZED (SELECT n.place FROM {_CONVERSATIONS} CROSS JOIN LATERAL ("
    "  SELECT a.ctid AS place, a.next_try_at FROM attempt a"
    f"  WHERE {_SAME} AND a.state = 'queued'"
    "  AND (a.item = 0 OR EXISTS (SELECT 1 FROM attempt p WHERE"
    "   p.organization_id = a.organization_id AND p.account_id = a.account_id"
    "   AND p.operation_id = a.operation_id AND p.item = a.item - 1 AND p.state = 'sent' OFFSET 0))"
    "  AND NOT EXISTS (SELECT 1 FROM attempt u WHERE u.organization_id = a.organization_id"
    "   AND u.account_id = a.account_id AND u.conversation_id = a.conversation_id"
    "   AND u.content_hash = a.content_hash AND u.state = 'unknown' AND NOT u.content_freed OFFSET 0)"
    "  ORDER BY a.position LIMIT 1) n"
    f" WHERE n.next_try_at <= now() AND NOT EXISTS (SELECT 1 FROM attempt a WHERE {_SAME}"
    "  AND a.state = 'sending' OFFSET 0) LIMIT :most)"
    " UPDATE attempt a SET state = 'sending', lease_until = now() + :lease, tries = a.tries + 1,"
    " written_at = :now, claim = :claim WHERE a.ctid = ANY(ARRAY(SELECT place FROM next))"
    f" AND a.state = :queued{_CLAIMED}"
)
_FIND = sa.text(
    "UPDATE attempt a SET lease_until = now() + :lease WHERE a.state = :sending AND a.claim = :claim"
    f" AND a.ctid = ANY(ARRAY(SELECT s.place FROM {_CONVERSATIONS} CROSS JOIN LATERAL ("
    f"  SELECT a.ctid AS place FROM attempt a WHERE {_SAME} AND a.state = 'sending' OFFSET 0) s))"
    f"{_CLAIMED}"
)
_LOSE = sa.text(
    "UPDATE attempt a SET state = 'unknown', lease_until = NULL, reason = 'lease_expired',"
    " seq = a.seq + 1, settled_at = :now WHERE a.state = :sending AND a.ctid = ANY(ARRAY("
    f"  SELECT s.place FROM {_CONVERSATIONS} CROSS JOIN LATERAL (SELECT a.ctid AS place FROM attempt a"
    f"   WHERE {_SAME} AND a.state = 'sending' AND a.lease_until < now() OFFSET 0) s))"
    f" RETURNING {MOVED}"
)


def _places(conversations: Iterable[Conversation]) -> dict[str, list[str]]:
    found = list(dict.fromkeys(conversations))
    return {
        "organizations": [c.organization_id for c in found],
        "accounts": [c.account_id for c in found],
        "conversations": [c.conversation_id for c in found],
    }


async def lock_conversations(tx: Tx, conversations: Iterable[Conversation]) -> None:
    """Until the end of the transaction nobody else moves attempts of these conversations."""
    keys = sorted({"\n".join(c) for c in conversations})
    await tx.execute(_LOCK, {"keys": keys})


async def busy(tx: Tx, conversations: Iterable[Conversation]) -> set[Conversation]:
    """Those in which something waits, is being sent, or is in doubt."""
    return {Conversation(*row) for row in await tx.execute(_BUSY, _places(conversations))}


async def free_content(tx: Tx, attempts: Sequence[NewAttempt]) -> list[str]:
    """Let the texts of unknown attempts go again: why each, `window_ended` or `superseded` by a person."""
    freed = await tx.execute(
        _FREE,
        {
            "organizations": [a.organization_id for a in attempts],
            "accounts": [a.account_id for a in attempts],
            "conversations": [a.conversation_id for a in attempts],
            "window_opened": [a.window_opened_at for a in attempts],
            "supersedes": [a.supersedes for a in attempts],
        },
    )
    return [row[0] for row in freed]


async def claim_next(
    tx: Tx, conversations: Iterable[Conversation], lease: timedelta, claim: int, most: int
) -> list[Claimed]:
    """Take the next item of each conversation in which nothing is being sent.

    The conversations must be locked by this transaction.
    """
    places = _places(conversations)
    if most <= 0 or not places["accounts"]:
        return []
    how = {"lease": lease, "claim": claim, "now": tx.now, "most": most}
    rows = await tx.execute(_CLAIM, {**places, **how, "queued": State.QUEUED.value})
    return [Claimed(*row) for row in rows]


async def find_claimed(
    tx: Tx, conversations: Iterable[Conversation], lease: timedelta, claim: int
) -> list[Claimed]:
    """What was claimed under that number and is not settled; its lease begins again.

    The conversations must be locked by this transaction.
    """
    how = {"lease": lease, "claim": claim, "sending": State.SENDING.value}
    return [Claimed(*row) for row in await tx.execute(_FIND, {**_places(conversations), **how})]


async def lose_leases(tx: Tx, conversations: Iterable[Conversation]) -> list[Moved]:
    """What was being sent when its process died may have been sent. The conversations are locked."""
    values = {**_places(conversations), "now": tx.now, "sending": State.SENDING.value}
    return [Moved(*row) for row in await tx.execute(_LOSE, values)]
