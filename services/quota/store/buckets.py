"""Policies, follow facts and buckets. Every statement handles a whole batch."""

# ruff: noqa: S608  statements are put together from constants of this room only

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from services.quota.domain import Bucket, BucketKey, Reason
from services.quota.store.tables import Account, Fan, columns
from shared.db import Tx

_POLICIES = sa.text(
    "SELECT p.organization_id, p.account_id, p.values FROM unnest(CAST(:org AS text[]),"
    " CAST(:acc AS text[])) a(o, a) JOIN policy p ON p.organization_id = a.o AND p.account_id = a.a"
)
_FOLLOWS = sa.text(
    "SELECT f.organization_id, f.account_id, f.open_id FROM unnest(CAST(:org AS text[]),"
    " CAST(:acc AS text[]), CAST(:fan AS text[])) a(o, a, f) JOIN fan_fact f ON f.organization_id = a.o AND f.account_id = a.a"
    " AND f.open_id = a.f WHERE f.follows"
)
_KEYS = (
    "unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:lim AS text[]), CAST(:sub AS text[]),"
    " CAST(:slot AS text[])) k(o, a, l, s, t) JOIN bucket b ON b.organization_id = k.o AND b.account_id = k.a"
    " AND b.limit_key = k.l AND b.subject = k.s AND b.slot = k.t"
)
_FIELDS = (
    "b.organization_id, b.account_id, b.limit_key, b.subject, b.slot, b.window_id, b.window_start, b.window_end,"
    " b.cap, b.used, b.held, b.closed"
)
_PEEK = sa.text(f"SELECT {_FIELDS} FROM {_KEYS}")
_LOCK = sa.text(f"{_PEEK.text} ORDER BY 1, 2, 3, 4, 5 FOR UPDATE OF b")
_ROWS = (
    "unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:lim AS text[]), CAST(:sub AS text[]),"
    " CAST(:slot AS text[]), CAST(:win AS text[]), CAST(:start AS timestamptz[]), CAST(:end AS timestamptz[]),"
    " CAST(:cap AS int[]), CAST(:used AS int[]), CAST(:held AS int[]), CAST(:closed AS text[]))"
    " n(o, a, l, s, t, w, ws, we, c, u, h, x)"
)
_OPEN = sa.text(
    "INSERT INTO bucket (organization_id, account_id, limit_key, subject, slot, window_id, window_start, window_end,"
    f" cap, used, held, closed) SELECT * FROM {_ROWS} ORDER BY 1, 2, 3, 4, 5 ON CONFLICT DO NOTHING"
)
_SAVE = sa.text(
    "UPDATE bucket b SET window_id = n.w, window_start = n.ws, window_end = n.we, cap = n.c, used = n.u, held = n.h,"
    f" closed = n.x FROM {_ROWS} WHERE b.organization_id = n.o AND b.account_id = n.a"
    " AND b.limit_key = n.l AND b.subject = n.s AND b.slot = n.t"
)


async def policies_of(tx: Tx, accounts: Iterable[Account]) -> dict[Account, dict[str, Any]]:
    """The policy values of accounts that we have heard of."""
    found = await tx.execute(_POLICIES, columns(sorted(set(accounts)), "org acc"))
    return {(r[0], r[1]): r[2] for r in found}


async def followers(tx: Tx, fans: Iterable[Fan]) -> set[Fan]:
    """Those of `fans` who follow, as far as we know."""
    found = await tx.execute(_FOLLOWS, columns(sorted(set(fans)), "org acc fan"))
    return {(r[0], r[1], r[2]) for r in found}


def _key_columns(keys: Iterable[BucketKey]) -> dict[str, list[Any]]:
    return columns(keys, "org acc lim sub slot")


def _bucket(row: Sequence[Any]) -> Bucket:
    closed = Reason(row[11]) if row[11] else None
    return Bucket(BucketKey(*row[:5]), row[5], row[6], row[7], row[8], row[9], row[10], closed)


async def peek_buckets(tx: Tx, keys: set[BucketKey]) -> dict[BucketKey, Bucket]:
    """The buckets that exist, not locked."""
    return {b.key: b for b in map(_bucket, await tx.execute(_PEEK, _key_columns(keys)))}


async def lock_buckets(tx: Tx, keys: set[BucketKey]) -> dict[BucketKey, Bucket]:
    """The buckets that exist, locked in one fixed order so that no two callers deadlock."""
    if not keys:
        return {}
    return {b.key: b for b in map(_bucket, await tx.execute(_LOCK, _key_columns(keys)))}


async def open_buckets(tx: Tx, new: Sequence[Bucket]) -> bool:
    """Write buckets that did not exist, in the same order; False: somebody else was quicker with one."""
    return not new or await tx.change(_OPEN, _row_columns(new)) == len(new)


async def save_buckets(tx: Tx, changed: Sequence[Bucket]) -> None:
    """Write locked buckets back; the table's constraint is the last word."""
    if changed:
        await tx.change(_SAVE, _row_columns(changed))


def _row_columns(buckets: Iterable[Bucket]) -> dict[str, list[Any]]:
    rows = ((*key, *fields) for key, *fields in buckets)
    return columns(rows, "org acc lim sub slot win start end cap used held closed")
