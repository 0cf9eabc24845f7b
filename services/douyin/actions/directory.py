"""Apps and accounts in memory, at most five seconds old: the door and the sender ask it for each message."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from services.douyin import store
from services.douyin.domain.accounts import USABLE, Authorisation, account_state
from shared.db import ALL_TENANTS, Database
from shared.errors import NeighbourAway
from shared.sealing import SealBroken, Sealer

log = structlog.get_logger()

Row = TypeVar("Row", store.AppRow, store.BindingRow)
Opened = TypeVar("Opened")

FRESH_SECONDS = 5.0
_MISS_SECONDS = 1.0  # unknown keys cannot make us ask more often
_DOUBT_SECONDS = 0.25  # nor can accounts that may not send
_READ_SECONDS = 0.4  # the door's answer must not wait longer


@dataclass(frozen=True, slots=True)
class App:
    """A Douyin app as the door needs it. Holds open secrets: never log it."""

    organization_id: str
    client_key: str
    secrets: tuple[bytes, ...]
    max_age: timedelta | None


@dataclass(frozen=True, slots=True)
class BusinessToken:
    """A business token that an account has beside its own, and what it grants. Never log it."""

    value: str
    scopes: frozenset[str]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """A bound account as the sender needs it. Holds an open token: never log it."""

    organization_id: str
    account_id: str
    client_key: str
    open_id: str
    access_token: str
    token_version: int
    is_refused: bool  # the platform refused this version; a new one is on its way, or never comes
    is_business: bool  # its token is that of a business relation: there is no other
    authorisation: Authorisation
    scopes: frozenset[
        str
    ]  # that its token is known to be granted; those of messages are never named
    business: BusinessToken | None  # beside the account's own token

    def is_usable(self, now: datetime) -> bool:
        """Whether messages may be sent."""
        return account_state(self.authorisation, now) in USABLE

    def for_scope(self, scope: str | None, now: datetime) -> "Account":
        """The account with the token for this scope: a business token where it alone is known to be granted it."""
        business = self.business
        if business is None or scope not in business.scopes or scope in self.scopes:
            return self
        if business.expires_at is not None and business.expires_at <= now:
            return self
        return replace(self, access_token=business.value, is_business=True)


class Directory:
    """Reads the whole configuration when it is asked and too old; idle, it does nothing."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database, self._sealer = database, sealer
        self._apps: dict[str, App] = {}
        self._by_open_id: dict[tuple[str, str], Account] = {}
        self._by_id: dict[tuple[str, str], Account] = {}
        self._business: dict[tuple[str, str], store.LiveBusiness] = {}
        self._opened: dict[tuple[str, str], str] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def app(self, client_key: str) -> App | None:
        """The app of that key. Raises NeighbourAway when PostgreSQL is away and nothing is known."""
        await self._refresh(FRESH_SECONDS)
        if client_key not in self._apps:
            await self._refresh(_MISS_SECONDS)
        return self._apps.get(client_key)

    async def apps(self) -> list[App]:
        """Every app that is configured."""
        await self._refresh(FRESH_SECONDS)
        return list(self._apps.values())

    async def bound(self, client_key: str, open_ids: tuple[str, ...]) -> Account | None:
        """The account bound to the first of these open_ids that has one."""
        for _ in range(2):
            for open_id in open_ids:
                account = self._by_open_id.get((client_key, open_id))
                if account is not None:
                    return account
            await self._refresh(_MISS_SECONDS)
        return None

    async def account(self, organization_id: str, account_id: str) -> Account | None:
        """The account of that id."""
        await self._refresh(FRESH_SECONDS)
        if (organization_id, account_id) not in self._by_id:
            await self._refresh(_MISS_SECONDS)
        return self._by_id.get((organization_id, account_id))

    async def account_since(
        self, organization_id: str, account_id: str, at: float
    ) -> Account | None:
        """The account of that id, as it was read after `at`, a time of this process's own clock.

        Before a refusal that is for good: another process may have bound or restored the account.
        """
        if self._read_at < at:
            await asyncio.sleep(self._read_at + _DOUBT_SECONDS - time.monotonic())
            await self._refresh(time.monotonic() - at)
        return self._by_id.get((organization_id, account_id))

    def forget(self) -> None:
        """The configuration changed here: read it again with the next question."""
        self._read_at = float("-inf")

    async def _refresh(self, older_than: float) -> None:
        if time.monotonic() - self._read_at < older_than:
            return
        try:
            async with asyncio.timeout(_READ_SECONDS), self._reading:
                if time.monotonic() - self._read_at >= older_than:
                    await self._read()
        except TimeoutError as late:
            raise NeighbourAway("PostgreSQL is too slow", neighbour="postgresql") from late

    async def _read(self) -> None:
        began = time.monotonic()
        async with self._database.transaction(ALL_TENANTS) as tx:
            apps = await store.all_apps(tx)
            bindings = await store.all_bindings(tx)
            business = await store.all_business_tokens(tx)
        self._business = {(b.organization_id, b.account_id): b for b in business}
        opened: dict[tuple[str, str], str] = {}
        self._apps = {a.client_key: a for a in self._readable(self._open_app, apps, opened)}
        accounts = self._readable(self._open_account, bindings, opened)
        self._by_open_id = {(a.client_key, a.open_id): a for a in accounts}
        self._by_id = {(a.organization_id, a.account_id): a for a in accounts}
        self._opened = opened
        self._read_at = began

    def _readable(
        self,
        open_row: Callable[[Row, dict[tuple[str, str], str]], Opened],
        rows: Iterable[Row],
        opened: dict[tuple[str, str], str],
    ) -> list[Opened]:
        """The rows that open; one that does not must not close the door for everybody."""
        found = []
        for row in rows:
            try:
                found.append(open_row(row, opened))
            except SealBroken:
                log.exception("configuration_unreadable", organization=row.organization_id)
        return found

    def _open(self, owner: str, sealed: str, opened: dict[tuple[str, str], str]) -> str:
        plain = self._opened.get((owner, sealed)) or self._sealer.open(owner, sealed)
        opened[owner, sealed] = plain
        return plain

    def _open_app(self, row: store.AppRow, opened: dict[tuple[str, str], str]) -> App:
        owner = secret_owner(row.organization_id, row.client_key)
        hours = row.max_event_age_hours
        return App(
            row.organization_id,
            row.client_key,
            tuple(self._open(owner, sealed, opened).encode() for sealed in row.secrets),
            None if hours is None else timedelta(hours=hours),
        )

    def _open_account(self, row: store.BindingRow, opened: dict[tuple[str, str], str]) -> Account:
        business = self._business.get((row.organization_id, row.account_id))
        column, sealed = "access_token", row.access_token
        if sealed is None and business is not None:
            column, sealed = "business_token", business.token
        owner = token_owner(row.organization_id, column, row.account_id)
        token = self._open(owner, sealed, opened) if sealed else ""
        beside = None
        if business is not None and row.access_token is not None:
            owner = token_owner(row.organization_id, "business_token", row.account_id)
            value = self._open(owner, business.token, opened)
            beside = BusinessToken(value, frozenset(business.granted), business.expires_at)
        known = authorisation(row, business)
        return Account(
            row.organization_id,
            row.account_id,
            row.client_key,
            row.open_id,
            token,
            row.token_version,
            is_refused=known.is_refused,
            is_business=column == "business_token",
            authorisation=known,
            scopes=frozenset(row.scopes),
            business=beside,
        )


def authorisation(row: store.BindingRow, business: store.LiveBusiness | None) -> Authorisation:
    """What decides the state of a binding: its own tokens, or else a business token."""
    if row.access_token is None and business is not None:
        return Authorisation(
            has_access=True,
            access_expires_at=business.expires_at,
            has_refresh=True,
            refresh_expires_at=business.refresh_expires_at,
            is_refused=False,
            is_revoked=row.revoked_at is not None,
        )
    return Authorisation(
        has_access=row.access_token is not None,
        access_expires_at=row.access_token_expires_at,
        has_refresh=row.refresh_token is not None,
        refresh_expires_at=row.refresh_token_expires_at,
        is_refused=row.refused_version == row.token_version,
        is_revoked=row.revoked_at is not None,
    )


def secret_owner(organization_id: str, client_key: str) -> str:
    """Whose seal an app's secrets carry."""
    return f"{organization_id}|douyin.app.secret|{client_key}"


def token_owner(organization_id: str, column: str, row: str) -> str:
    """Whose seal a token carries."""
    return f"{organization_id}|douyin.{column}|{row}"
