"""Attempts: taken in, claimed, settled. Every statement handles a batch."""

# ruff: noqa: S608  statements are put together from constants of this room only
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from services.douyin.domain.attempts import State, sources
from shared.db import Tx

_ARRAYS = "CAST(:organizations AS text[]), CAST(:accounts AS text[])"
_NEW = (
    "o, a, op, item, rsv, conv, fan, scene, reply, kind, content, hash, opened, ends, cause, trace"
)
_INSERT = sa.text(
    "INSERT INTO attempt (organization_id, account_id, operation_id, item, reservation_id,"
    " conversation_id, open_id, scene, reply_to, kind, content, content_hash, window_opened_at,"
    " expires_at, cause, trace, state, tries, lease_until, written_at, claim)"
    f" SELECT {_NEW}, CASE WHEN goes THEN 'sending' ELSE 'queued' END, goes::int,"
    " CASE WHEN goes THEN now() + :lease END, CASE WHEN goes THEN CAST(:now AS timestamptz) END,"
    " CASE WHEN goes THEN CAST(:claim AS bigint) END"
    f" FROM unnest({_ARRAYS}, CAST(:operations AS text[]), CAST(:items AS integer[]),"
    " CAST(:reservations AS text[]), CAST(:conversations AS text[]), CAST(:open_ids AS text[]),"
    " CAST(:scenes AS text[]), CAST(:reply_tos AS text[]), CAST(:kinds AS text[]),"
    " CAST(:contents AS text[]), CAST(:hashes AS text[]), CAST(:window_opened AS timestamptz[]),"
    " CAST(:expires AS timestamptz[]), CAST(:causes AS text[]), CAST(:traces AS text[]),"
    f" CAST(:goes AS boolean[])) AS v({_NEW}, goes)"
    " ON CONFLICT DO NOTHING"
    " RETURNING organization_id, account_id, operation_id, item, conversation_id"
)
MOVED = (
    "a.organization_id, a.account_id, a.operation_id, a.item, a.reservation_id,"
    " a.cause, a.trace, a.state, a.msg_id, a.code, a.log_id, a.reason, a.closes_window, a.seq"
)
_SETTLE = sa.text(
    "UPDATE attempt a SET state = v.state, lease_until = NULL,"
    " next_try_at = now() + v.pause * interval '1 second', tries = a.tries - v.untried,"
    " msg_id = coalesce(v.msg_id, a.msg_id), code = v.code, log_id = v.log_id, reason = v.reason,"
    " closes_window = v.closes, seq = a.seq + (v.state <> 'queued')::int, settled_at = :now"
    f" FROM unnest({_ARRAYS}, CAST(:operations AS text[]), CAST(:items AS integer[]),"
    " CAST(:claims AS bigint[]), CAST(:states AS text[]), CAST(:sources AS text[]),"
    " CAST(:pauses AS double precision[]), CAST(:untried AS integer[]), CAST(:msg_ids AS text[]),"
    " CAST(:codes AS integer[]), CAST(:log_ids AS text[]), CAST(:reasons AS text[]),"
    " CAST(:closes AS text[]))"
    " AS v(o, a, op, item, claim, state, sources, pause, untried, msg_id, code, log_id, reason, closes)"
    " WHERE a.organization_id = v.o AND a.account_id = v.a AND a.operation_id = v.op"
    " AND a.item = v.item AND a.claim = v.claim AND a.state = ANY(string_to_array(v.sources, ','))"
    f" RETURNING {MOVED}"
)
_DROP_REST = sa.text(
    "UPDATE attempt a SET state = 'failed', reason = 'not_attempted', seq = a.seq + 1, settled_at = :now"
    f" FROM unnest({_ARRAYS}, CAST(:operations AS text[])) AS v(o, a, op)"
    " WHERE a.organization_id = v.o AND a.account_id = v.a AND a.operation_id = v.op"
    # the state as a parameter: a planner that knew it would walk through the partial index of such
    # rows, which it takes for empty, instead of looking up the key
    f" AND a.state = :queued RETURNING {MOVED}"
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
    def key(self) -> tuple[str, str, str, int]:
        """What makes it one attempt."""
        return self.organization_id, self.account_id, self.operation_id, self.item

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
    claim: int  # tells this claim from every other of the attempt

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
    cause: str
    trace: str
    state: str
    msg_id: str | None
    code: int | None
    log_id: str | None
    reason: str | None
    closes_window: str | None
    seq: int


_COLUMNS = {
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


async def insert_attempts(
    tx: Tx,
    attempts: Sequence[NewAttempt],
    going: Collection[NewAttempt],
    lease: timedelta,
    claim: int,
) -> list[Claimed]:
    """Write the intents down: those `going` as being sent until `lease` ends, the others as queued.

    What is there already stays as it is. Returns what goes. Nothing else may be sending or in doubt in
    the conversations of those that go, and they are locked by this transaction.
    """
    columns = {key: [getattr(a, name) for a in attempts] for key, name in _COLUMNS.items()}
    first = {a.key for a in going}
    goes = [a.key in first for a in attempts]
    values = {"goes": goes, "lease": lease, "claim": claim, "now": tx.now}
    rows = await tx.execute(_INSERT, {**columns, **values})
    written = {tuple(row) for row in rows}
    return [_claimed(a, claim) for a in going if (*a.key, a.conversation_id) in written]


def _claimed(new: NewAttempt, claim: int) -> Claimed:
    return Claimed(
        new.organization_id,
        new.account_id,
        new.operation_id,
        new.item,
        1,
        new.conversation_id,
        new.open_id,
        new.scene,
        new.reply_to,
        new.kind,
        new.content,
        new.expires_at,
        None,
        new.cause,
        new.trace,
        claim,
    )


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
            "claims": [c.claim for c in of],
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
            "queued": State.QUEUED.value,
        },
    )
    return [Moved(*row) for row in rows]
