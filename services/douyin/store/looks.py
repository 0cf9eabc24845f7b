"""What we look up by ourselves: subscriptions of apps, and whether fans follow."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shared.db import Tx

_SUBSCRIPTION = (
    "organization_id, client_key, events_off, is_silent, last_event_at, error, checked_at"
)
_FIND = sa.text(
    f"SELECT {_SUBSCRIPTION} FROM subscription"  # noqa: S608  own columns
    " WHERE organization_id = :organization AND client_key = :client_key"
)
_SAVE = sa.text(
    f"INSERT INTO subscription ({_SUBSCRIPTION}) VALUES (:organization_id, :client_key,"  # noqa: S608  own columns
    " CAST(:events_off AS text[]), :is_silent, :last_event_at, :error, :checked_at)"
    " ON CONFLICT (organization_id, client_key) DO UPDATE SET events_off = excluded.events_off,"
    " is_silent = excluded.is_silent, last_event_at = excluded.last_event_at,"
    " error = excluded.error, checked_at = excluded.checked_at"
)
# ids are in the order of time: the last of each account is found by the index
_LAST = sa.text(
    "SELECT max(i.received_at) FROM binding b CROSS JOIN LATERAL (SELECT received_at FROM inbound i"
    " WHERE i.organization_id = b.organization_id AND i.account_id = b.account_id"
    " ORDER BY i.id DESC LIMIT 1) i"
    " WHERE b.organization_id = :organization AND b.client_key = :client_key"
)
# one that never heard anything is silent since it was allowed to; who withdrew is no subscription
_SILENCES = sa.text(
    "SELECT extract(epoch FROM CAST(:now AS timestamptz) - max(coalesce(i.received_at, b.authorised_at)))"
    " FROM binding b LEFT JOIN LATERAL (SELECT received_at FROM inbound i"
    " WHERE i.organization_id = b.organization_id AND i.account_id = b.account_id"
    " ORDER BY i.id DESC LIMIT 1) i ON true WHERE b.revoked_at IS NULL"
    " GROUP BY b.organization_id, b.client_key"
    " HAVING max(coalesce(i.received_at, b.authorised_at)) IS NOT NULL ORDER BY 1 DESC LIMIT :most"
)
_CHECK = "organization_id, account_id, open_id, follows, followed_at, checked_at"
_FIND_CHECK = sa.text(
    f"SELECT {_CHECK} FROM follow_check WHERE organization_id = :organization"  # noqa: S608  own columns
    " AND account_id = :account AND open_id = :open_id"
)
_KEEP_CHECK = sa.text(
    f"INSERT INTO follow_check ({_CHECK}) VALUES (:organization_id, :account_id, :open_id,"  # noqa: S608  own columns
    " :follows, :followed_at, :checked_at)"
    " ON CONFLICT (organization_id, account_id, open_id) DO UPDATE SET follows = excluded.follows,"
    " followed_at = excluded.followed_at, checked_at = excluded.checked_at, asked_at = now()"
)
_COUNT = sa.text(
    "SELECT count(*) FROM follow_check WHERE organization_id = :organization"
    " AND account_id = :account AND asked_at > now() - interval '1 minute'"
)


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """An app's webhooks as the last look found them."""

    organization_id: str
    client_key: str
    events_off: list[str]
    is_silent: bool
    last_event_at: datetime | None
    error: str | None
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class FollowCheck:
    """What the platform said about a fan, and when."""

    organization_id: str
    account_id: str
    open_id: str
    follows: bool
    followed_at: datetime | None
    checked_at: datetime


async def find_subscription(
    tx: Tx, organization_id: str, client_key: str
) -> SubscriptionRow | None:
    """What the last look found."""
    asked = {"organization": organization_id, "client_key": client_key}
    row = (await tx.execute(_FIND, asked)).first()
    return SubscriptionRow(*row) if row else None


async def save_subscription(tx: Tx, row: SubscriptionRow) -> None:
    """Keep what a look found."""
    await tx.execute(_SAVE, {name: getattr(row, name) for name in SubscriptionRow.__slots__})


async def last_event_at(tx: Tx, organization_id: str, client_key: str) -> datetime | None:
    """When anything came in for an account that is bound to the app."""
    asked = {"organization": organization_id, "client_key": client_key}
    found: datetime | None = (await tx.execute(_LAST, asked)).scalar()
    return found


async def longest_silences(tx: Tx, most: int) -> list[float]:
    """Seconds since anything came in, of the apps that are silent for longest, longest first."""
    rows = await tx.execute(_SILENCES, {"now": tx.now, "most": most})
    return [max(float(seconds), 0.0) for (seconds,) in rows]


async def find_follow_check(tx: Tx, tenant: tuple[str, str], open_id: str) -> FollowCheck | None:
    """The last answer about the fan of (organization, account)."""
    asked = {"organization": tenant[0], "account": tenant[1], "open_id": open_id}
    row = (await tx.execute(_FIND_CHECK, asked)).first()
    return FollowCheck(*row) if row else None


async def count_follow_checks(tx: Tx, tenant: tuple[str, str]) -> int:
    """How many questions (organization, account) asked in the last minute."""
    asked = {"organization": tenant[0], "account": tenant[1]}
    return int((await tx.execute(_COUNT, asked)).scalar() or 0)


async def keep_follow_check(tx: Tx, check: FollowCheck) -> None:
    """Remember an answer."""
    await tx.execute(_KEEP_CHECK, {name: getattr(check, name) for name in FollowCheck.__slots__})
