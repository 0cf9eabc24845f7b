"""Sends what was claimed: each once, many at once, the accounts taking turns; then settles in batches."""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from opentelemetry.trace import SpanKind

from services.douyin import store
from services.douyin.actions.claiming import LEASE, Claim, Claims
from services.douyin.actions.directory import Account, Directory
from services.douyin.actions.limits import CallBudget, NotYet
from services.douyin.actions.outcomes import again, concluded, traced, untried
from services.douyin.actions.settling import settle
from services.douyin.actions.tokens import TokenKeeper
from services.douyin.clients import SEND_SECONDS, Outgoing, Platform
from services.douyin.domain.answers import Action, Verdict, classify
from services.douyin.domain.attempts import State
from services.douyin.domain.codes import Remedy
from services.douyin.domain.contents import Fields, fields_of, wire
from services.douyin.domain.limits import Calls
from shared.db import ALL_TENANTS, Database
from shared.errors import NeighbourAway
from shared.failpoints import failpoint
from shared.http.client import MaybeSent, NotSent
from shared.observability import tracing
from shared.sealing import SealBroken, Sealer

log = structlog.get_logger()

AT_ONCE = 128
_OF_ONE_ACCOUNT = 64
_MARGIN_SECONDS = 1.0  # between the end of a try and the end of its lease
_LINGER_SECONDS = 0.025
_SETTLED_AT_ONCE = 256
_TOKEN_SECONDS = 1.0
_PULL_FROM = 32
_PAUSE_SECONDS = 0.3

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Load:
    claimed: store.Claimed
    claim: Claim

    def now(self) -> datetime:
        """Business time, as it went on since the claim."""
        return self.claim.now + timedelta(seconds=time.monotonic() - self.claim.at)


class Dispatcher:
    """Everything between a claim and its settlement. One a process."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        directory: Directory,
        platform: Platform,
        tokens: TokenKeeper,
        budget: CallBudget,
    ) -> None:
        self.claims = Claims(database, self._offer)
        self._budget = budget
        self._database, self._sealer = database, sealer
        self._directory, self._platform, self._tokens = directory, platform, tokens
        self._waiting: OrderedDict[_Key, deque[_Load]] = OrderedDict()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._sending: Counter[_Key] = Counter()
        self._results: list[store.Settlement] = []
        self._finished = asyncio.Event()

    def _offer(self, claim: Claim) -> None:
        """Send these; they are claimed and committed."""
        for claimed in claim.attempts:
            key = (claimed.organization_id, claimed.account_id)
            self._waiting.setdefault(key, deque()).append(_Load(claimed, claim))
        for _ in range(min(len(claim.attempts), len(self._idle))):
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)

    async def pull(self) -> None:
        """Claim what waits in the table, as far as there is room; without PostgreSQL, later."""
        try:
            await self._pull()
            # a send that came meanwhile found the room taken by this pull: nobody else would look for it
            while self.claims.is_behind and self.claims.room >= _PULL_FROM:
                await self._pull()
        except NeighbourAway:
            self.claims.is_behind = True

    async def _pull(self) -> None:
        self.claims.is_behind = False
        with self.claims.claiming(max(self.claims.room, 1)) as claim:
            async with self._database.transaction(ALL_TENANTS) as tx:
                conversations = await store.waiting_conversations(tx, claim.room)
                if not conversations:
                    return
                await store.lock_conversations(tx, conversations)
                await claim.take_next(tx, conversations)
            await failpoint("claim.after_commit")
        self.claims.is_behind |= len(claim.attempts) >= claim.room

    async def run(self) -> None:
        """Send and settle until cancelled; then give back what was not begun."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._send_for_ever())
                group.create_task(self._settle_for_ever())
                group.create_task(self.claims.find_for_ever())
        finally:
            await self._give_back()

    async def _give_back(self) -> None:
        try:
            async with asyncio.timeout(2):
                await self.claims.find_lost()
                if left := self._left():
                    await settle(self._database, left, Claim(0))
                await self._budget.give_back()
        except (NeighbourAway, TimeoutError):
            log.warning("claims_not_given_back", count=len(self._left()))

    def _left(self) -> list[store.Settlement]:
        """How what was not written down ends: as it did, or not begun."""
        loads = [load.claimed for queue in self._waiting.values() for load in queue]
        return self._results + [untried(claimed, 0.0, claimed.reason) for claimed in loads]

    async def _send_for_ever(self) -> None:
        while True:
            load = await self._next()
            key = (load.claimed.organization_id, load.claimed.account_id)
            try:
                settlement = await self._send(load)
            finally:
                self._sending[key] -= 1
            self._results.append(settlement)
            self._finished.set()

    async def _next(self) -> _Load:
        while True:
            for key, queue in self._waiting.items():
                if self._sending[key] < _OF_ONE_ACCOUNT:
                    load = queue.popleft()
                    if queue:
                        self._waiting.move_to_end(key)
                    else:
                        del self._waiting[key]
                    self._sending[key] += 1
                    return load
            waiter = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            await waiter

    async def _send(self, load: _Load) -> store.Settlement:
        claimed = load.claimed
        now = load.now()
        if claimed.expires_at <= now:
            return store.Settlement(claimed, State.FAILED, "window_expired")
        tenant = (claimed.organization_id, claimed.account_id)
        try:
            account = await self._directory.account(*tenant)
            if account is None or not account.is_usable(now):
                account = await self._directory.account_since(*tenant, load.claim.at)
        except NeighbourAway:
            return untried(claimed, _TOKEN_SECONDS, claimed.reason)
        if account is None or not account.is_usable(now):
            return store.Settlement(claimed, State.FAILED, "not_authorised")
        if account.is_refused:
            return untried(claimed, _TOKEN_SECONDS, "token_refused")
        try:
            wording = self._sealer.open(claimed.organization_id, claimed.content)
        except SealBroken:
            return store.Settlement(claimed, State.FAILED, "content_unreadable")
        return await self._try(load, account, fields_of(claimed.kind, wording))

    async def _try(self, load: _Load, account: Account, fields: Fields) -> store.Settlement:
        claimed = load.claimed
        message = Outgoing(
            claimed.scene,
            claimed.reply_to,
            claimed.conversation_id,
            claimed.open_id,
            wire(claimed.kind, fields),
        )
        refused = await self._wait_for_turn(load, account)
        if refused is not None:
            return refused
        try:
            with tracing.span(
                "send douyin", SpanKind.CLIENT, traced(claimed), continues=claimed.trace
            ):
                answer = await self._platform.send(
                    account.open_id, account.access_token, message, seconds=SEND_SECONDS
                )
            verdict = classify(answer.status, answer.body)
        except NotSent:
            return again(claimed, "unreachable", 0.0)
        except MaybeSent as lost:
            return store.Settlement(claimed, State.UNKNOWN, lost.reason)
        except Exception:  # whatever happened, bytes may have left
            log.exception("send_broke", operation=claimed.operation_id)
            return store.Settlement(claimed, State.UNKNOWN, "broken")
        if verdict.action is Action.REFRESH_TOKEN:
            return await self._refused(claimed, account, verdict)
        await self._heed(load, account, verdict)
        return concluded(claimed, verdict)

    async def _wait_for_turn(self, load: _Load, account: Account) -> store.Settlement | None:
        """Return when the platform allows the call, or why it is not made now."""
        claimed, app = load.claimed, (account.organization_id, account.client_key)
        left = load.claim.at + LEASE.total_seconds() - _MARGIN_SECONDS - time.monotonic()
        if left < SEND_SECONDS:  # the lease must outlive the try: it waited for its turn too long
            return untried(claimed, 0.0, claimed.reason)
        patience = left - SEND_SECONDS
        try:
            turn = await self._budget.take(app, Calls.DIRECT_MESSAGE, load.now(), patience)
        except NeighbourAway:
            return untried(claimed, _TOKEN_SECONDS, claimed.reason)
        if turn is None:
            return store.Settlement(claimed, State.FAILED, "daily_quota_used")
        if isinstance(turn, NotYet):
            return untried(claimed, turn.seconds, claimed.reason)
        if turn:
            await asyncio.sleep(turn)
        return None

    async def _heed(self, load: _Load, account: Account, verdict: Verdict) -> None:
        """What a refusal says of more than this one message."""
        app = (account.organization_id, account.client_key)
        if verdict.remedy is Remedy.RE_AUTHORISE:
            await self._tokens.withdrawn(account)
        elif verdict.remedy is Remedy.WAIT_FOR_QUOTA:
            await self._budget.used_up(app, Calls.DIRECT_MESSAGE, load.now())
        elif verdict.reason == "throttled":
            self._budget.throttled(account.client_key)

    async def _refused(
        self, claimed: store.Claimed, account: Account, verdict: Verdict
    ) -> store.Settlement:
        if claimed.reason == "token_refused":  # a second time, and with another token
            return concluded(
                claimed, replace(verdict, action=Action.FAILED, reason="not_authorised")
            )
        await self._tokens.refused(account)
        return replace(untried(claimed, _TOKEN_SECONDS, "token_refused"), code=verdict.code)

    async def _settle_for_ever(self) -> None:
        while True:
            await self._finished.wait()
            await asyncio.sleep(_LINGER_SECONDS)
            batch = self._results[:_SETTLED_AT_ONCE]
            await self._settle(batch)
            del self._results[: len(batch)]
            if not self._results:
                self._finished.clear()
            if self.claims.is_behind and self.claims.room >= _PULL_FROM:
                await self.pull()

    async def _settle(self, batch: list[store.Settlement]) -> None:
        """Until it is written: what the platform answered is known only here."""
        while True:
            try:
                # what is being settled makes room for what comes next, one a conversation
                with self.claims.made(Claim(len(batch))) as claim:
                    await settle(self._database, batch, claim)
                    self.claims.count -= len(batch)
            except NeighbourAway as away:
                log.info("settling_waits", count=len(batch), reason=str(away))
                await asyncio.sleep(_PAUSE_SECONDS)
            except Exception as error:  # noqa: BLE001  one bad answer must not hold up the others
                if len(batch) == 1:
                    await self._settle_broken(batch[0], error)
                    return
                for one in batch:
                    await self._settle([one])
                return
            else:
                return

    async def _settle_broken(self, one: store.Settlement, error: Exception) -> None:
        log.error("settlement_refused", operation=one.claimed.operation_id, exc_info=error)
        if one.msg_id is not None:  # the only part that can collide with another attempt
            await self._settle([replace(one, msg_id=None, reason="msg_id_repeated")])
        else:
            self.claims.count -= 1  # its lease runs out and makes it unknown
