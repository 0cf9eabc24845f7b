"""Clocks of the promise to answer: started, stopped, due, reported."""

# ruff: noqa: S608  statements are put together from constants only

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from services.direct_messages.domain.promises import Clock, Measure, Told
from services.direct_messages.store.people_tables import response_clocks
from services.direct_messages.store.rows import as_rows, columns, insert, read
from shared.db import Row, Tx

_GREETING_SECONDS = 30  # so early, a greeting is an answer
_START = insert(response_clocks, "ON CONFLICT DO NOTHING")
_TURN = insert(
    response_clocks,
    "ON CONFLICT (organization_id, account_id, id, measure) DO UPDATE SET told = excluded.told,"
    " due_at = excluded.due_at, is_met = excluded.is_met, cancelled_at = excluded.cancelled_at",
)
# Where several items answered, the first of them did. A greeting is an answer only at once, and once a day.
_STOP = sa.text(
    "UPDATE response_clock c SET answered_at = x.at, answered_by = x.by, due_at = NULL,"
    " is_met = (c.breach_at IS NULL OR x.at <= c.breach_at),"
    " elapsed_ms = round(extract(epoch FROM x.at - c.started_at) * 1000),"
    " agent_id = (SELECT h.agent_id FROM hand_off h WHERE h.organization_id = c.organization_id"
    " AND h.account_id = c.account_id AND h.conversation_id = c.conversation_id"
    " AND h.stage <> 'ended' AND x.by = 'person')"
    # each is looked up by its key (OFFSET 0): few clocks run, so the planner would rather walk all of
    # them for every message
    " FROM (SELECT k.organization_id, k.account_id, k.id, k.measure, min(s.at) AS at,"
    " (array_agg(CASE WHEN a.id IS NULL THEN s.by ELSE 'greeting' END ORDER BY s.at))[1] AS by"
    " FROM unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:conv AS text[]),"
    " CAST(:by AS text[]), CAST(:inbound AS text[]), CAST(:at AS timestamptz[]))"
    " s(o, a, c, by, inbound, at)"
    " CROSS JOIN LATERAL (SELECT * FROM response_clock r WHERE r.organization_id = s.o"
    " AND r.account_id = s.a AND r.conversation_id = s.c AND r.answered_at IS NULL"
    " AND r.cancelled_at IS NULL OFFSET 0) k"
    " LEFT JOIN LATERAL (SELECT m.id FROM message m WHERE m.organization_id = s.o"
    " AND m.account_id = s.a AND m.id = s.inbound AND m.kind = 'page_entered' OFFSET 0) a ON true"
    " WHERE s.at >= k.started_at AND (k.measure = 'any' OR s.by IN ('person', 'app'))"
    f" AND (a.id IS NULL OR (s.at - k.started_at <= interval '{_GREETING_SECONDS} seconds'"
    " AND NOT EXISTS (SELECT FROM response_clock g WHERE g.organization_id = k.organization_id"
    " AND g.account_id = k.account_id AND g.conversation_id = k.conversation_id"
    " AND g.answered_by = 'greeting' AND g.answered_at > s.at - interval '24 hours')))"
    " GROUP BY 1, 2, 3, 4) x"
    " WHERE c.organization_id = x.organization_id AND c.account_id = x.account_id"
    " AND c.id = x.id AND c.measure = x.measure"
    " RETURNING c.organization_id, c.account_id, c.id, c.measure, c.started_at, c.answered_at,"
    " c.round_the_clock"
)
_ELAPSED = sa.text(
    "UPDATE response_clock c SET elapsed_ms = s.ms FROM unnest(CAST(:org AS text[]),"
    " CAST(:acc AS text[]), CAST(:id AS text[]), CAST(:measure AS text[]), CAST(:ms AS bigint[]))"
    " s(o, a, id, measure, ms) WHERE c.organization_id = s.o AND c.account_id = s.a"
    " AND c.id = s.id AND c.measure = s.measure"
)
_RUNNING = sa.text(
    "SELECT EXISTS (SELECT FROM response_clock WHERE organization_id = :org AND account_id = :acc"
    " AND id = :id AND measure = :measure AND answered_at IS NULL AND cancelled_at IS NULL)"
)
_DUE = sa.text(
    "SELECT * FROM response_clock WHERE due_at <= :now AND due_at IS NOT NULL"
    " ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED"
)
_COUNTED = (
    " count(*) AS started, count(*) FILTER (WHERE answered_at IS NOT NULL AND is_met) AS met,"
    " count(*) FILTER (WHERE NOT is_met) AS breached,"
    " count(*) FILTER (WHERE cancelled_at IS NOT NULL AND is_met IS NULL) AS cancelled,"
    " count(*) FILTER (WHERE answered_at IS NULL AND cancelled_at IS NULL AND is_met IS NULL)"
    " AS running,"
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY elapsed_ms) AS median_ms,"
    " percentile_cont(0.9) WITHIN GROUP (ORDER BY elapsed_ms) AS p90_ms"
    " FROM response_clock WHERE organization_id = :org AND account_id = :acc"
    " AND started_at >= :since AND started_at < :until"
)
_DAY = "to_char(started_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD')"
_REPORTS = {
    "all": sa.text(f"SELECT '' AS part, measure, {_COUNTED} GROUP BY 1, 2 ORDER BY 1, 2"),
    "day": sa.text(f"SELECT {_DAY} AS part, measure, {_COUNTED} GROUP BY 1, 2 ORDER BY 1, 2"),
    "agent": sa.text(
        f"SELECT agent_id AS part, measure, {_COUNTED} AND agent_id IS NOT NULL"
        " AND measure = 'human' GROUP BY 1, 2 ORDER BY 1, 2"
    ),
}
_OVERDUE = sa.text(
    "SELECT measure, count(*) FROM (SELECT measure FROM response_clock"
    " WHERE due_at IS NOT NULL AND told IN ('breached', 'escalated') LIMIT 10000) x GROUP BY measure"
)


@dataclass(frozen=True, slots=True)
class Visible:
    """Something that a fan saw: who said it, to which inbound, when."""

    organization_id: str
    account_id: str
    conversation_id: str
    by: str
    inbound_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Stopped:
    """A clock that was answered just now."""

    organization_id: str
    account_id: str
    id: str
    measure: str
    started_at: datetime
    answered_at: datetime
    round_the_clock: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report: a day, an agent or everything, by measure."""

    part: str
    measure: str
    started: int
    met: int
    breached: int
    cancelled: int
    running: int
    median_ms: float | None
    p90_ms: float | None


async def start_clocks(tx: Tx, started: Sequence[Clock]) -> None:
    """Start them where none of their measure runs in the conversation."""
    await tx.execute(_START, as_rows(started))


async def stop_clocks(tx: Tx, seen: Sequence[Visible]) -> list[Stopped]:
    """Stop what these answered. A repetition stops nothing."""
    rows = [
        (v.organization_id, v.account_id, v.conversation_id, v.by, v.inbound_id, v.at) for v in seen
    ]
    found = await tx.execute(_STOP, columns(rows, "org acc conv by inbound at"))
    return [read(Stopped, row) for row in found]


async def set_elapsed(tx: Tx, measured: Sequence[tuple[Stopped, int]]) -> None:
    """How much business time passed, where that is not all time."""
    rows = [(s.organization_id, s.account_id, s.id, s.measure, ms) for s, ms in measured]
    await tx.execute(_ELAPSED, columns(rows, "org acc id measure ms"))


async def due_clocks(tx: Tx, most: int) -> list[Clock]:
    """Running clocks whose next deadline is over, locked."""
    found = await tx.execute(_DUE, {"now": tx.now, "most": most})
    return [_clock_from(row) for row in found]


async def is_running(tx: Tx, clock: tuple[str, str, str, str]) -> bool:
    """Whether (organization, account, id, measure) still waits for its answer."""
    org, acc, id_, measure = clock
    asked = {"org": org, "acc": acc, "id": id_, "measure": measure}
    return bool((await tx.execute(_RUNNING, asked)).scalar())


async def turn_clocks(tx: Tx, turned: Sequence[Clock]) -> None:
    """Keep how far they have come."""
    await tx.execute(_TURN, as_rows(turned))


async def report(
    tx: Tx, account: tuple[str, str], since: datetime, until: datetime, by: str
) -> list[Line]:
    """What became of the clocks that started in that time, by `all`, `day` or `agent`."""
    asked = {"org": account[0], "acc": account[1], "since": since, "until": until}
    return [read(Line, row) for row in await tx.execute(_REPORTS[by], asked)]


async def overdue_clocks(tx: Tx) -> dict[str, int]:
    """Measure → how many are breached and not answered yet; counted up to 10,000."""
    return {row[0]: row[1] for row in await tx.execute(_OVERDUE)}


def _clock_from(row: Row) -> Clock:
    found: Clock = read(Clock, row)
    return replace(found, measure=Measure(found.measure), told=Told(found.told))
