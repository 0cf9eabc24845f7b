"""Apps and bindings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
import sqlalchemy as sa

from services.douyin.domain.accounts import ClientKeyTaken, OpenIdTaken, UnknownApp
from services.douyin.store.tables import app, binding, known_account
from shared.db import Conflict, Tx

_PUT_APP = sa.text(
    "INSERT INTO app (organization_id, client_key, secrets, max_event_age_hours, calls_per_second)"
    " VALUES (:organization, :client_key, CAST(:secrets AS text[]), :hours, :per_second)"
    " ON CONFLICT (organization_id, client_key) DO UPDATE SET secrets = excluded.secrets,"
    " max_event_age_hours = excluded.max_event_age_hours,"
    " calls_per_second = excluded.calls_per_second, updated_at = now()"
)
_PUT_BINDING = sa.text(
    "INSERT INTO binding (organization_id, account_id, client_key, open_id, access_token,"
    " access_token_expires_at, refresh_token, refresh_token_expires_at, scopes, authorised_at)"
    " VALUES (:organization, :account, :client_key, :open_id, :access, :access_expires, :refresh,"
    " :refresh_expires, CAST(:scopes AS text[]), :authorised_at)"
    " ON CONFLICT (organization_id, account_id) DO UPDATE SET client_key = excluded.client_key,"
    " open_id = excluded.open_id, access_token = excluded.access_token,"
    " access_token_expires_at = excluded.access_token_expires_at,"
    " refresh_token = excluded.refresh_token,"
    " refresh_token_expires_at = excluded.refresh_token_expires_at, scopes = excluded.scopes,"
    " authorised_at = excluded.authorised_at, renewals = 0, revoked_at = NULL, revoked_reason = NULL,"
    " needed_reason = NULL, needed_since = NULL, usable_until = NULL, told = binding.told + 1,"
    " token_version = binding.token_version + 1, refused_version = NULL, refreshing_until = NULL,"
    " refresh_failures = 0, updated_at = now()"
)
_LEARN_ACCOUNT = sa.text(
    "INSERT INTO known_account (organization_id, account_id, policy_version, policy)"
    " VALUES (:organization, :account, :version, CAST(:policy AS jsonb))"
    " ON CONFLICT (organization_id, account_id) DO UPDATE SET"
    " policy_version = excluded.policy_version, policy = excluded.policy"
    " WHERE known_account.policy_version < excluded.policy_version"
)


@dataclass(frozen=True, slots=True)
class AppRow:
    """A Douyin app; secrets and token are sealed."""

    organization_id: str
    client_key: str
    secrets: list[str]
    max_event_age_hours: int | None
    calls_per_second: int | None
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
    scopes: list[str]
    authorised_at: datetime | None
    revoked_at: datetime | None
    revoked_reason: str | None
    needed_reason: str | None
    needed_since: datetime | None
    usable_until: datetime | None
    told: int
    token_version: int
    refused_version: int | None


@dataclass(frozen=True, slots=True)
class NewTokens:
    """Sealed tokens and when they end."""

    access: str
    access_expires_at: datetime | None
    refresh: str | None
    refresh_expires_at: datetime | None
    scopes: tuple[str, ...] = ()


_APP = sa.select(*(app.c[name] for name in AppRow.__slots__))
_BINDING = sa.select(*(binding.c[name] for name in BindingRow.__slots__))


async def put_app(
    tx: Tx,
    organization_id: str,
    client_key: str,
    secrets: Sequence[str],
    settings: tuple[int | None, int | None],
) -> None:
    """Create or replace an app; `settings`: the maximum age in hours, calls per second.

    Raises ClientKeyTaken.
    """
    hours, per_second = settings
    values = {"organization": organization_id, "client_key": client_key, "hours": hours}
    values["per_second"] = per_second
    try:
        await tx.execute(_PUT_APP, {**values, "secrets": list(secrets)})
    except Conflict as error:
        raise ClientKeyTaken(pointer="#/client_key") from error


async def find_app(
    tx: Tx, organization_id: str, client_key: str, *, lock: bool = False
) -> AppRow | None:
    """The app, if it is this organisation's."""
    mine = (app.c.organization_id == organization_id) & (app.c.client_key == client_key)
    found = _APP.where(mine)
    row = (await tx.execute(found.with_for_update() if lock else found)).first()
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
        "scopes": list(tokens.scopes) if tokens else [],
        "authorised_at": tx.now if tokens else None,
    }
    try:
        await tx.execute(_PUT_BINDING, values)
    except Conflict as error:
        if error.constraint == "fk_binding_app":
            raise UnknownApp(pointer="#/client_key") from error
        raise OpenIdTaken(pointer="#/open_id") from error


async def find_binding(
    tx: Tx, organization_id: str, account_id: str, *, lock: bool = False
) -> BindingRow | None:
    """The account's binding."""
    mine = (binding.c.organization_id == organization_id) & (binding.c.account_id == account_id)
    found = _BINDING.where(mine)
    row = (await tx.execute(found.with_for_update() if lock else found)).first()
    return BindingRow(*row) if row else None


async def all_apps(tx: Tx) -> list[AppRow]:
    """Every app of every organisation."""
    return [AppRow(*row) for row in await tx.execute(_APP)]


async def all_bindings(tx: Tx) -> list[BindingRow]:
    """Every binding of every organisation."""
    return [BindingRow(*row) for row in await tx.execute(_BINDING)]


async def learn_account(
    tx: Tx, tenant: tuple[str, str], version: int, policy: Mapping[str, object]
) -> None:
    """The account of (organization, account) exists, and this is its policy; an older one is dropped."""
    values = {"organization": tenant[0], "account": tenant[1], "version": version}
    await tx.execute(_LEARN_ACCOUNT, {**values, "policy": orjson.dumps(policy).decode()})


async def knows_account(tx: Tx, organization_id: str, account_id: str) -> bool:
    """Whether the organisation has such an account."""
    mine = known_account.c.organization_id == organization_id
    query = sa.select(sa.true()).where(mine, known_account.c.account_id == account_id)
    return (await tx.execute(query)).first() is not None
