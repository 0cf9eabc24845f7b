"""Attempts: taken in, claimed, settled. Every statement handles a batch."""

# ruff: noqa: S608  statements are put together from constants of this room only
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from services.douyin.domain.attempts import State, sources
from shared.db import Tx

_ARRAYS = "CAST(:organizations AS text[]), CAST(:accounts AS text[])"
_SAME_CONVERSATION = (
    "a.organization_id = c.o AND a.account_id = c.a AND a.conversation_id = c.conversation"
)

# every change of a conversation's attempts takes its lock first: so "nothing else is sending" is
# seen and used by one transaction at a time, and the unique indexes are only the last wall
_LOCK = sa.text(
    "SELECT pg_advisory_xact_lock(k) FROM (SELECT DISTINCT hashtextextended(c, 7461) AS k FROM unnest(CAST(:keys AS text[])) AS c ORDER BY k) locks"
)
_INSERT = sa.text(
    "INSERT INTO attempt (organization_id, account_id, operation_id, item, reservation_id,"
    " conversation_id, open_id, scene, reply_to, kind, content, content_hash, window_opened_at, expires_at, cause, trace)"
    f" SELECT * FROM unnest({_ARRAYS}, CAST(:operations AS text[]), CAST(:items AS integer[]),"
    " CAST(:reservations AS text[]), CAST(:conversations AS text[]), CAST(:open_ids AS text[]),"
    " CAST(:scenes AS text[]), CAST(:reply_tos AS text[]), CAST(:kinds AS text[]), CAST(:contents AS text[]),"
    " CAST(:hashes AS text[]), CAST(:window_opened AS timestamptz[]), CAST(:expires AS timestamptz[]),"
    " CAST(:causes AS text[]), CAST(:traces AS text[])) ON CONFLICT DO NOTHING"
)
_FREE = sa.text(
    "UPDATE attempt a SET content_freed = true"
    f" FROM unnest({_ARRAYS}, CAST(:conversations AS text[]), CAST(:window_opened AS timestamptz[]),"
    " CAST(:supersedes AS text[])) AS c(o, a, conversation, opened, superseded)"
    f" WHERE {_SAME_CONVERSATION} AND a.state = 'unknown' AND NOT a.content_freed"
    " AND (a.window_opened_at < c.opened OR a.operation_id = c.superseded)"
    " RETURNING CASE WHEN a.operation_id = c.superseded THEN 'superseded' ELSE 'window_ended' END"
)
_CLAIM = sa.text(
    "WITH c AS (SELECT DISTINCT o, a, conversation"
    f" FROM unnest({_ARRAYS}, CAST(:conversations AS text[])) AS v(o, a, conversation)),"
    " next AS (SELECT n.* FROM c CROSS JOIN LATERAL ("
    "  SELECT a.organization_id, a.account_id, a.operation_id, a.item, a.next_try_at"
    f"  FROM attempt a WHERE {_SAME_CONVERSATION} AND a.state = 'queued'"
    "  AND (a.item = 0 OR EXISTS (SELECT 1 FROM attempt p WHERE"
    "   p.organization_id = a.organization_id AND p.account_id = a.account_id"
    "   AND p.operation_id = a.operation_id AND p.item = a.item - 1 AND p.state = 'sent'))"
    "  AND NOT EXISTS (SELECT 1 FROM attempt u WHERE u.organization_id = a.organization_id"
    "   AND u.account_id = a.account_id AND u.conversation_id = a.conversation_id"
    "   AND u.content_hash = a.content_hash AND u.state = 'unknown' AND NOT u.content_freed)"
    "  ORDER BY a.position LIMIT 1) n"
    " WHERE n.next_try_at <= now() AND NOT EXISTS (SELECT 1 FROM attempt a"
    f"  WHERE {_SAME_CONVERSATION} AND a.state = 'sending')"
    " LIMIT :most)"
    " UPDATE attempt a SET state = 'sending', lease_until = now() + :lease, tries = a.tries + 1,"
    " written_at = :now"
    " FROM next n WHERE a.organization_id = n.organization_id AND a.account_id = n.account_id"
    " AND a.operation_id = n.operation_id AND a.item = n.item AND a.state = 'queued'"
    " RETURNING a.organization_id, a.account_id, a.operation_id, a.item, a.tries, a.conversation_id,"
    " a.open_id, a.scene, a.reply_to, a.kind, a.content, a.expires_at, a.reason,"
    " a.cause, a.trace"
)
MOVED = (
    "a.organization_id, a.account_id, a.operation_id, a.item, a.reservation_id, a.open_id,"
    " a.cause, a.trace, a.state, a.msg_id, a.code, a.log_id, a.reason, a.closes_window, a.seq"
)
_SETTLE = sa.text(
    "UPDATE attempt a SET state = v.state, lease_until = NULL,"
    " next_try_at = now() + v.pause * interval '1 second', tries = a.tries - v.untried,"
    " msg_id = coalesce(v.msg_id, a.msg_id), code = v.code, log_id = v.log_id, reason = v.reason,"
    " closes_window = v.closes, seq = a.seq + (v.state <> 'queued')::int, settled_at = :now"
    f" FROM unnest({_ARRAYS}, CAST(:operations AS text[]), CAST(:items AS integer[]),"
    " CAST(:tries AS integer[]), CAST(:states AS text[]), CAST(:sources AS text[]),"
    " CAST(:pauses AS double precision[]), CAST(:untried AS integer[]), CAST(:msg_ids AS text[]),"
    " CAST(:codes AS integer[]), CAST(:log_ids AS text[]), CAST(:reasons AS text[]),"
    " CAST(:closes AS text[]))"
    " AS v(o, a, op, item, try, state, sources, pause, untried, msg_id, code, log_id, reason, closes)"
    " WHERE a.organization_id = v.o AND a.account_id = v.a AND a.operation_id = v.op"
    " AND a.item = v.item AND a.tries = v.try AND a.state = ANY(string_to_array(v.sources, ','))"
    f" RETURNING {MOVED}"
)
_DROP_REST = sa.text(
    "UPDATE attempt a SET state = 'failed', reason = 'not_attempted', seq = a.seq + 1, settled_at = :now"
    f" FROM unnest({_ARRAYS}, CAST(:operations AS text[])) AS v(o, a, op)"
    " WHERE a.organization_id = v.o AND a.account_id = v.a AND a.operation_id = v.op"
    f" AND a.state = 'queued' RETURNING {MOVED}"
)


class Conversation(NamedTuple):
    """A conversation of an account."""

    organization_id: str
    account_id: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """An item to send. `content` is sealed."""

    organization_id: str
    account_id: str
    operation_id: str
    item: int
    reservation_id: str
    conversation_id: str
    open_id: str
    scene: str
    reply_to: str
    kind: str
    content: str
    content_hash: str
    window_opened_at: datetime
    expires_at: datetime
    cause: str
    trace: str
    supersedes: str | None

    @property
    def conversation(self) -> Conversation:
        """Where it is to be said."""
        return Conversation(self.organization_id, self.account_id, self.conversation_id)


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that is ours to send until its lease ends. `content` is sealed."""

    organization_id: str
    account_id: str
    operation_id: str
    item: int
    tries: int
    conversation_id: str
    open_id: str
    scene: str
    reply_to: str
    kind: str
    content: str
    expires_at: datetime
    reason: str | None  # of the try before
    cause: str
    trace: str

    @property
    def conversation(self) -> Conversation:
        """Where it is to be said."""
        return Conversation(self.organization_id, self.account_id, self.conversation_id)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a try ended. `pause` and `untried` matter to what goes back to `queued`."""

    claimed: Claimed
    state: State
    reason: str | None = None
    code: int | None = None
    msg_id: str | None = None
    log_id: str | None = None
    closes_window: str | None = None
    pause: float = 0.0
    untried: int = 0  # 1: it was claimed, but nothing was tried


@dataclass(frozen=True, slots=True)
class Moved:
    """An attempt after a move, with all that its event tells."""

    organization_id: str
    account_id: str
    operation_id: str
    item: int
    reservation_id: str
    open_id: str
    cause: str
    trace: str
    state: str
    msg_id: str | None
    code: int | None
    log_id: str | None
    reason: str | None
    closes_window: str | None
    seq: int


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


async def insert_attempts(tx: Tx, attempts: Sequence[NewAttempt]) -> None:
    """Write the intents down as `queued`; those that are there already stay as they are."""
    names = {
        "organizations": "organization_id",
        "accounts": "account_id",
        "operations": "operation_id",
        "items": "item",
        "reservations": "reservation_id",
        "conversations": "conversation_id",
        "open_ids": "open_id",
        "scenes": "scene",
        "reply_tos": "reply_to",
        "kinds": "kind",
        "contents": "content",
        "hashes": "content_hash",
        "window_opened": "window_opened_at",
        "expires": "expires_at",
        "causes": "cause",
        "traces": "trace",
    }
    await tx.execute(
        _INSERT, {key: [getattr(a, name) for a in attempts] for key, name in names.items()}
    )


async def free_content(tx: Tx, attempts: Sequence[NewAttempt]) -> list[str]:
    """Let the texts of unknown attempts go again: why each, `window_ended` or `superseded` by a person."""
    wanted = {
        "organizations": [a.organization_id for a in attempts],
        "accounts": [a.account_id for a in attempts],
        "conversations": [a.conversation_id for a in attempts],
        "window_opened": [a.window_opened_at for a in attempts],
        "supersedes": [a.supersedes for a in attempts],
    }
    return [row[0] for row in await tx.execute(_FREE, wanted)]


async def claim_next(
    tx: Tx, conversations: Iterable[Conversation], lease: timedelta, most: int
) -> list[Claimed]:
    """Take the next item of each conversation in which nothing is being sent.

    The conversations must be locked by this transaction.
    """
    places = _places(conversations)
    if most <= 0 or not places["accounts"]:
        return []
    rows = await tx.execute(_CLAIM, {**places, "lease": lease, "now": tx.now, "most": most})
    return [Claimed(*row) for row in rows]


async def settle(tx: Tx, settlements: Sequence[Settlement]) -> list[Moved]:
    """Move the attempts; those that may not move (an echo was quicker) are left out."""
    of = [s.claimed for s in settlements]
    rows = await tx.execute(
        _SETTLE,
        {
            "now": tx.now,
            "organizations": [c.organization_id for c in of],
            "accounts": [c.account_id for c in of],
            "operations": [c.operation_id for c in of],
            "items": [c.item for c in of],
            "tries": [c.tries for c in of],
            "states": [s.state.value for s in settlements],
            "sources": [_SOURCES[s.state] for s in settlements],
            "pauses": [s.pause for s in settlements],
            "untried": [s.untried for s in settlements],
            "msg_ids": [s.msg_id for s in settlements],
            "codes": [s.code for s in settlements],
            "log_ids": [s.log_id for s in settlements],
            "reasons": [s.reason for s in settlements],
            "closes": [s.closes_window for s in settlements],
        },
    )
    return [Moved(*row) for row in rows]


# a try that was claimed is never failed from `queued`
_SOURCES = {to: ",".join(s for s in sources(to) if s != State.QUEUED) for to in State}


async def drop_rest(tx: Tx, moved: Sequence[Moved]) -> list[Moved]:
    """Fail the items that stand behind one that was not sent."""
    stopped = [m for m in moved if m.state in {State.FAILED, State.UNKNOWN}]
    if not stopped:
        return []
    rows = await tx.execute(
        _DROP_REST,
        {
            "now": tx.now,
            "organizations": [m.organization_id for m in stopped],
            "accounts": [m.account_id for m in stopped],
            "operations": [m.operation_id for m in stopped],
        },
    )
    return [Moved(*row) for row in rows]
