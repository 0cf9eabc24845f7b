"""Pieces of bursts that wait for the rest. Their due times are PostgreSQL's: a fan waits in real time."""

# ruff: noqa: S608  statements are put together from constants only

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from services.direct_messages.store.rows import columns
from services.direct_messages.store.tables import Fan
from shared.contracts.envelope import Envelope
from shared.db import Tx

_LONGEST = 3  # times the wait: somebody who never stops is answered all the same
_HOLD = sa.text(
    "INSERT INTO held_message (organization_id, account_id, fan_open_id, event_id, envelope, due_at, held_at)"
    " VALUES (:org, :acc, :fan, :id, :envelope, now() + :wait, now()) ON CONFLICT DO NOTHING"
)
# a new piece lets the others wait for it, up to a bound from the first one on
_WAIT = sa.text(
    "UPDATE held_message h SET due_at = least(now() + :wait, f.since + :longest)"
    " FROM (SELECT min(held_at) AS since FROM held_message WHERE organization_id = :org"
    "  AND account_id = :acc AND fan_open_id = :fan) f"
    " WHERE h.organization_id = :org AND h.account_id = :acc AND h.fan_open_id = :fan"
)
_NEXT = sa.text("SELECT extract(epoch FROM min(due_at) - now()) FROM held_message")
_DUE = sa.text(
    "SELECT organization_id, account_id, fan_open_id, envelope FROM held_message WHERE (organization_id, account_id, fan_open_id) IN"
    " (SELECT organization_id, account_id, fan_open_id FROM held_message WHERE due_at <= now()"
    "  ORDER BY due_at LIMIT 200) ORDER BY held_at, event_id"
)
_THESE = (
    " unnest(CAST(:org AS text[]), CAST(:acc AS text[]),"
    " CAST(:fan AS text[]), CAST(:id AS text[])) k(o, a, f, i) WHERE h.organization_id = k.o"
    " AND h.account_id = k.a AND h.fan_open_id = k.f AND h.event_id = k.i"
)
_DROP = sa.text(f"DELETE FROM held_message h USING{_THESE}")
_PUT_OFF = sa.text(f"UPDATE held_message h SET due_at = now() + interval '15 seconds' FROM{_THESE}")


async def hold(tx: Tx, pieces: Iterable[tuple[Fan, Envelope, timedelta]]) -> None:
    """Keep these, each with how long its fan's next words are waited for."""
    for fan, envelope, wait in pieces:
        asked = {"org": fan[0], "acc": fan[1], "fan": fan[2], "wait": wait}
        await tx.execute(_HOLD, {**asked, "id": envelope.id, "envelope": envelope.dump()})
        await tx.execute(_WAIT, {**asked, "longest": wait * _LONGEST})


async def seconds_to_next(tx: Tx) -> float | None:
    """How soon the next burst is due; None when nothing is held."""
    found = (await tx.execute(_NEXT)).scalar()
    return None if found is None else float(found)


async def due_pieces(tx: Tx) -> list[tuple[Fan, Envelope]]:
    """All pieces of bursts that are due, as they came."""
    rows = await tx.execute(_DUE)
    return [((row[0], row[1], row[2]), Envelope.load(bytes(row[3]))) for row in rows]


async def drop_pieces(tx: Tx, pieces: Sequence[tuple[Fan, str]]) -> None:
    """Forget these pieces (fan, event id): they are decided."""
    await tx.execute(_DROP, _these(pieces))


async def put_off_pieces(tx: Tx, pieces: Sequence[tuple[Fan, str]]) -> None:
    """These pieces (fan, event id) cannot be decided yet: they are due again in 15 seconds."""
    await tx.execute(_PUT_OFF, _these(pieces))


def _these(pieces: Sequence[tuple[Fan, str]]) -> dict[str, list[Any]]:
    rows = [(*fan, event_id) for fan, event_id in pieces]
    return columns(rows, "org acc fan id")
