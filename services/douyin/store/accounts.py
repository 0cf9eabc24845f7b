"""Apps and bindings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from services.douyin.domain.accounts import ClientKeyTaken, OpenIdTaken, UnknownApp
from services.douyin.store.tables import app, binding
from shared.db import Conflict, Tx

_PUT_APP = sa.text(
    "INSERT INTO app (organization_id, client_key, secrets, max_event_age_hours)"
    " VALUES (:organization, :client_key, CAST(:secrets AS text[]), :hours)"
    " ON CONFLICT (organization_id, client_key) DO UPDATE SET secrets = excluded.secrets,"
    " max_event_age_hours = excluded.max_event_age_hours, updated_at = now()"
)
_PUT_BINDING = sa.text(
    "INSERT INTO binding (organization_id, account_id, client_key, open_id, access_token,"
    " access_token_expires_at, refresh_token, refresh_token_expires_at)"
    " VALUES (:organization, :account, :client_key, :open_id, :access, :access_expires, :refresh,"
    " :refresh_expires)"
    " ON CONFLICT (organization_id, account_id) DO UPDATE SET client_key = excluded.client_key,"
    " open_id = excluded.open_id, access_token = excluded.access_token,"
    " access_token_expires_at = excluded.access_token_expires_at,"
    " refresh_token = excluded.refresh_token,"
    " refresh_token_expires_at = excluded.refresh_token_expires_at, revoked_at = NULL,"
    " token_version = binding.token_version + 1, refused_version = NULL, refreshing_until = NULL,"
    " updated_at = now()"
)
_REFUSED = sa.text(
    "UPDATE binding SET refused_version = token_version WHERE organization_id = :organization"
    " AND account_id = :account AND token_version = :version"
)
# whoever gets the row talks to the platform; the lease outlives the call, so nobody else does
_CLAIM_REFRESH = sa.text(
    "UPDATE binding SET refreshing_until = now() + :lease WHERE ctid = ANY(ARRAY("
    " SELECT ctid FROM binding WHERE refresh_token IS NOT NULL"
    " AND revoked_at IS NULL AND (refreshing_until IS NULL OR refreshing_until < now())"
    " AND (refused_version = token_version OR access_token_expires_at <= :before)"
    " AND (refresh_token_expires_at IS NULL OR refresh_token_expires_at > :now)"
    " LIMIT 20 FOR UPDATE SKIP LOCKED))"
    " RETURNING organization_id, account_id, client_key, refresh_token, token_version"
)
_REFRESHED = sa.text(
    "UPDATE binding SET access_token = :access, access_token_expires_at = :access_expires,"
    " refresh_token = coalesce(:refresh, refresh_token),"
    " refresh_token_expires_at = coalesce(:refresh_expires, refresh_token_expires_at),"
    " token_version = token_version + 1, refused_version = NULL, refreshing_until = NULL,"
    " updated_at = now() WHERE organization_id = :organization AND account_id = :account"
    " AND token_version = :version"
)
_REVOKED = sa.text(
    "UPDATE binding SET revoked_at = :now, refreshing_until = NULL, updated_at = now()"
    " WHERE organization_id = :organization AND account_id = :account AND token_version = :version"
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


@dataclass(frozen=True, slots=True)
class AppRow:
    """A Douyin app; secrets and token are sealed."""

    organization_id: str
    client_key: str
    secrets: list[str]
    max_event_age_hours: int | None
    client_token: str | None
    client_token_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class BindingRow:
    """An account under an app; the tokens are sealed."""

    organization_id: str
    account_id: str
    client_key: str
    open_id: str
    access_token: str | None
    access_token_expires_at: datetime | None
    refresh_token: str | None
    refresh_token_expires_at: datetime | None
    revoked_at: datetime | None
    token_version: int
    refused_version: int | None


@dataclass(frozen=True, slots=True)
class RefreshDue:
    """A binding whose refresh is ours for the time of the lease."""

    organization_id: str
    account_id: str
    client_key: str
    refresh_token: str
    token_version: int


@dataclass(frozen=True, slots=True)
class NewTokens:
    """Sealed tokens and when they end."""

    access: str
    access_expires_at: datetime | None
    refresh: str | None
    refresh_expires_at: datetime | None


_APP = sa.select(*(app.c[name] for name in AppRow.__slots__))
_BINDING = sa.select(*(binding.c[name] for name in BindingRow.__slots__))


async def put_app(
    tx: Tx, organization_id: str, client_key: str, secrets: Sequence[str], max_age_hours: int | None
) -> None:
    """Create or replace an app. Raises ClientKeyTaken."""
    values = {"organization": organization_id, "client_key": client_key, "hours": max_age_hours}
    try:
        await tx.execute(_PUT_APP, {**values, "secrets": list(secrets)})
    except Conflict as error:
        raise ClientKeyTaken(pointer="#/client_key") from error


async def find_app(tx: Tx, organization_id: str, client_key: str) -> AppRow | None:
    """The app, if it is this organisation's."""
    mine = (app.c.organization_id == organization_id) & (app.c.client_key == client_key)
    row = (await tx.execute(_APP.where(mine))).first()
    return AppRow(*row) if row else None


async def put_binding(
    tx: Tx,
    organization_id: str,
    account_id: str,
    identity: tuple[str, str],
    tokens: NewTokens | None,
) -> None:
    """Bind the account to (client key, open_id). Raises OpenIdTaken, UnknownApp."""
    values = {
        "organization": organization_id,
        "account": account_id,
        "client_key": identity[0],
        "open_id": identity[1],
        "access": tokens.access if tokens else None,
        "access_expires": tokens.access_expires_at if tokens else None,
        "refresh": tokens.refresh if tokens else None,
        "refresh_expires": tokens.refresh_expires_at if tokens else None,
    }
    try:
        await tx.execute(_PUT_BINDING, values)
    except Conflict as error:
        if error.constraint == "fk_binding_app":
            raise UnknownApp(pointer="#/client_key") from error
        raise OpenIdTaken(pointer="#/open_id") from error


async def find_binding(tx: Tx, organization_id: str, account_id: str) -> BindingRow | None:
    """The account's binding."""
    mine = (binding.c.organization_id == organization_id) & (binding.c.account_id == account_id)
    row = (await tx.execute(_BINDING.where(mine))).first()
    return BindingRow(*row) if row else None


async def all_apps(tx: Tx) -> list[AppRow]:
    """Every app of every organisation."""
    return [AppRow(*row) for row in await tx.execute(_APP)]


async def all_bindings(tx: Tx) -> list[BindingRow]:
    """Every binding of every organisation."""
    return [BindingRow(*row) for row in await tx.execute(_BINDING)]


async def mark_refused(tx: Tx, organization_id: str, account_id: str, version: int) -> None:
    """The platform refused this version of the token: it is to be refreshed."""
    mine = {"organization": organization_id, "account": account_id, "version": version}
    await tx.execute(_REFUSED, mine)


async def claim_refreshes(tx: Tx, ahead: timedelta, lease: timedelta) -> list[RefreshDue]:
    """Take tokens that were refused or end soon; until the lease ends nobody else gets them."""
    due = {"before": tx.now + ahead, "now": tx.now, "lease": lease}
    return [RefreshDue(*row) for row in await tx.execute(_CLAIM_REFRESH, due)]


async def save_refreshed(tx: Tx, due: RefreshDue, tokens: NewTokens) -> bool:
    """Put the new tokens in. False when the binding changed meanwhile."""
    values = {
        "organization": due.organization_id,
        "account": due.account_id,
        "version": due.token_version,
        "access": tokens.access,
        "access_expires": tokens.access_expires_at,
        "refresh": tokens.refresh,
        "refresh_expires": tokens.refresh_expires_at,
    }
    return await tx.change(_REFRESHED, values) > 0


async def revoke(tx: Tx, due: RefreshDue) -> None:
    """The owner must authorise again."""
    mine = {"organization": due.organization_id, "account": due.account_id}
    await tx.execute(_REVOKED, {**mine, "version": due.token_version, "now": tx.now})


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
