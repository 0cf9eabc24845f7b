"""What a counter is, what a claim asks of it, and what becomes of held items.

Sources: push budget domain D7 (A5-02), reply budget domain D8 (A6-02). Times are UTC.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, NamedTuple

WARNING_MARKS = (0.8, 1.0)  # of the monthly budget; a reply budget of six warns nobody
_NEVER = datetime.fromtimestamp(0, UTC)
OPERATION_ITEM = -1  # the ledger's item number of a limit that counts operations, not items


class Reason(StrEnum):
    """Why a request is refused."""

    EXHAUSTED = "exhausted"
    WINDOW_EXPIRED = "window_expired"  # too late after the event that opened it
    CLOSED_BY_PLATFORM = "closed_by_platform"  # the platform refused although we saw room
    NO_WINDOW = "no_window"  # the fan never wrote: no cold messages


@dataclass(frozen=True, slots=True)
class Resets:
    """When there is room again: with the fan's next message, at a time, or not for this request."""

    on: Literal["fan_message", "time", "never"]
    at: datetime | None = None


class BucketKey(NamedTuple):
    """Which counter: one per limit and subject, and one per month or day for calendar limits."""

    organization_id: str
    account_id: str
    limit: str
    subject: str
    slot: str  # "2024-02" or "2024-02-29" for calendar windows, "" where an event opens the window


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request asks of one bucket. `cap` None: no limit applies, but use is counted."""

    key: BucketKey
    window_id: str
    window_start: datetime
    window_end: datetime | None
    cap: int | None
    usable: int | None  # the part of the cap that this actor may use
    units: int
    by_item: bool  # one ledger entry an item, or one for the whole operation
    resets: Resets


class Bucket(NamedTuple):
    """The counter of one window. Invariant: 0 ≤ used, 0 ≤ held, used + held ≤ cap."""

    key: BucketKey
    window_id: str
    window_start: datetime
    window_end: datetime | None
    cap: int | None
    used: int
    held: int
    closed: Reason | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A "no" with its facts."""

    limit: str
    reason: Reason
    cap: int
    used: int
    held: int
    resets: Resets


def unopened(key: BucketKey) -> Bucket:
    """The bucket before any window of it is known."""
    return Bucket(key, "", _NEVER, None, None, 0, 0, None)


def in_window(bucket: Bucket, claim: Claim) -> Bucket:
    """The bucket in the newest window known: a claim that carries a newer one opens it (design 10.6).

    A smaller cap applies to what is still free and never makes existing reservations invalid.
    """
    newer = (claim.window_start, claim.window_id) > (bucket.window_start, bucket.window_id)
    if not bucket.window_id or (newer and not claim.key.slot):
        bucket = bucket._replace(
            window_id=claim.window_id,
            window_start=claim.window_start,
            window_end=claim.window_end,
            used=0,
            held=0,
            closed=None,
        )
    cap = None if claim.cap is None else max(claim.cap, bucket.used + bucket.held)
    return bucket if cap == bucket.cap else bucket._replace(cap=cap)


def hold(bucket: Bucket, claim: Claim) -> Bucket | Refusal:
    """`bucket` with the claim held, or why not. `bucket` must already be `in_window`."""
    taken = bucket.used + bucket.held
    if bucket.closed is not None:
        return Refusal(
            claim.key.limit, bucket.closed, claim.cap or 0, bucket.used, bucket.held, claim.resets
        )
    if claim.usable is not None and taken + claim.units > claim.usable:
        # more than the whole budget never fits, however long one waits
        resets = Resets("never") if claim.units > claim.usable else claim.resets
        return Refusal(
            claim.key.limit, Reason.EXHAUSTED, claim.usable, bucket.used, bucket.held, resets
        )
    return bucket._replace(held=bucket.held + claim.units)


def marks_crossed(before: Bucket, after: Bucket) -> tuple[float, ...]:
    """The warning marks that lie between the two states of one bucket."""
    if after.cap is None or after.key.limit != "push.monthly":
        return ()
    was = before.used + before.held if before.window_id == after.window_id else 0
    now_taken = after.used + after.held
    return tuple(mark for mark in WARNING_MARKS if was < mark * after.cap <= now_taken)


class Entry(StrEnum):
    """What a ledger row records of one item."""

    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Line:
    """One held item in the ledger, and how it was settled so far."""

    reservation_id: str
    key: BucketKey
    window_id: str
    item: int
    units: int
    settled: Entry | None


def settle(lines: tuple[Line, ...], items: frozenset[int] | None, entry: Entry) -> tuple[Line, ...]:
    """The lines of one reservation that `entry` newly settles; `items` None means all still held.

    What counts operations is committed with the first committed item and released with the last
    released one. A settled line never moves again: a late "released" after "committed" changes
    nothing, and neither does the reverse.
    """
    moved = tuple(
        replace(line, settled=entry)
        for line in lines
        if line.settled is None
        and line.item != OPERATION_ITEM
        and (items is None or line.item in items)
    )
    whole = tuple(line for line in lines if line.item == OPERATION_ITEM and line.settled is None)
    if not whole:
        return moved
    of_items = [line for line in lines if line.item != OPERATION_ITEM]
    still_held = sum(1 for line in of_items if line.settled is None) - len(moved)
    any_committed = any(line.settled is Entry.COMMITTED for line in (*of_items, *moved))
    if any_committed or (not of_items and entry is Entry.COMMITTED):
        return (*moved, *(replace(line, settled=Entry.COMMITTED) for line in whole))
    if still_held == 0 and entry is Entry.RELEASED:
        return (*moved, *(replace(line, settled=Entry.RELEASED) for line in whole))
    return moved


def settled_bucket(bucket: Bucket, line: Line) -> Bucket:
    """`bucket` after `line` was settled; a line of an older window no longer counts."""
    if bucket.window_id != line.window_id:
        return bucket
    used = bucket.used + (line.units if line.settled is Entry.COMMITTED else 0)
    return bucket._replace(used=used, held=bucket.held - line.units)


def close(bucket: Bucket, window_id: str, reason: Reason) -> Bucket:
    """The platform is authoritative: no more in this window, whatever we counted."""
    return bucket._replace(closed=reason) if bucket.window_id == window_id else bucket
