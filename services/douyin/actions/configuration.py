"""Configuration: Douyin apps and the binding of accounts. Secrets go in and never come out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import structlog

from services.douyin import store
from services.douyin.actions.authorisations import tell_authorised
from services.douyin.actions.directory import Directory, authorisation, secret_owner, token_owner
from services.douyin.domain.accounts import AccountState, DemoSecret, UnknownApp, account_state
from services.douyin.domain.tokens import Granted
from shared.db import Database
from shared.errors import NotFound
from shared.http.versions import UNCONDITIONAL, Precondition, tag_of
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
    calls_per_second: int | None
    tag: str  # the version, for If-Match


@dataclass(frozen=True, slots=True)
class Needed:
    """Why the owner has to authorise again, since when that is known, and until when messages go."""

    reason: str
    since: datetime
    usable_until: datetime


@dataclass(frozen=True, slots=True)
class BindingView:
    """A binding as people may see it."""

    account_id: str
    client_key: str
    open_id: str
    state: AccountState
    access_token_expires_at: datetime | None
    refresh_token_expires_at: datetime | None
    scopes: list[str]
    authorised_at: datetime | None
    revoked_reason: str | None
    needed: Needed | None
    tag: str  # the version, for If-Match


@dataclass(frozen=True, slots=True)
class Tokens:
    """Open tokens of an account; an expiry of None is not known."""

    access: str
    access_expires_at: datetime | None
    refresh: str | None
    refresh_expires_at: datetime | None
    scopes: tuple[str, ...] = ()

    @classmethod
    def granted(cls, new: Granted, now: datetime) -> Self:
        """Tokens that the platform granted at `now`."""
        return cls(
            new.access,
            ends_at(now, new.expires_in),
            new.refresh,
            ends_at(now, new.refresh_expires_in) if new.refresh else None,
            new.scopes,
        )


@dataclass(frozen=True, slots=True)
class NewApp:
    """What a Douyin app shall be."""

    secrets: list[str]
    max_age: timedelta | None
    calls_per_second: int | None = None


async def put_app(
    deps: Deps,
    organization_id: str,
    client_key: str,
    new: NewApp,
    expected: Precondition = UNCONDITIONAL,
) -> AppView:
    """Create or replace a Douyin app.

    Raises ClientKeyTaken, DemoSecret, PreconditionFailed, PreconditionRequired.
    """
    secrets, max_age = new.secrets, new.max_age
    if _DEMO_SECRET in secrets and not deps.is_embedded:
        raise DemoSecret(pointer="#/client_secrets")
    owner = secret_owner(organization_id, client_key)
    sealed = [deps.sealer.seal_secret(owner, secret) for secret in secrets]
    hours = None if max_age is None else int(max_age.total_seconds() // 3600)
    async with deps.database.transaction(organization_id) as tx:
        there = await store.find_app(tx, organization_id, client_key, lock=True)
        expected.check(_app_view(there).tag if there else None)
        await store.put_app(tx, organization_id, client_key, sealed, (hours, new.calls_per_second))
        row = await store.find_app(tx, organization_id, client_key)
    deps.directory.forget()
    if row is None:
        raise NotFound
    log.info("douyin_app_configured", organization=organization_id, secrets=len(secrets))
    return _app_view(row)


async def get_app(deps: Deps, organization_id: str, client_key: str) -> AppView:
    """The app without its secrets. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        row = await store.find_app(tx, organization_id, client_key)
    if row is None:
        raise NotFound
    return _app_view(row)


async def put_binding(
    deps: Deps,
    organization_id: str,
    account_id: str,
    identity: tuple[str, str],
    tokens: Tokens | None,
    expected: Precondition = UNCONDITIONAL,
) -> BindingView:
    """Bind the account to (client key, open_id) with these tokens.

    Raises NotFound when there is no such account, OpenIdTaken, UnknownApp, PreconditionFailed,
    PreconditionRequired.
    """
    sealed = None
    if tokens is not None:
        sealed = seal_tokens(deps.sealer, organization_id, account_id, tokens)
    async with deps.database.transaction(organization_id) as tx:
        if not await store.knows_account(tx, organization_id, account_id):
            raise NotFound("no such account")
        # asked first: whether a foreign app has such an account is nobody's business
        if await store.find_app(tx, organization_id, identity[0]) is None:
            raise UnknownApp(pointer="#/client_key")
        there = await store.find_binding(tx, organization_id, account_id, lock=True)
        business = await store.live_business_token(tx, organization_id, account_id)
        expected.check(_view(there, business, tx.now).tag if there else None)
        await store.put_binding(tx, organization_id, account_id, identity, sealed)
        row = await store.find_binding(tx, organization_id, account_id)
        now = tx.now
        if row is not None and tokens is not None:
            tell_authorised(tx, row)
    deps.directory.forget()
    if row is None:
        raise NotFound
    log.info("account_bound", organization=organization_id, account=account_id)
    return _view(row, business, now)


async def get_binding(deps: Deps, organization_id: str, account_id: str) -> BindingView:
    """The binding and its state, without tokens. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        row = await store.find_binding(tx, organization_id, account_id)
        business = await store.live_business_token(tx, organization_id, account_id)
        now = tx.now
    if row is None:
        raise NotFound
    return _view(row, business, now)


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
        tokens.scopes,
    )


def ends_at(now: datetime, seconds: int | None) -> datetime | None:
    """When something ends that lives for so long; None when nobody said."""
    return None if seconds is None else now + timedelta(seconds=seconds)


def _app_view(row: store.AppRow) -> AppView:
    settings = (row.max_event_age_hours, row.calls_per_second)
    tag = tag_of(row.client_key, row.secrets, *settings)
    return AppView(row.client_key, len(row.secrets), *settings, tag)


def _view(row: store.BindingRow, business: store.LiveBusiness | None, now: datetime) -> BindingView:
    state = account_state(authorisation(row, business), now)
    return BindingView(
        row.account_id,
        row.client_key,
        row.open_id,
        state,
        row.access_token_expires_at,
        row.refresh_token_expires_at,
        sorted(row.scopes),
        row.authorised_at,
        row.revoked_reason,
        _needed(row),
        tag_of(row, business, state),
    )


def _needed(row: store.BindingRow) -> Needed | None:
    if row.needed_reason is None or row.needed_since is None or row.usable_until is None:
        return None
    return Needed(row.needed_reason, row.needed_since, row.usable_until)
