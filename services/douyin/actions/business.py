"""Business tokens: issued where somebody wants one, refreshed a day ahead, told apart from user tokens."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.douyin import store
from services.douyin.actions.configuration import ends_at
from services.douyin.actions.directory import Directory, token_owner
from services.douyin.actions.limits import PATIENCE_SECONDS
from services.douyin.clients import TOKEN_SECONDS, OAuth
from services.douyin.domain.accounts import REFRESH_AHEAD, BusinessState, business_state
from services.douyin.domain.answers import conclude
from services.douyin.domain.authorisations import pause_after
from services.douyin.domain.codes import Group, Remedy
from services.douyin.domain.tokens import Granted, business_granted, scopes_in
from shared.db import ALL_TENANTS, Database
from shared.errors import NeighbourAway, NotFound
from shared.http.client import MaybeSent, NotSent
from shared.http.versions import UNCONDITIONAL, Precondition, tag_of
from shared.sealing import SealBroken, Sealer

log = structlog.get_logger()

_LEASE = timedelta(seconds=40)  # longer than two calls can take
_MARGIN_SECONDS = 2.0
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class BusinessView:
    """A business token as people may see it."""

    account_id: str
    state: BusinessState
    scopes: list[str]
    granted_scopes: list[str]
    expires_at: datetime | None
    refused_reason: str | None
    refused_code: int | None


async def want(
    database: Database,
    account_key: tuple[str, str],
    scopes: Sequence[str],
    expected: Precondition = UNCONDITIONAL,
) -> BusinessView:
    """Have a business token issued to (organization, account) for these scopes, and kept alive.

    Raises NotFound, PreconditionFailed, PreconditionRequired.
    """
    async with database.transaction(account_key[0]) as tx:
        # its row is locked, so that one at a time replaces what it wanted before
        if await store.find_binding(tx, *account_key, lock=True) is None:
            raise NotFound("no Douyin account is bound to it")
        there = await store.find_business_token(tx, *account_key)
        expected.check(business_tag(_view(account_key[1], there, tx.now)) if there else None)
        await store.want_business_token(tx, *account_key, scopes)
    return await show(database, *account_key)


async def show(database: Database, organization_id: str, account_id: str) -> BusinessView:
    """How the account's business token stands. Raises NotFound."""
    async with database.transaction(organization_id) as tx:
        row = await store.find_business_token(tx, organization_id, account_id)
        now = tx.now
    if row is None:
        raise NotFound
    return _view(account_id, row, now)


def business_tag(view: BusinessView) -> str:
    """The version of a business token as it is shown."""
    return tag_of(view)


def _view(account_id: str, row: store.BusinessRow, now: datetime) -> BusinessView:
    is_refused = row.refused_reason is not None
    state = business_state(row.expires_at, now, has_token=row.has_token, is_refused=is_refused)
    return BusinessView(
        account_id,
        state,
        row.scopes,
        row.granted,
        row.expires_at,
        row.refused_reason,
        row.refused_code,
    )


@dataclass(slots=True)
class BusinessKeeper:
    """Gets and refreshes business tokens, one process at a time."""

    database: Database
    sealer: Sealer
    directory: Directory
    oauth: OAuth

    async def refresh_due(self) -> int:
        """Get what is missing or ends within a day; how many accounts were asked for."""
        two_calls = 2 * (PATIENCE_SECONDS + TOKEN_SECONDS)
        until = time.monotonic() + _LEASE.total_seconds() - two_calls - _MARGIN_SECONDS
        async with self.database.transaction(ALL_TENANTS) as tx:
            before = tx.now + REFRESH_AHEAD
            due = await store.claim_business_tokens(tx, before, _LEASE, _AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for one in due:
                group.create_task(self._replace(one, until))
        return len(due)

    async def _replace(self, due: store.BusinessDue, until: float) -> None:
        try:
            app = await self.directory.app(due.client_key)
            if app is None or time.monotonic() > until:
                return
            await self._ask(due, app.secrets[0].decode())
        except (NotSent, MaybeSent):
            log.warning("business_token_unanswered", account=due.account_id)
            await self._pause(due)
        except (NeighbourAway, SealBroken) as error:  # one account must not stop the others
            log.warning("business_token_not_replaced", account=due.account_id, reason=str(error))

    async def _ask(self, due: store.BusinessDue, secret: str) -> None:
        owner = token_owner(due.organization_id, "business_refresh_token", due.account_id)
        if due.refresh_token is None:
            scopes = ",".join(due.scopes)
            answer = await self.oauth.business_token(due.client_key, secret, due.open_id, scopes)
        else:
            token = self.sealer.open(owner, due.refresh_token)
            answer = await self.oauth.refresh_business_token(due.client_key, secret, token)
        end = conclude(Group.RENEW, answer.status, answer.body)
        new = business_granted(end.fields)
        if new is not None:
            await self._keep(due, new)
            return
        log.warning(
            "business_token_refused", account=due.account_id, reason=end.reason, code=end.code
        )
        async with self.database.transaction(ALL_TENANTS) as tx:
            if end.remedy not in {Remedy.PERMANENT, Remedy.RE_AUTHORISE}:
                await store.pause_business_token(tx, due, pause_after(due.failures))
            elif due.refresh_token is not None:
                await store.forget_business_refresh(tx, due)  # another may be issued
            else:
                await store.refuse_business_token(tx, due, end.reason or "refused", end.code)

    async def _keep(self, due: store.BusinessDue, new: Granted) -> None:
        scopes = await self._scopes(due.client_key, new.access)
        sealed = self.sealer.seal_secret(
            token_owner(due.organization_id, "business_token", due.account_id), new.access
        )
        refresh = new.refresh and self.sealer.seal_secret(
            token_owner(due.organization_id, "business_refresh_token", due.account_id), new.refresh
        )
        async with self.database.transaction(ALL_TENANTS) as tx:
            ends = ends_at(tx.now, new.expires_in)
            refresh_ends = ends_at(tx.now, new.refresh_expires_in)
            kept = store.NewBusiness(sealed, ends, refresh, refresh_ends, scopes or due.scopes)
            stored = await store.save_business_token(tx, due, kept)
        log.info("business_token_kept", account=due.account_id, stored=stored)

    async def _scopes(self, client_key: str, token: str) -> tuple[str, ...]:
        """What the platform says that it grants; nothing when it does not say."""
        try:
            answer = await self.oauth.business_scopes(client_key, token)
        except (NotSent, MaybeSent):
            return ()
        return scopes_in(conclude(Group.ASK, answer.status, answer.body).fields.get("data"))

    async def _pause(self, due: store.BusinessDue) -> None:
        try:
            async with self.database.transaction(ALL_TENANTS) as tx:
                await store.pause_business_token(tx, due, pause_after(due.failures))
        except NeighbourAway:
            return  # the lease is a pause, too
