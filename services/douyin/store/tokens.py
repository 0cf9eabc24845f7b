"""Tokens that end: who may replace them, one process at a time, and what came of it."""

# ruff: noqa: S608  statements are put together from constants of this room only
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from services.douyin.store.accounts import NewTokens
from shared.db import Tx

_REFUSED = sa.text(
    "UPDATE binding SET refused_version = token_version WHERE organization_id = :organization"
    " AND account_id = :account AND token_version = :version"
)
# whoever gets the row talks to the platform; the lease outlives the calls, so nobody else does
_CLAIM = sa.text(
    "UPDATE binding b SET refreshing_until = now() + :lease WHERE b.ctid = ANY(ARRAY("
    " SELECT ctid FROM binding WHERE refresh_token IS NOT NULL AND revoked_at IS NULL"
    " AND (refreshing_until IS NULL OR refreshing_until < now())"
    " AND (refresh_token_expires_at IS NULL OR refresh_token_expires_at > :now)"
    " AND (refused_version = token_version OR access_token_expires_at <= :refresh_before"
    "  OR (refresh_token_expires_at <= :renew_before AND needed_reason IS NULL))"
    " LIMIT :most FOR UPDATE SKIP LOCKED))"
    " RETURNING b.organization_id, b.account_id, b.client_key, b.open_id, b.refresh_token,"
    " b.refresh_token_expires_at, b.token_version, b.renewals, b.refresh_failures,"
    " b.needed_reason IS NOT NULL,"
    " CASE WHEN b.refused_version = b.token_version THEN :now ELSE b.access_token_expires_at END,"
    " (SELECT CAST(policy->>'oauth.renew_max' AS integer) FROM known_account k"
    "  WHERE k.organization_id = b.organization_id AND k.account_id = b.account_id)"
)
_MINE = " WHERE organization_id = :organization AND account_id = :account"
_REFRESHED = sa.text(
    "UPDATE binding SET access_token = :access, access_token_expires_at = :access_expires,"
    " refresh_token = coalesce(:refresh, refresh_token),"
    " refresh_token_expires_at = coalesce(:refresh_expires, refresh_token_expires_at),"
    " token_version = token_version + 1, refused_version = NULL, refresh_failures = 0,"
    " refreshing_until = CASE WHEN :goes_on THEN refreshing_until END, updated_at = now()"
    f"{_MINE} AND token_version = :version AND revoked_at IS NULL"
    " RETURNING refresh_token, refresh_token_expires_at, access_token_expires_at"
)
_RENEWED = sa.text(
    "UPDATE binding SET refresh_token = :renewed, refresh_token_expires_at = :expires,"
    " renewals = renewals + 1, refresh_failures = 0, refreshing_until = NULL, updated_at = now()"
    f"{_MINE} AND refresh_token = :refresh AND revoked_at IS NULL"
)
_PAUSE = sa.text(
    "UPDATE binding SET refreshing_until = now() + :pause,"
    f" refresh_failures = refresh_failures + 1{_MINE} AND refresh_token = :refresh"
)
_RELEASE = sa.text(
    f"UPDATE binding SET refreshing_until = NULL{_MINE} AND refresh_token = :refresh"
)
_DROP = sa.text(
    "UPDATE binding SET refresh_token = NULL, refresh_token_expires_at = NULL,"
    " refreshing_until = NULL, updated_at = now()"
    f"{_MINE} AND refresh_token = :refresh"
)
_CLAIM_CLIENT_TOKEN = sa.text(
    "UPDATE app SET refreshing_until = now() + :lease WHERE client_key = :client_key"
    " AND (refreshing_until IS NULL OR refreshing_until < now())"
    " AND (client_token_expires_at IS NULL OR client_token_expires_at <= :before)"
    " RETURNING organization_id"
)
_CLIENT_TOKEN = sa.text(
    "UPDATE app SET client_token = :token, client_token_expires_at = :expires,"
    " refreshing_until = NULL WHERE client_key = :client_key"
)
_RELEASE_CLIENT_TOKEN = sa.text(
    "UPDATE app SET refreshing_until = now() + :pause WHERE client_key = :client_key"
)
_DROP_CLIENT_TOKEN = sa.text(
    "UPDATE app SET client_token = NULL, client_token_expires_at = NULL"
    " WHERE client_key = :client_key"
)


@dataclass(frozen=True, slots=True)
class RefreshDue:
    """A binding whose tokens are ours to replace for the time of the lease. The token is sealed."""

    organization_id: str
    account_id: str
    client_key: str
    open_id: str
    refresh_token: str
    refresh_token_expires_at: datetime | None
    token_version: int
    renewals: int
    failures: int
    is_needed: bool  # the owner was asked already: a renewal would be refused
    usable_until: datetime | None  # the end of the access token
    renew_max: int | None  # of the account's policy


@dataclass(frozen=True, slots=True)
class Horizons:
    """When a token is near its end: access tokens and refresh tokens that end before these times."""

    refresh: datetime
    renew: datetime


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The binding's tokens after a refresh; the token is sealed."""

    refresh_token: str
    refresh_token_expires_at: datetime | None
    access_token_expires_at: datetime | None


async def mark_refused(tx: Tx, organization_id: str, account_id: str, version: int) -> None:
    """The platform refused this version of the token: it is to be refreshed."""
    mine = {"organization": organization_id, "account": account_id, "version": version}
    await tx.execute(_REFUSED, mine)


async def claim_refreshes(
    tx: Tx, before: Horizons, lease: timedelta, most: int
) -> list[RefreshDue]:
    """Take bindings whose tokens were refused or end soon; until the lease ends nobody else gets them."""
    due = {"refresh_before": before.refresh, "renew_before": before.renew}
    rows = await tx.execute(_CLAIM, {**due, "now": tx.now, "lease": lease, "most": most})
    return [RefreshDue(*row) for row in rows]


async def save_refreshed(
    tx: Tx, due: RefreshDue, tokens: NewTokens, *, goes_on: bool
) -> Refreshed | None:
    """Put the new tokens in, and keep the lease if it `goes_on`. None: the binding changed meanwhile."""
    values = {
        "organization": due.organization_id,
        "account": due.account_id,
        "version": due.token_version,
        "access": tokens.access,
        "access_expires": tokens.access_expires_at,
        "refresh": tokens.refresh,
        "refresh_expires": tokens.refresh_expires_at,
        "goes_on": goes_on,
    }
    row = (await tx.execute(_REFRESHED, values)).first()
    return Refreshed(*row) if row else None


async def save_renewed(
    tx: Tx, due: RefreshDue, refresh_token: str, renewed: tuple[str, datetime | None]
) -> bool:
    """Put a new refresh token (sealed, and when it ends) in the place of that one. False: it is gone."""
    values = {**_place(due, refresh_token), "renewed": renewed[0], "expires": renewed[1]}
    return await tx.change(_RENEWED, values) > 0


async def pause_refresh(tx: Tx, due: RefreshDue, refresh_token: str, pause: timedelta) -> None:
    """It did not work: let nobody ask again before the pause is over."""
    await tx.execute(_PAUSE, {**_place(due, refresh_token), "pause": pause})


async def release_refresh(tx: Tx, due: RefreshDue, refresh_token: str) -> None:
    """Nothing more is to be asked: end the lease."""
    await tx.execute(_RELEASE, _place(due, refresh_token))


async def drop_refresh_token(tx: Tx, due: RefreshDue, refresh_token: str) -> bool:
    """The platform does not take it any more. False: it is another one by now."""
    return await tx.change(_DROP, _place(due, refresh_token)) > 0


async def claim_client_token(
    tx: Tx, client_key: str, ahead: timedelta, lease: timedelta
) -> str | None:
    """The app's organisation, if its client token ends soon and its renewal is now ours."""
    values = {"client_key": client_key, "before": tx.now + ahead, "lease": lease}
    found: str | None = (await tx.execute(_CLAIM_CLIENT_TOKEN, values)).scalar()
    return found


async def save_client_token(tx: Tx, client_key: str, sealed: str, expires_at: datetime) -> None:
    """Keep the new client token."""
    await tx.execute(
        _CLIENT_TOKEN, {"client_key": client_key, "token": sealed, "expires": expires_at}
    )


async def release_client_token(tx: Tx, client_key: str, pause: timedelta) -> None:
    """There is none: whoever needs one may ask for it after the pause."""
    await tx.execute(_RELEASE_CLIENT_TOKEN, {"client_key": client_key, "pause": pause})


async def drop_client_token(tx: Tx, client_key: str) -> None:
    """The platform does not take it any more."""
    await tx.execute(_DROP_CLIENT_TOKEN, {"client_key": client_key})


def _place(due: RefreshDue, refresh_token: str) -> dict[str, object]:
    return {
        "organization": due.organization_id,
        "account": due.account_id,
        "refresh": refresh_token,
    }
