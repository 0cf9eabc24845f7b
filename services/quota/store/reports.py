"""What is overdue, what has lapsed, whether the counters agree with the ledger, and history."""

# ruff: noqa: S608  statements are put together from constants of this room only

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.quota.domain import BucketKey
from services.quota.store.tables import columns
from shared.db import Tx

_OVERDUE = sa.text(
    "UPDATE reservation SET lease_until = now() + interval '1 minute' WHERE ctid = ANY(ARRAY("
    "SELECT ctid FROM reservation WHERE open_items > 0 AND lease_until < now()"
    " ORDER BY lease_until LIMIT :most FOR UPDATE SKIP LOCKED))"
    " RETURNING organization_id, account_id, id, operation_id, cause, created_at"
)
# A hold whose window is over counts nowhere any more: the fan wrote again, or the window's end passed.
_LAPSED = sa.text(
    "SELECT DISTINCT r.organization_id, r.account_id, r.id FROM reservation r JOIN ledger h"
    " ON h.organization_id = r.organization_id AND h.account_id = r.account_id AND h.reservation_id = r.id"
    " AND h.entry = 'held' JOIN bucket b ON b.organization_id = h.organization_id AND b.account_id = h.account_id"
    " AND b.limit_key = h.limit_key AND b.subject = h.subject AND b.slot = h.slot"
    " WHERE r.open_items > 0 AND r.created_at < now() - interval '15 minutes' AND r.purpose <> 'push.monthly'"
    " AND h.item >= 0 AND (b.window_id <> h.window_id OR b.window_end < siyu.business_now() - interval '15 minutes')"
    " LIMIT :most"
)
_BUCKET = "organization_id, account_id, limit_key, subject, slot"
_DRIFT = sa.text(
    f"SELECT {_BUCKET}, count(*) OVER () AS checked, count(*) FILTER (WHERE differs) OVER () AS differing"
    " FROM (SELECT b.*, b.used <> l.used OR b.held <> l.held AS differs FROM"
    f" (SELECT {_BUCKET}, window_id, used, held FROM bucket WHERE ({_BUCKET}) > (:org, :acc, :lim, :sub, :slot)"
    f" ORDER BY {_BUCKET} LIMIT :most) b LEFT JOIN LATERAL (SELECT"
    " coalesce(sum(units) FILTER (WHERE entry = 'committed'), 0) AS used,"
    " coalesce(sum(CASE entry WHEN 'held' THEN units ELSE -units END), 0) AS held FROM ledger l"
    " WHERE l.organization_id = b.organization_id AND l.account_id = b.account_id AND l.limit_key = b.limit_key"
    " AND l.subject = b.subject AND l.slot = b.slot AND l.window_id = b.window_id) l ON true) seen"
    " ORDER BY 1 DESC, 2 DESC, 3 DESC, 4 DESC, 5 DESC LIMIT 1"
)
_NEWEST = (
    "SELECT l.at, l.reservation_id, l.limit_key, l.item, l.entry, l.subject, l.window_id, l.units, l.reason,"
    " r.operation_id, r.actor, r.cause FROM ledger l JOIN reservation r ON r.organization_id = l.organization_id"
    " AND r.account_id = l.account_id AND r.id = l.reservation_id"
    " WHERE l.organization_id = :org AND l.account_id = :acc AND (:subject = '' OR l.subject = :subject)"
    "{older} ORDER BY l.reservation_id DESC, l.limit_key DESC, l.item DESC, l.entry DESC LIMIT :most"
)
_NEWEST_OF_ALL = sa.text(_NEWEST.format(older=""))
_NEWEST_BEFORE = sa.text(
    _NEWEST.format(
        older=" AND (l.reservation_id, l.limit_key, l.item, l.entry) < (:res, :lim, :item, :entry)"
    )
)
_POLICY = sa.text(
    "INSERT INTO policy (organization_id, account_id, version, values) SELECT o, a, v, CAST(p AS jsonb) FROM"
    " unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:version AS int[]), CAST(:values AS text[]))"
    " n(o, a, v, p) ON CONFLICT (organization_id, account_id) DO UPDATE SET version = excluded.version,"
    " values = excluded.values WHERE policy.version < excluded.version"
)
_FACT = sa.text(
    "INSERT INTO fan_fact (organization_id, account_id, open_id, follows, observed_at) SELECT * FROM"
    " unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:fan AS text[]), CAST(:follows AS bool[]),"
    " CAST(:at AS timestamptz[])) ON CONFLICT (organization_id, account_id, open_id) DO UPDATE SET"
    " follows = excluded.follows, observed_at = excluded.observed_at"
    " WHERE fan_fact.observed_at <= excluded.observed_at"
)


@dataclass(frozen=True, slots=True)
class Overdue:
    """A reservation whose lease ran out while items are still open."""

    organization_id: str
    account_id: str
    id: str
    operation_id: str
    cause: str
    created_at: datetime


class Checked(NamedTuple):
    """A stretch of buckets that was compared with the ledger, up to `last`."""

    last: BucketKey
    buckets: int
    differing: int


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One ledger entry with its reservation."""

    at: datetime
    reservation_id: str
    limit: str
    item: int
    entry: str
    subject: str
    window_id: str
    units: int
    reason: str
    operation_id: str
    actor: str
    cause: str


async def claim_overdue(tx: Tx, most: int = 200) -> list[Overdue]:
    """Overdue reservations, each at most once a minute."""
    return [Overdue(*row) for row in await tx.execute(_OVERDUE, {"most": most})]


async def lapsed(tx: Tx, most: int = 500) -> list[tuple[str, str, str]]:
    """(organization, account, reservation) of holds whose window is over."""
    return [(r[0], r[1], r[2]) for r in await tx.execute(_LAPSED, {"most": most})]


async def drift(tx: Tx, after: BucketKey, most: int) -> Checked:
    """Compare the next `most` buckets behind `after` with the ledger."""
    asked = dict(zip(("org", "acc", "lim", "sub", "slot"), after, strict=True))
    row = (await tx.execute(_DRIFT, {**asked, "most": most})).first()
    return Checked(BucketKey(*row[:5]), row[5], row[6]) if row else Checked(after, 0, 0)


async def history(
    tx: Tx, tenant: tuple[str, str], subject: str, before: Sequence[Any] | None, most: int
) -> list[HistoryRow]:
    """The newest ledger entries, or the newest before `before` (the sort key of the last row seen)."""
    values = {"org": tenant[0], "acc": tenant[1], "subject": subject, "most": most}
    if before is None:
        return [HistoryRow(*row) for row in await tx.execute(_NEWEST_OF_ALL, values)]
    values |= zip(("res", "lim", "item", "entry"), before, strict=True)
    return [HistoryRow(*row) for row in await tx.execute(_NEWEST_BEFORE, values)]


async def save_policies(tx: Tx, rows: Iterable[tuple[str, str, int, str]]) -> None:
    """Rows of (organization, account, version, values as JSON); an older version changes nothing."""
    newest = {row[:2]: row for row in sorted(rows, key=lambda row: row[2])}
    if newest:
        await tx.execute(_POLICY, columns(newest.values(), "org acc version values"))


async def save_facts(tx: Tx, rows: Iterable[tuple[str, str, str, bool, datetime]]) -> None:
    """Rows of (organization, account, fan, follows, observed at); an older observation changes nothing."""
    newest = {row[:3]: row for row in sorted(rows, key=lambda row: row[4])}
    if newest:
        await tx.execute(_FACT, columns(newest.values(), "org acc fan follows at"))
