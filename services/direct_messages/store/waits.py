"""Fans who wait for an answer: whose rules are due, how far they were asked, who still waits."""

# ruff: noqa: S608  statements are put together from constants only

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from services.direct_messages.domain.waits import Waiter
from services.direct_messages.store.conversations import conversation_from
from services.direct_messages.store.rows import columns
from services.direct_messages.store.tables import Account
from shared.db import Tx

_RUNS = "c.answered_at IS NULL AND c.cancelled_at IS NULL"
_IS_ANSWERING = (
    "EXISTS (SELECT FROM message m WHERE m.organization_id = c.organization_id"
    " AND m.account_id = c.account_id AND m.conversation_id = c.conversation_id"
    " AND m.created_at >= c.started_at AND m.direction = 'out' AND m.state IN ('queued', 'unknown'))"
)
_DUE = sa.text(
    f"SELECT c.id AS clock_id, c.started_at, c.asked_minutes, {_IS_ANSWERING} AS is_answering, x.*"
    " FROM response_clock c JOIN conversation x ON x.organization_id = c.organization_id"
    " AND x.account_id = c.account_id AND x.id = c.conversation_id"
    f" WHERE c.ask_at <= :now AND c.ask_at IS NOT NULL AND {_RUNS}"
    " ORDER BY c.ask_at LIMIT :most FOR UPDATE OF c SKIP LOCKED"
)
_ASKED = sa.text(
    "UPDATE response_clock c SET asked_minutes = s.minutes, ask_at = s.at"
    " FROM unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:id AS text[]),"
    " CAST(:minutes AS int[]), CAST(:at AS timestamptz[])) s(o, a, id, minutes, at)"
    " WHERE c.organization_id = s.o AND c.account_id = s.a AND c.id = s.id AND c.measure = 'any'"
)
_STILL = sa.text(
    "SELECT c.organization_id, c.account_id, c.id"
    " FROM unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:id AS text[])) k(o, a, i)"
    " JOIN response_clock c ON c.organization_id = k.o AND c.account_id = k.a AND c.id = k.i"
    f" AND c.measure = 'any' WHERE {_RUNS} AND NOT {_IS_ANSWERING}"
)
# only what was told last: a rule that was asked about meanwhile is not asked again
_ASK_AGAIN = sa.text(
    "UPDATE response_clock c SET asked_minutes = s.asked, ask_at = :at"
    " FROM unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:id AS text[]),"
    " CAST(:asked AS int[]), CAST(:minutes AS int[])) s(o, a, id, asked, minutes)"
    " WHERE c.organization_id = s.o AND c.account_id = s.a AND c.id = s.id AND c.measure = 'any'"
    f" AND c.asked_minutes = s.minutes AND {_RUNS}"
)
Clocked = tuple[str, str, str]  # organization, account, clock


async def due_waiters(tx: Tx, most: int) -> list[Waiter]:
    """Those with a rule that may be due, their clocks locked; conversations are only read."""
    found = await tx.execute(_DUE, {"now": tx.now, "most": most})
    return [
        Waiter(
            row["clock_id"],
            conversation_from(row),
            row["started_at"],
            row["asked_minutes"],
            row["is_answering"],
        )
        for row in found
    ]


async def turn_waiters(tx: Tx, turned: Sequence[tuple[Account, Waiter]]) -> None:
    """Keep how far they were asked, and when next."""
    rows = [(*account, w.clock_id, w.asked, w.ask_at) for account, w in turned]
    await tx.execute(_ASKED, columns(rows, "org acc id minutes at"))


async def ask_again(tx: Tx, waits: Sequence[tuple[str, str, str, int, int]], at: datetime) -> None:
    """Look again at these (organization, account, clock, minutes asked before, and now) at that time."""
    await tx.execute(_ASK_AGAIN, {**columns(waits, "org acc id asked minutes"), "at": at})


async def still_waiting(tx: Tx, clocks: Iterable[Clocked]) -> set[Clocked]:
    """Those of them that nobody answered, and nobody is answering."""
    found = await tx.execute(_STILL, columns(sorted(set(clocks)), "org acc id"))
    return {(row[0], row[1], row[2]) for row in found}
