"""Keeps tokens alive: one process at a time replaces them, and no transaction is open while it asks.

The old access token is used until the new one is stored. A refresh token near its end is renewed as
long as the platform allows; then, or when a refresh is refused for good, the owner is asked once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from services.douyin import store
from services.douyin.actions import authorisations
from services.douyin.actions.authorisations import need, settled
from services.douyin.actions.configuration import Tokens, ends_at, seal_tokens
from services.douyin.actions.directory import Account, Directory, token_owner
from services.douyin.actions.limits import PATIENCE_SECONDS
from services.douyin.clients import TOKEN_SECONDS, OAuth
from services.douyin.domain.accounts import REFRESH_AHEAD
from services.douyin.domain.answers import Conclusion, conclude
from services.douyin.domain.authorisations import RENEW_AHEAD, RENEWALS, Need, pause_after
from services.douyin.domain.codes import Group, Remedy
from services.douyin.domain.tokens import Granted, granted, renewed
from shared.db import ALL_TENANTS, Database
from shared.errors import NeighbourAway
from shared.http.client import Answer, MaybeSent, NotSent
from shared.sealing import SealBroken, Sealer

log = structlog.get_logger()

_LEASE = timedelta(seconds=30)  # longer than a refresh and a renewal after it can take
_MARGIN_SECONDS = 2.0
_AT_ONCE = 20
_CLIENT_TOKEN_AHEAD = timedelta(minutes=10)
_CLIENT_TOKEN_LEASE = timedelta(seconds=20)
_CLIENT_TOKEN_PAUSE = timedelta(seconds=2)  # after a call that failed and may work another time
_CLIENT_TOKEN_LOOKS = 20
_CLIENT_TOKEN_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class _Turn:
    """A binding whose tokens are ours, until a time of this process's monotonic clock."""

    due: store.RefreshDue
    until: float
    refresh_token: str  # sealed
    refresh_expires_at: datetime | None
    usable_until: datetime | None  # the end of the access token


@dataclass(slots=True)
class TokenKeeper:
    """Refreshes and renews tokens. `wake` is called when one was refused."""

    database: Database
    sealer: Sealer
    directory: Directory
    oauth: OAuth
    wake: Callable[[], None] = lambda: None

    async def refused(self, account: Account) -> None:
        """The platform refused the account's token: have it refreshed."""
        try:
            async with self.database.transaction(ALL_TENANTS) as tx:
                tenant = (account.organization_id, account.account_id)
                if account.is_business:
                    await store.drop_business_token(tx, *tenant)
                else:
                    await store.mark_refused(tx, *tenant, account.token_version)
        except NeighbourAway:
            return  # the next refusal says it again
        self.directory.forget()
        self.wake()

    async def withdrawn(self, account: Account) -> None:
        """The platform says that the owner has not authorised what we did."""
        deps = authorisations.Deps(self.database, self.directory)
        await authorisations.refused_by_platform(deps, account)

    async def refresh_due(self) -> int:
        """Replace tokens that were refused or end soon; how many accounts were asked for."""
        at = time.monotonic()
        async with self.database.transaction(ALL_TENANTS) as tx:
            before = store.Horizons(tx.now + REFRESH_AHEAD, tx.now + RENEW_AHEAD)
            due = await store.claim_refreshes(tx, before, _LEASE, _AT_ONCE)
        one_call = PATIENCE_SECONDS + TOKEN_SECONDS
        until = at + _LEASE.total_seconds() - one_call - _MARGIN_SECONDS
        async with asyncio.TaskGroup() as group:
            for one in due:
                ends = one.refresh_token_expires_at
                turn = _Turn(one, until, one.refresh_token, ends, one.usable_until)
                group.create_task(self._replace(turn, before.renew))
        deps = authorisations.Deps(self.database, self.directory)
        if await authorisations.tell_lapses(deps) or due:
            self.directory.forget()
        return len(due)

    async def _replace(self, turn: _Turn, renew_before: datetime) -> None:
        """Refresh, then renew if it is time: a renewal that is lost must not take the access with it."""
        ends, due = turn.refresh_expires_at, turn.due
        is_near = ends is not None and ends <= renew_before and not due.is_needed
        try:
            refreshed = await self._refresh(turn, goes_on=is_near)
            if refreshed is None or not is_near:
                return
            most = RENEWALS if due.renew_max is None else due.renew_max
            if due.renewals < most:
                await self._renew(refreshed)
            else:
                await self._end(refreshed, Need.RENEWALS_USED_UP)
        except (NeighbourAway, SealBroken) as error:  # one account must not stop the others
            log.warning("tokens_not_replaced", account=due.account_id, reason=str(error))

    async def _refresh(self, turn: _Turn, *, goes_on: bool) -> _Turn | None:
        due = turn.due
        end = await self._ask(turn, self.oauth.refresh)
        new = granted(end.fields) if end else None
        if new is not None:
            return await self._keep(turn, new, goes_on=goes_on)
        if end is not None and end.remedy is Remedy.RE_AUTHORISE:
            async with self.database.transaction(ALL_TENANTS) as tx:
                if await store.drop_refresh_token(tx, due, turn.refresh_token):
                    await need(
                        tx, _place(due), Need.REFRESH_TOKEN_EXPIRED, turn.usable_until or tx.now
                    )
            return None
        if end is not None and end.remedy is Remedy.PERMANENT:
            # the console may mend it, so it is tried again; but somebody must know before the end
            async with self.database.transaction(ALL_TENANTS) as tx:
                await need(tx, _place(due), Need.REFRESH_REFUSED, turn.usable_until or tx.now)
        await self._pause(turn)
        return None

    async def _keep(self, turn: _Turn, new: Granted, *, goes_on: bool) -> _Turn | None:
        due = turn.due
        async with self.database.transaction(ALL_TENANTS) as tx:
            tokens = Tokens.granted(new, tx.now)
            sealed = seal_tokens(self.sealer, due.organization_id, due.account_id, tokens)
            stored = await store.save_refreshed(tx, due, sealed, goes_on=goes_on)
            if stored is not None:
                await settled(tx, _place(due), Need.REFRESH_REFUSED)
        log.info("token_refreshed", account=due.account_id, stored=stored is not None)
        if stored is None:
            return None
        return replace(
            turn,
            refresh_token=stored.refresh_token,
            refresh_expires_at=stored.refresh_token_expires_at,
            usable_until=stored.access_token_expires_at,
        )

    async def _renew(self, turn: _Turn) -> None:
        due = turn.due
        end = await self._ask(turn, self.oauth.renew)
        new = renewed(end.fields) if end else None
        if end is None or (new is None and end.remedy is not Remedy.RE_AUTHORISE):
            if end is not None and end.remedy is Remedy.PERMANENT:
                await self._end(turn, Need.RENEWAL_REFUSED)
            else:
                await self._pause(turn)
            return
        if new is None:
            reason = Need(end.reason) if end.reason in set(Need) else Need.RENEWAL_REFUSED
            await self._end(turn, reason)
            return
        owner = token_owner(due.organization_id, "refresh_token", due.account_id)
        sealed = self.sealer.seal_secret(owner, new.refresh)
        async with self.database.transaction(ALL_TENANTS) as tx:
            ends = ends_at(tx.now, new.expires_in)
            await store.save_renewed(tx, due, turn.refresh_token, (sealed, ends))
        log.info("refresh_token_renewed", account=due.account_id, renewals=due.renewals + 1)

    async def _end(self, turn: _Turn, reason: Need) -> None:
        """No renewal any more: the access token is the last one."""
        async with self.database.transaction(ALL_TENANTS) as tx:
            await need(tx, _place(turn.due), reason, turn.usable_until or tx.now)
            await store.release_refresh(tx, turn.due, turn.refresh_token)

    async def _ask(
        self, turn: _Turn, call: Callable[[str, str], Awaitable[Answer]]
    ) -> Conclusion | None:
        """What the platform said; None when nobody knows. Asks only while the lease is surely ours."""
        due = turn.due
        owner = token_owner(due.organization_id, "refresh_token", due.account_id)
        token = self.sealer.open(owner, turn.refresh_token)
        if time.monotonic() > turn.until:
            return None
        try:
            answer = await call(due.client_key, token)
        except (NotSent, MaybeSent):
            log.warning("token_call_unanswered", account=due.account_id)
            return None
        end = conclude(Group.RENEW, answer.status, answer.body)
        if end.remedy is not None:
            log.warning(
                "token_call_refused",
                account=due.account_id,
                reason=end.reason,
                code=end.code,
                log_id=end.log_id,
            )
        return end

    async def _pause(self, turn: _Turn) -> None:
        async with self.database.transaction(ALL_TENANTS) as tx:
            pause = pause_after(turn.due.failures)
            await store.pause_refresh(tx, turn.due, turn.refresh_token, pause)

    async def client_token(self, client_key: str) -> str | Conclusion | None:
        """The app's client token, fetched when it ends soon, by one process; the others wait for it.

        A conclusion: the platform refused one just now. None: there is none yet. Raises NotSent, MaybeSent.
        """
        for _ in range(_CLIENT_TOKEN_LOOKS):
            async with self.database.transaction(ALL_TENANTS) as tx:
                organization_id = await store.claim_client_token(
                    tx, client_key, _CLIENT_TOKEN_AHEAD, _CLIENT_TOKEN_LEASE
                )
            if organization_id is not None:
                refused = await self._fetch_client_token(organization_id, client_key)
                if refused is not None:
                    return refused
            token = await self._stored_client_token(client_key)
            if token is not None or organization_id is not None:
                return token
            # another process is fetching it; if that fails, it is our turn after a pause
            await asyncio.sleep(_CLIENT_TOKEN_LOOK_SECONDS)
        return None

    async def _fetch_client_token(self, organization_id: str, client_key: str) -> Conclusion | None:
        """Fetch and keep a new one; what the platform said if it refused."""
        app = await self.directory.app(client_key)
        if app is None:
            return None
        try:
            answer = await self.oauth.client_token(client_key, app.secrets[0].decode())
        except (NotSent, MaybeSent):  # one that was issued unheard is no harm: it just ends
            await self._leave_client_token(client_key, _CLIENT_TOKEN_PAUSE)
            raise
        return await self._keep_client_token(organization_id, client_key, answer)

    async def _leave_client_token(self, client_key: str, pause: timedelta) -> None:
        async with self.database.transaction(ALL_TENANTS) as tx:
            await store.release_client_token(tx, client_key, pause)

    async def app_refused(self, client_key: str, token: str) -> None:
        """The platform refused the app's token: the next who needs one fetches another."""
        if await self._stored_client_token(client_key) == token:
            async with self.database.transaction(ALL_TENANTS) as tx:
                await store.drop_client_token(tx, client_key)

    async def _keep_client_token(
        self, organization_id: str, client_key: str, answer: Answer
    ) -> Conclusion | None:
        end = conclude(Group.CLIENT_TOKEN, answer.status, answer.body)
        new = granted(end.fields)
        if new is None:
            log.warning("client_token_refused", reason=end.reason, code=end.code)
            is_final = end.remedy is Remedy.PERMANENT  # who mends it at the console need not wait
            await self._leave_client_token(
                client_key, timedelta(0) if is_final else _CLIENT_TOKEN_PAUSE
            )
            return end if end.remedy else None
        owner = token_owner(organization_id, "client_token", client_key)
        async with self.database.transaction(ALL_TENANTS) as tx:
            sealed = self.sealer.seal_secret(owner, new.access)
            ends = tx.now + timedelta(seconds=new.expires_in or 0)
            await store.save_client_token(tx, client_key, sealed, ends)
        return None

    async def _stored_client_token(self, client_key: str) -> str | None:
        app = await self.directory.app(client_key)
        if app is None:
            return None
        async with self.database.transaction(ALL_TENANTS) as tx:
            row = await store.find_app(tx, app.organization_id, client_key)
            now = tx.now
        if row is None or row.client_token is None:
            return None
        if row.client_token_expires_at is None or row.client_token_expires_at <= now:
            return None
        owner = token_owner(app.organization_id, "client_token", client_key)
        return self.sealer.open(owner, row.client_token)


def _place(due: store.RefreshDue) -> store.Place:
    return store.Place(due.organization_id, due.account_id, due.client_key, due.open_id)
