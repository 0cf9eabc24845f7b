"""Quota's counters and ledger as plain values, moved by the product's own rules.

`services.quota.domain` decides everything; only what SQL does (which rows are read, which reservation
counts as an answer given before, what is overdue or lapsed) is said again here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from services.quota import domain
from services.quota.domain import (
    Bucket,
    BucketKey,
    Claim,
    Entry,
    Line,
    Reason,
    Refusal,
    Request,
)

LEASE = timedelta(minutes=2)
_ASK_AGAIN = timedelta(minutes=1)
_LAPSE_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Reservation:
    """As stored; its items are the lines."""

    id: str
    operation: str
    created_at: datetime
    lease_until: datetime


@dataclass
class Ledger:
    """Everything quota knows."""

    buckets: dict[BucketKey, Bucket] = field(default_factory=dict)
    lines: dict[str, tuple[Line, ...]] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)

    def copy(self) -> "Ledger":
        return Ledger(dict(self.buckets), dict(self.lines), dict(self.reservations))

    def counts(self, reservation: str) -> tuple[int, int]:
        """(open items, committed items) of a reservation."""
        lines = _counted(self.lines[reservation])
        return (
            len([line for line in lines if line.settled is None]),
            len([line for line in lines if line.settled is Entry.COMMITTED]),
        )


def _counted(lines: tuple[Line, ...]) -> list[Line]:
    """Lines of items; of a reservation that counts operations only, its one line."""
    return [line for line in lines if line.item != domain.OPERATION_ITEM] or list(lines)


def reserve(
    ledger: Ledger,
    operation: str,
    request: Request,
    policy: Mapping[str, Any],
    now: datetime,
    new_id: str,
) -> str | Refusal:
    """The reservation of an operation: the one it has, a new one, or why not."""
    for known in ledger.reservations.values():
        if known.operation == operation and any(ledger.counts(known.id)):
            return known.id
    plan = domain.plan(request, policy, now)
    if isinstance(plan, Refusal):
        return plan
    held: dict[BucketKey, Bucket] = {}
    for claim in plan:
        opened = domain.in_window(ledger.buckets.get(claim.key) or _empty(claim), claim)
        ledger.buckets[claim.key] = opened
        outcome = domain.hold(opened, claim)
        if isinstance(outcome, Refusal):
            return outcome
        held[claim.key] = outcome
    ledger.buckets.update(held)
    ledger.lines[new_id] = tuple(
        line for claim in plan for line in _lines(new_id, claim, held[claim.key].window_id)
    )
    ledger.reservations[new_id] = Reservation(new_id, operation, now, now + LEASE)
    return new_id


def _lines(reservation: str, claim: Claim, window_id: str) -> list[Line]:
    numbers = range(claim.units) if claim.by_item else (domain.OPERATION_ITEM,)
    units = 1 if claim.by_item else claim.units
    return [Line(reservation, claim.key, window_id, n, units, None) for n in numbers]


def _empty(claim: Claim) -> Bucket:
    return Bucket(
        claim.key,
        "",
        datetime.min.replace(tzinfo=claim.window_start.tzinfo),
        None,
        None,
        0,
        0,
        None,
    )


def settle(
    ledger: Ledger,
    reservation: str,
    items: frozenset[int] | None,
    entry: Entry | None,
    closes: Reason | None = None,
) -> int:
    """Commit or release items; the units moved."""
    lines = ledger.lines.get(reservation, ())
    if closes is not None:
        for line in lines:
            bucket = ledger.buckets[line.key]
            ledger.buckets[line.key] = domain.close(bucket, line.window_id, closes)
    if entry is None:
        return 0
    moved = {(m.key, m.item): m for m in domain.settle(lines, items, entry)}
    for line in moved.values():
        ledger.buckets[line.key] = domain.settled_bucket(ledger.buckets[line.key], line)
    if moved:
        ledger.lines[reservation] = tuple(moved.get((x.key, x.item), x) for x in lines)
    return sum(line.units for line in moved.values())


def overdue(ledger: Ledger, now: datetime) -> list[Reservation]:
    """Holds that outlived their lease, each at most once a minute."""
    late = [
        r
        for r in ledger.reservations.values()
        if r.lease_until < now and ledger.counts(r.id)[0] > 0
    ]
    for r in late:
        ledger.reservations[r.id] = replace(r, lease_until=now + _ASK_AGAIN)
    return late


def lapsed(ledger: Ledger, now: datetime) -> list[str]:
    """Reservations with a hold whose window is over."""
    return [
        r.id
        for r in ledger.reservations.values()
        if r.created_at < now - _LAPSE_AFTER
        and ledger.counts(r.id)[0] > 0
        and any(_is_over(ledger.buckets[x.key], x, now) for x in ledger.lines[r.id] if x.item >= 0)
    ]


def _is_over(bucket: Bucket, line: Line, now: datetime) -> bool:
    ends = bucket.window_end
    return bucket.window_id != line.window_id or (ends is not None and ends < now - _LAPSE_AFTER)


def recounted(ledger: Ledger, key: BucketKey) -> tuple[int, int]:
    """(used, held) of a bucket's window as the ledger has them."""
    window = ledger.buckets[key].window_id
    mine = [
        x
        for lines in ledger.lines.values()
        for x in lines
        if x.key == key and x.window_id == window
    ]
    used = sum(x.units for x in mine if x.settled is Entry.COMMITTED)
    return used, sum(x.units for x in mine if x.settled is None)
