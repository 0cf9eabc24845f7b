"""Messages that are to be taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from shared.db import Tx

_ADD = sa.text(
    "INSERT INTO recall (organization_id, account_id, message_id, conversation_id, open_id, cause,"
    " trace) SELECT * FROM unnest(CAST(:organizations AS text[]), CAST(:accounts AS text[]),"
    " CAST(:messages AS text[]), CAST(:conversations AS text[]), CAST(:open_ids AS text[]),"
    " CAST(:causes AS text[]), CAST(:traces AS text[]))"
    # what was refused may be asked once more; what is under way or done is not asked again
    " ON CONFLICT (organization_id, account_id, message_id) DO UPDATE SET state = 'asked',"
    " tries = 0, next_try_at = now(), cause = excluded.cause, trace = excluded.trace"
    " WHERE recall.state = 'refused'"
)
# whoever gets the row asks the platform; the lease outlives the call
_CLAIM = sa.text(
    "UPDATE recall SET tries = tries + 1, next_try_at = now() + :lease WHERE ctid = ANY(ARRAY("
    " SELECT ctid FROM recall WHERE state = 'asked' AND next_try_at <= now()"
    " ORDER BY next_try_at LIMIT :most FOR UPDATE SKIP LOCKED))"
    " RETURNING organization_id, account_id, message_id, conversation_id, open_id, tries, cause, trace"
)
_WAIT = sa.text(
    "UPDATE recall SET next_try_at = now() + :pause, reason = :reason"
    " WHERE organization_id = :organization AND account_id = :account AND message_id = :message"
    " AND tries = :tries AND state = 'asked'"
)
_END = sa.text(
    "UPDATE recall SET state = :state, reason = :reason, code = :code, log_id = :log_id"
    " WHERE organization_id = :organization AND account_id = :account AND message_id = :message"
    " AND tries = :tries AND state = 'asked' RETURNING message_id"
)
_NEXT = sa.text(
    "SELECT extract(epoch FROM min(next_try_at) - now()) FROM recall WHERE state = 'asked'"
)


@dataclass(frozen=True, slots=True)
class NewRecall:
    """A message of ours that somebody wants back."""

    organization_id: str
    account_id: str
    message_id: str
    conversation_id: str
    open_id: str
    cause: str
    trace: str


@dataclass(frozen=True, slots=True)
class RecallDue:
    """A recall that is ours to ask until its lease ends."""

    organization_id: str
    account_id: str
    message_id: str
    conversation_id: str
    open_id: str
    tries: int
    cause: str
    trace: str


@dataclass(frozen=True, slots=True)
class RecallEnd:
    """How the platform answered."""

    state: str
    reason: str | None = None
    code: int | None = None
    log_id: str | None = None


async def add_recalls(tx: Tx, new: Sequence[NewRecall]) -> None:
    """Write them down, each once."""
    once = list({(r.organization_id, r.account_id, r.message_id): r for r in new}.values())
    await tx.execute(
        _ADD,
        {
            "organizations": [r.organization_id for r in once],
            "accounts": [r.account_id for r in once],
            "messages": [r.message_id for r in once],
            "conversations": [r.conversation_id for r in once],
            "open_ids": [r.open_id for r in once],
            "causes": [r.cause for r in once],
            "traces": [r.trace for r in once],
        },
    )


async def claim_recalls(tx: Tx, lease: timedelta, most: int) -> list[RecallDue]:
    """Take what is due."""
    return [RecallDue(*row) for row in await tx.execute(_CLAIM, {"lease": lease, "most": most})]


async def put_off_recall(tx: Tx, due: RecallDue, pause: timedelta, reason: str) -> None:
    """Ask again after the pause."""
    await tx.execute(_WAIT, {**_key(due), "pause": pause, "reason": reason})


async def end_recall(tx: Tx, due: RecallDue, end: RecallEnd) -> bool:
    """Write how it ended. False when somebody else did."""
    values = {
        **_key(due),
        "state": end.state,
        "reason": end.reason,
        "code": end.code,
        "log_id": end.log_id,
    }
    return (await tx.execute(_END, values)).first() is not None


async def seconds_to_recall(tx: Tx) -> float | None:
    """When the next one is due, by PostgreSQL's clock."""
    left = (await tx.execute(_NEXT)).scalar()
    return None if left is None else float(left)


def _key(due: RecallDue) -> dict[str, object]:
    return {
        "organization": due.organization_id,
        "account": due.account_id,
        "message": due.message_id,
        "tries": due.tries,
    }
