"""Reservations and the ledger. Every statement handles a whole batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from services.quota.domain import BucketKey, Entry, Line
from services.quota.store.tables import Fan, columns
from shared.db import Tx


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A ledger row to write."""

    line: Line
    entry: Entry
    reason: str


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation, and the event that opened the window which it counts in, if an event did."""

    id: str
    opened_by: str | None


_RESERVED = sa.text(
    "SELECT r.organization_id, r.account_id, r.operation_id, r.id, (SELECT min(h.window_id)"
    " FROM ledger h WHERE h.organization_id = r.organization_id AND h.account_id = r.account_id"
    " AND h.reservation_id = r.id AND h.slot = '') AS opened_by FROM unnest(CAST(:acc AS text[]), CAST(:op AS text[])) k(a, p) JOIN reservation r"
    " ON r.account_id = k.a AND r.operation_id = k.p WHERE r.open_items > 0 OR r.committed > 0"
)
_RESERVE = sa.text(
    "INSERT INTO reservation (organization_id, account_id, id, operation_id, purpose, subject, actor, items,"
    " open_items, cause, lease_until) SELECT o, a, i, p, u, s, c, n, n, k, now() + make_interval(secs => l)"
    " FROM unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:id AS text[]), CAST(:op AS text[]),"
    " CAST(:purpose AS text[]), CAST(:sub AS text[]), CAST(:actor AS text[]), CAST(:items AS int[]),"
    " CAST(:cause AS text[]), CAST(:lease AS float8[])) r(o, a, i, p, u, s, c, n, k, l)"
)
_RECORD = sa.text(
    "INSERT INTO ledger (organization_id, account_id, reservation_id, limit_key, item, entry, subject, slot,"
    " window_id, units, reason, at) SELECT *, CAST(:at AS timestamptz) FROM unnest(CAST(:org AS text[]),"
    " CAST(:acc AS text[]), CAST(:res AS text[]), CAST(:lim AS text[]), CAST(:item AS smallint[]),"
    " CAST(:entry AS text[]), CAST(:sub AS text[]), CAST(:slot AS text[]), CAST(:win AS text[]),"
    " CAST(:units AS int[]), CAST(:reason AS text[]))"
)
_LINES = sa.text(
    "SELECT h.reservation_id, h.organization_id, h.account_id, h.limit_key, h.subject, h.slot, h.window_id, h.item,"
    " h.units, (SELECT min(s.entry) FROM ledger s WHERE s.organization_id = h.organization_id"
    " AND s.account_id = h.account_id AND s.reservation_id = h.reservation_id AND s.limit_key = h.limit_key"
    " AND s.item = h.item AND s.entry <> 'held') AS settled FROM unnest(CAST(:org AS text[]),"
    " CAST(:acc AS text[]), CAST(:res AS text[])) k(o, a, r) JOIN ledger h ON h.organization_id = k.o AND h.account_id = k.a"
    " AND h.reservation_id = k.r WHERE h.entry = 'held' ORDER BY h.item"
)
_SETTLED = sa.text(
    "UPDATE reservation r SET open_items = r.open_items - n.settled, committed = r.committed + n.committed"
    " FROM unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:res AS text[]), CAST(:settled AS int[]),"
    " CAST(:committed AS int[])) n(o, a, r, settled, committed)"
    " WHERE r.organization_id = n.o AND r.account_id = n.a AND r.id = n.r"
)


async def reserved(tx: Tx, operations: Iterable[Fan]) -> dict[Fan, Reserved]:
    """(organization, account, operation) → reservation, where one is held or was used."""
    found = await tx.execute(_RESERVED, columns([o[1:] for o in operations], "acc op"))
    return {(r[0], r[1], r[2]): Reserved(r[3], r[4]) for r in found}


async def add_reservations(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows of (organization, account, id, operation, purpose, subject, actor, items, cause, lease in seconds)."""
    if rows:
        await tx.execute(
            _RESERVE, columns(rows, "org acc id op purpose sub actor items cause lease")
        )


async def record(tx: Tx, entries: Sequence[NewEntry]) -> None:
    """Append to the ledger, at the transaction's business time."""
    rows = [
        (
            *(
                e.line.key.organization_id,
                e.line.key.account_id,
                e.line.reservation_id,
                e.line.key.limit,
            ),
            *(
                e.line.item,
                e.entry,
                e.line.key.subject,
                e.line.key.slot,
                e.line.window_id,
                e.line.units,
                e.reason,
            ),
        )
        for e in entries
    ]
    if rows:
        found = columns(rows, "org acc res lim item entry sub slot win units reason")
        await tx.execute(_RECORD, {**found, "at": tx.now})


async def lines_of(tx: Tx, reservation_ids: Iterable[Fan]) -> dict[str, tuple[Line, ...]]:
    """Reservation id → its held lines and how each was settled."""
    found: dict[str, list[Line]] = {}
    for row in await tx.execute(_LINES, columns(sorted(set(reservation_ids)), "org acc res")):
        settled = Entry(row[9]) if row[9] else None
        line = Line(row[0], BucketKey(*row[1:6]), row[6], row[7], row[8], settled)
        found.setdefault(row[0], []).append(line)
    return {reservation_id: tuple(lines) for reservation_id, lines in found.items()}


async def count_settled(tx: Tx, rows: Sequence[tuple[str, str, str, int, int]]) -> None:
    """Rows of (organization, account, reservation, items settled, items committed)."""
    if rows:
        await tx.execute(_SETTLED, columns(rows, "org acc res settled committed"))
