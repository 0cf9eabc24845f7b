"""Configuration: Douyin apps and the binding of accounts. Secrets go in and never come out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.douyin import store
from services.douyin.actions.directory import Directory, authorisation, secret_owner, token_owner
from services.douyin.domain.accounts import AccountState, DemoSecret, UnknownApp, account_state
from shared.db import Database
from shared.errors import NotFound
from shared.sealing import Sealer

log = structlog.get_logger()

_DEMO_SECRET = "0123456789abcdef0123456789abcdef"  # published with the test vectors


@dataclass(frozen=True, slots=True)
class Deps:
    """What configuring needs."""

    database: Database
    sealer: Sealer
    directory: Directory
    is_embedded: bool


@dataclass(frozen=True, slots=True)
class AppView:
    """A Douyin app as people may see it."""

    client_key: str
    active_secrets: int
    max_event_age_hours: int | None


@dataclass(frozen=True, slots=True)
class BindingView:
    """A binding as people may see it."""

    account_id: str
    client_key: str
    open_id: str
    state: AccountState
    access_token_expires_at: datetime | None
    refresh_token_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Tokens:
    """Open tokens of an account; an expiry of None is not known."""

    access: str
    access_expires_at: datetime | None
    refresh: str | None
    refresh_expires_at: datetime | None


async def put_app(
    deps: Deps, organization_id: str, client_key: str, secrets: list[str], max_age: timedelta | None
) -> AppView:
    """Create or replace a Douyin app. Raises ClientKeyTaken, DemoSecret."""
    if _DEMO_SECRET in secrets and not deps.is_embedded:
        raise DemoSecret(pointer="#/client_secrets")
    owner = secret_owner(organization_id, client_key)
    sealed = [deps.sealer.seal_secret(owner, secret) for secret in secrets]
    hours = None if max_age is None else int(max_age.total_seconds() // 3600)
    async with deps.database.transaction(organization_id) as tx:
        await store.put_app(tx, organization_id, client_key, sealed, hours)
    deps.directory.forget()
    log.info("douyin_app_configured", organization=organization_id, secrets=len(secrets))
    return AppView(client_key, len(secrets), hours)


async def get_app(deps: Deps, organization_id: str, client_key: str) -> AppView:
    """The app without its secrets. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        row = await store.find_app(tx, organization_id, client_key)
    if row is None:
        raise NotFound
    return AppView(row.client_key, len(row.secrets), row.max_event_age_hours)


async def put_binding(
    deps: Deps,
    organization_id: str,
    account_id: str,
    identity: tuple[str, str],
    tokens: Tokens | None,
) -> BindingView:
    """Bind the account to (client key, open_id) with these tokens. Raises OpenIdTaken, UnknownApp."""
    sealed = None
    if tokens is not None:
        sealed = seal_tokens(deps.sealer, organization_id, account_id, tokens)
    async with deps.database.transaction(organization_id) as tx:
        # asked first: whether a foreign app has such an account is nobody's business
        if await store.find_app(tx, organization_id, identity[0]) is None:
            raise UnknownApp(pointer="#/client_key")
        await store.put_binding(tx, organization_id, account_id, identity, sealed)
        row = await store.find_binding(tx, organization_id, account_id)
        now = tx.now
    deps.directory.forget()
    if row is None:
        raise NotFound
    log.info("account_bound", organization=organization_id, account=account_id)
    return _view(row, now)


async def get_binding(deps: Deps, organization_id: str, account_id: str) -> BindingView:
    """The binding and its state, without tokens. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        row = await store.find_binding(tx, organization_id, account_id)
        now = tx.now
    if row is None:
        raise NotFound
    return _view(row, now)


def seal_tokens(
    sealer: Sealer, organization_id: str, account_id: str, tokens: Tokens
) -> store.NewTokens:
    """The tokens as they are stored."""
    access = token_owner(organization_id, "access_token", account_id)
    refresh = token_owner(organization_id, "refresh_token", account_id)
    return store.NewTokens(
        sealer.seal_secret(access, tokens.access),
        tokens.access_expires_at,
        sealer.seal_secret(refresh, tokens.refresh) if tokens.refresh else None,
        tokens.refresh_expires_at,
    )


def _view(row: store.BindingRow, now: datetime) -> BindingView:
    return BindingView(
        row.account_id,
        row.client_key,
        row.open_id,
        account_state(authorisation(row), now),
        row.access_token_expires_at,
        row.refresh_token_expires_at,
    )
