"""Business tokens: which accounts should have one, and what came of it."""

# ruff: noqa: S608  statements are put together from constants of this room only
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.db import Tx

_MINE = " WHERE organization_id = :organization AND account_id = :account"
_WANT = sa.text(
    "INSERT INTO business_token (organization_id, account_id, scopes)"
    " VALUES (:organization, :account, CAST(:scopes AS text[]))"
    " ON CONFLICT (organization_id, account_id) DO UPDATE SET scopes = excluded.scopes,"
    " token = NULL, expires_at = NULL, refresh_token = NULL, refresh_expires_at = NULL,"
    " granted = '{}', refused_reason = NULL, refused_code = NULL, refreshing_until = NULL,"
    " failures = 0, version = business_token.version + 1"
)
_FIND = sa.text(
    "SELECT scopes, granted, token IS NOT NULL, expires_at, refused_reason, refused_code"
    f" FROM business_token{_MINE}"
)
_CLAIM = sa.text(
    "UPDATE business_token t SET refreshing_until = now() + :lease FROM binding b"
    " WHERE t.ctid = ANY(ARRAY(SELECT d.ctid FROM business_token d JOIN binding a"
    "  ON a.organization_id = d.organization_id AND a.account_id = d.account_id"
    "  WHERE d.refused_reason IS NULL AND a.revoked_at IS NULL"
    "  AND (d.refreshing_until IS NULL OR d.refreshing_until < now())"
    "  AND (d.expires_at IS NULL OR d.expires_at <= :before)"
    "  LIMIT :most FOR UPDATE OF d SKIP LOCKED))"
    " AND b.organization_id = t.organization_id AND b.account_id = t.account_id"
    " RETURNING t.organization_id, t.account_id, b.client_key, b.open_id,"
    " t.scopes, CASE WHEN t.refresh_expires_at > :now THEN t.refresh_token END, t.failures, t.version"
)
_OF_VERSION = f"{_MINE} AND version = :version"
_SAVE = sa.text(
    "UPDATE business_token SET token = :token, expires_at = :expires, refresh_token = :refresh,"
    " refresh_expires_at = :refresh_expires, granted = CAST(:granted AS text[]), failures = 0,"
    f" refreshing_until = NULL, version = version + 1{_OF_VERSION}"
)
_FORGET_REFRESH = sa.text(
    "UPDATE business_token SET refresh_token = NULL, refresh_expires_at = NULL,"
    f" refreshing_until = NULL{_OF_VERSION}"
)
_PAUSE = sa.text(
    "UPDATE business_token SET refreshing_until = now() + :pause, failures = failures + 1"
    f"{_OF_VERSION}"
)
_REFUSE = sa.text(
    "UPDATE business_token SET refused_reason = :reason, refused_code = :code, token = NULL,"
    f" expires_at = NULL, refresh_token = NULL, refreshing_until = NULL{_OF_VERSION}"
)
_LIVE = (
    "SELECT organization_id, account_id, token, expires_at, refresh_expires_at, granted"
    " FROM business_token"
)
_ALL_LIVE = sa.text(f"{_LIVE} WHERE token IS NOT NULL")
_MY_LIVE = sa.text(f"{_LIVE}{_MINE} AND token IS NOT NULL")
_DROP = sa.text(
    "UPDATE business_token SET token = NULL, expires_at = NULL, refresh_token = NULL,"
    f" refreshing_until = NULL, version = version + 1{_MINE}"
)


@dataclass(frozen=True, slots=True)
class BusinessRow:
    """How an account's business token stands."""

    scopes: list[str]
    granted: list[str]
    has_token: bool
    expires_at: datetime | None
    refused_reason: str | None
    refused_code: int | None


@dataclass(frozen=True, slots=True)
class LiveBusiness:
    """A business token (sealed), when it and the one that refreshes it end, and what it grants."""

    organization_id: str
    account_id: str
    token: str
    expires_at: datetime | None
    refresh_expires_at: datetime | None
    granted: list[str]


@dataclass(frozen=True, slots=True)
class BusinessDue:
    """A business token that is ours to get for the time of the lease; `refresh_token` is sealed."""

    organization_id: str
    account_id: str
    client_key: str
    open_id: str
    scopes: list[str]
    refresh_token: str | None
    failures: int
    version: int


@dataclass(frozen=True, slots=True)
class NewBusiness:
    """A sealed business token, the sealed one that refreshes it, when they end, and what they grant."""

    token: str
    expires_at: datetime | None
    refresh: str | None
    refresh_expires_at: datetime | None
    granted: Sequence[str]


async def want_business_token(
    tx: Tx, organization_id: str, account_id: str, scopes: Sequence[str]
) -> None:
    """The account should have a business token for these scopes; one that it had is dropped."""
    values = {**_mine(organization_id, account_id), "scopes": list(scopes)}
    await tx.execute(_WANT, values)


async def find_business_token(tx: Tx, organization_id: str, account_id: str) -> BusinessRow | None:
    """How it stands; None: nobody wanted one."""
    row = (await tx.execute(_FIND, _mine(organization_id, account_id))).first()
    return BusinessRow(*row) if row else None


async def claim_business_tokens(
    tx: Tx, before: datetime, lease: timedelta, most: int
) -> list[BusinessDue]:
    """Take business tokens that are missing or end before that time, of accounts that may send."""
    values = {"before": before, "now": tx.now, "lease": lease, "most": most}
    return [BusinessDue(*row) for row in await tx.execute(_CLAIM, values)]


async def save_business_token(tx: Tx, due: BusinessDue, new: NewBusiness) -> bool:
    """Keep the new one. False: another was wanted meanwhile."""
    values = {
        **_of(due),
        "token": new.token,
        "expires": new.expires_at,
        "refresh": new.refresh,
        "refresh_expires": new.refresh_expires_at,
        "granted": list(new.granted),
    }
    return await tx.change(_SAVE, values) > 0


async def forget_business_refresh(tx: Tx, due: BusinessDue) -> None:
    """It is not taken any more: the next one is issued anew."""
    await tx.execute(_FORGET_REFRESH, _of(due))


async def pause_business_token(tx: Tx, due: BusinessDue, pause: timedelta) -> None:
    """It did not work: let nobody ask again before the pause is over."""
    await tx.execute(_PAUSE, {**_of(due), "pause": pause})


async def refuse_business_token(tx: Tx, due: BusinessDue, reason: str, code: int | None) -> None:
    """The platform gives none, and asking again is useless until somebody wants one anew."""
    await tx.execute(_REFUSE, {**_of(due), "reason": reason, "code": code})


async def drop_business_token(tx: Tx, organization_id: str, account_id: str) -> None:
    """It is dead. Another one is issued while the account is authorised."""
    await tx.execute(_DROP, _mine(organization_id, account_id))


async def all_business_tokens(tx: Tx) -> list[LiveBusiness]:
    """Every business token of every organisation."""
    return [LiveBusiness(*row) for row in await tx.execute(_ALL_LIVE)]


async def live_business_token(tx: Tx, organization_id: str, account_id: str) -> LiveBusiness | None:
    """The account's business token, if there is one."""
    row = (await tx.execute(_MY_LIVE, _mine(organization_id, account_id))).first()
    return LiveBusiness(*row) if row else None


def _mine(organization_id: str, account_id: str) -> dict[str, object]:
    return {"organization": organization_id, "account": account_id}


def _of(due: BusinessDue) -> dict[str, object]:
    return {**_mine(due.organization_id, due.account_id), "version": due.version}
