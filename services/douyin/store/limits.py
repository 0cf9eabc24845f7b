"""Calls of Douyin apps: how many of a day are taken, and when the next may leave."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from shared.db import Tx

_LIMITS = sa.text(
    "SELECT calls_per_second, (SELECT min(CAST(k.policy->>:key AS integer)) FROM binding b"
    "  JOIN known_account k ON k.organization_id = b.organization_id AND k.account_id = b.account_id"
    "  WHERE b.organization_id = app.organization_id AND b.client_key = app.client_key)"
    " FROM app WHERE organization_id = :organization AND client_key = :client_key"
)
_OPEN = sa.text(
    "INSERT INTO call_day (organization_id, client_key, calls, day)"
    " VALUES (:organization, :client_key, :calls, :day) ON CONFLICT DO NOTHING"
)
_OF_DAY = (
    " WHERE organization_id = :organization AND client_key = :client_key AND calls = :calls"
    " AND day = :day"
)
_READ = sa.text(f"SELECT taken, closed_at FROM call_day{_OF_DAY}")  # noqa: S608  a constant
_LOCK = sa.text(f"SELECT taken, closed_at FROM call_day{_OF_DAY} FOR UPDATE")  # noqa: S608
_TAKE = sa.text(f"UPDATE call_day SET taken = taken + :count{_OF_DAY}")  # noqa: S608
_CLOSE = sa.text(f"UPDATE call_day SET closed_at = coalesce(closed_at, :now){_OF_DAY}")  # noqa: S608
# the calls of a block leave one after the other from the time at which those before it have left
_PACE = sa.text(
    "INSERT INTO call_pace (organization_id, client_key, free_at)"
    " VALUES (:organization, :client_key, clock_timestamp() + :lasts) ON CONFLICT"
    " (organization_id, client_key) DO UPDATE SET"
    " free_at = greatest(call_pace.free_at, clock_timestamp()) + :lasts"
    " RETURNING extract(epoch FROM free_at - :lasts - clock_timestamp())"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Whose calls of which day."""

    organization_id: str
    client_key: str
    calls: str
    day: date

    def values(self) -> dict[str, object]:
        """The values of a statement."""
        return {
            "organization": self.organization_id,
            "client_key": self.client_key,
            "calls": self.calls,
            "day": self.day,
        }


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for an app: a second, and a day as the strictest policy of its accounts says."""

    per_second: int | None
    per_day: int | None


@dataclass(frozen=True, slots=True)
class Used:
    """How a day stands. `closed_at`: when the platform said that it is used up."""

    taken: int
    closed_at: datetime | None


async def limits_of(tx: Tx, organization_id: str, client_key: str, policy_key: str) -> Limits:
    """The limits of an app."""
    values = {"organization": organization_id, "client_key": client_key, "key": policy_key}
    row = (await tx.execute(_LIMITS, values)).first()
    return Limits(*row) if row else Limits(None, None)


async def read_day(tx: Tx, kept: Kept) -> Used:
    """How the day stands."""
    row = (await tx.execute(_READ, kept.values())).first()
    return Used(*row) if row else Used(0, None)


async def lock_day(tx: Tx, kept: Kept) -> Used:
    """The same, and nobody else takes of it until the transaction ends."""
    await tx.execute(_OPEN, kept.values())
    return Used(*(await tx.execute(_LOCK, kept.values())).one())


async def take(tx: Tx, kept: Kept, count: int) -> None:
    """Take calls of a day that is locked, or give them back (a negative count)."""
    await tx.execute(_TAKE, {**kept.values(), "count": count})


async def close_day(tx: Tx, kept: Kept) -> None:
    """The platform says that the day is used up."""
    await tx.execute(_OPEN, kept.values())
    await tx.execute(_CLOSE, {**kept.values(), "now": tx.now})


async def pace(tx: Tx, organization_id: str, client_key: str, lasts: object) -> float:
    """Reserve the next stretch of time, an interval long; in how many seconds it begins."""
    values = {"organization": organization_id, "client_key": client_key, "lasts": lasts}
    return float((await tx.execute(_PACE, values)).one()[0])
