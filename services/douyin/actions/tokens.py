"""Keeps tokens alive: one process at a time refreshes, and no transaction is open while it asks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.douyin import store
from services.douyin.actions.configuration import Tokens, seal_tokens
from services.douyin.actions.directory import Account, Directory, token_owner
from services.douyin.clients import OAuth
from services.douyin.domain.accounts import REFRESH_AHEAD
from services.douyin.domain.answers import conclude
from services.douyin.domain.codes import Group, Remedy
from services.douyin.domain.tokens import Granted, granted
from shared.db import ALL_TENANTS, Database
from shared.errors import NeighbourAway
from shared.http.client import Answer, MaybeSent, NotSent
from shared.sealing import Sealer

log = structlog.get_logger()

_LEASE = timedelta(seconds=20)  # longer than one call can take; also the pause after a failed one
_CLIENT_TOKEN_AHEAD = timedelta(minutes=10)


@dataclass(slots=True)
class TokenKeeper:
    """Refreshes tokens. `wake` is called when one was refused."""

    database: Database
    sealer: Sealer
    directory: Directory
    oauth: OAuth
    wake: Callable[[], None] = lambda: None

    async def refused(self, account: Account) -> None:
        """The platform refused the account's token: have it refreshed."""
        try:
            async with self.database.transaction(ALL_TENANTS) as tx:
                await store.mark_refused(
                    tx, account.organization_id, account.account_id, account.token_version
                )
        except NeighbourAway:
            return  # the next refusal says it again
        self.directory.forget()
        self.wake()

    async def refresh_due(self) -> int:
        """Refresh tokens that were refused or end within a day; how many were asked for."""
        async with self.database.transaction(ALL_TENANTS) as tx:
            due = await store.claim_refreshes(tx, REFRESH_AHEAD, _LEASE)
        for one in due:
            await self._refresh(one)
        if due:
            self.directory.forget()
        return len(due)

    async def _refresh(self, due: store.RefreshDue) -> None:
        owner = token_owner(due.organization_id, "refresh_token", due.account_id)
        token = self.sealer.open(owner, due.refresh_token)
        try:
            answer = await self.oauth.refresh(due.client_key, token)
        except (NotSent, MaybeSent):
            log.warning("token_refresh_unanswered", account=due.account_id)
            return
        end = conclude(Group.RENEW, answer.status, answer.body)
        new = granted(end.fields)
        if new is not None:
            await self._keep(due, new)
        elif end.remedy is Remedy.RE_AUTHORISE:
            async with self.database.transaction(ALL_TENANTS) as tx:
                await store.revoke(tx, due)
            log.error("account_must_authorise_again", account=due.account_id, code=end.code)
        else:
            log.warning("token_refresh_refused", account=due.account_id, code=end.code)

    async def _keep(self, due: store.RefreshDue, new: Granted) -> None:
        async with self.database.transaction(ALL_TENANTS) as tx:
            tokens = Tokens(
                new.access,
                _ends(tx.now, new.expires_in),
                new.refresh,
                _ends(tx.now, new.refresh_expires_in),
            )
            sealed = seal_tokens(self.sealer, due.organization_id, due.account_id, tokens)
            await store.save_refreshed(tx, due, sealed)
        log.info("token_refreshed", account=due.account_id)

    async def client_token(self, client_key: str) -> str | None:
        """The app's client token, fetched when it ends soon; None while another process fetches it."""
        async with self.database.transaction(ALL_TENANTS) as tx:
            organization_id = await store.claim_client_token(
                tx, client_key, _CLIENT_TOKEN_AHEAD, _LEASE
            )
        app = await self.directory.app(client_key)
        if organization_id is not None and app is not None:
            answer = await self.oauth.client_token(client_key, app.secrets[0].decode())
            await self._keep_client_token(organization_id, client_key, answer)
        return await self._stored_client_token(client_key)

    async def _keep_client_token(
        self, organization_id: str, client_key: str, answer: Answer
    ) -> None:
        end = conclude(Group.CLIENT_TOKEN, answer.status, answer.body)
        new = granted(end.fields)
        if new is None:
            log.warning("client_token_refused", reason=end.reason, code=end.code)
            return
        owner = token_owner(organization_id, "client_token", client_key)
        async with self.database.transaction(ALL_TENANTS) as tx:
            sealed = self.sealer.seal_secret(owner, new.access)
            ends = tx.now + timedelta(seconds=new.expires_in or 0)
            await store.save_client_token(tx, client_key, sealed, ends)

    async def _stored_client_token(self, client_key: str) -> str | None:
        app = await self.directory.app(client_key)
        if app is None:
            return None
        async with self.database.transaction(ALL_TENANTS) as tx:
            row = await store.find_app(tx, app.organization_id, client_key)
        if row is None or row.client_token is None:
            return None
        owner = token_owner(app.organization_id, "client_token", client_key)
        return self.sealer.open(owner, row.client_token)


def _ends(now: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)
