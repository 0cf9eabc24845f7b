"""Keeps an app within the calls that the platform allows it, over all processes.

PostgreSQL counts the day and hands out stretches of time; a process takes some of both at a time.
"""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from services.douyin import store
from services.douyin.actions.directory import Directory
from services.douyin.domain.limits import DAILY, Calls, Day, day_of, taken_at_once
from shared.db import ALL_TENANTS, Database, Tx
from shared.errors import NeighbourAway, NotFound
from shared.http.client import NotSent

log = structlog.get_logger()

_ASKED_AGAIN_SECONDS = 2.0  # a used up day may be given back by another process, or raised
_THROTTLED_SECONDS = 1.0
PATIENCE_SECONDS = 3.0  # of whoever asks a question or for a token

_Key = tuple[str, str, Calls]  # organization, client key, what is counted


@dataclass(frozen=True, slots=True)
class NotYet:
    """It is not this call's turn for so many seconds."""

    seconds: float


class NotAllowed(Exception):
    """The platform does not allow the call before `until`, a business time; `reason` is a stable word."""

    def __init__(self, reason: str, until: datetime) -> None:
        super().__init__(reason)
        self.reason, self.until = reason, until


@dataclass(slots=True)
class _Block:
    """Calls that are this process's: how many are left, and when the next may leave."""

    day: Day
    left: int
    next_at: float  # of the monotonic clock
    gap: float  # seconds between two calls
    ends_at: float  # until when the time for them is this process's
    dry_at: float | None  # when it turned out that the day has nothing left

    def is_late(self) -> bool:
        """Whether the next call would leave in time that may be another process's."""
        return self.gap > 0 and max(self.next_at, time.monotonic()) >= self.ends_at


@dataclass(frozen=True, slots=True)
class DailyView:
    """How one kind of calls stands today."""

    calls: Calls
    limit: int | None  # None: the platform names no number
    taken: int
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class LimitsView:
    """What the platform allows an app, and what is taken."""

    client_key: str
    day: Day
    daily: list[DailyView]
    calls_per_second: int | None


@dataclass(slots=True)
class CallBudget:
    """The calls that this process may make. One a process."""

    database: Database
    _blocks: dict[_Key, _Block] = field(default_factory=dict)
    _asking: dict[_Key, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _paused: dict[str, float] = field(default_factory=dict)

    async def take(
        self, app: tuple[str, str], calls: Calls, now: datetime, patience: float
    ) -> float | NotYet | None:
        """Take one call of (organization, client key): in how many seconds it may leave.

        NotYet, and nothing is taken: that is longer than `patience`. None: the day is used up.
        Raises NeighbourAway.
        """
        key = (*app, calls)
        block = self._blocks.get(key)
        if block is None or block.left == 0 or now >= block.day.ends_at or block.is_late():
            async with self._asking[key]:
                block = await self._fresh(key, now)
        if block.left == 0:
            return None
        at = time.monotonic()
        leaves_at = max(block.next_at, self._paused.get(app[1], 0.0), at)
        if leaves_at - at > patience:
            return NotYet(leaves_at - at)
        block.left -= 1
        block.next_at = leaves_at + block.gap
        return leaves_at - at

    async def wait(self, app: tuple[str, str], calls: Calls) -> datetime:
        """Take one call and return when it may leave: the business time. Raises NotAllowed, NeighbourAway."""
        async with self.database.transaction(ALL_TENANTS) as tx:
            now = tx.now
        turn = await self.take(app, calls, now, PATIENCE_SECONDS)
        if turn is None:
            raise NotAllowed("daily_quota_used", day_of(now).ends_at)
        if isinstance(turn, NotYet):
            raise NotAllowed("throttled", now + timedelta(seconds=turn.seconds))
        if turn:
            await asyncio.sleep(turn)
        return now

    async def _fresh(self, key: _Key, now: datetime) -> _Block:
        """A block with something left, or one that says for a moment that nothing is."""
        block = self._blocks.get(key)
        left = 0
        if block is not None and now < block.day.ends_at:
            dry = block.dry_at
            if block.left and not block.is_late():
                return block
            if dry and time.monotonic() - dry < _ASKED_AGAIN_SECONDS:
                return block
            left = block.left
        self._blocks[key] = fresh = await self._ask(key, day_of(now), left)
        return fresh

    async def _ask(self, key: _Key, day: Day, left: int) -> _Block:
        """Calls of that day: those that are `left` of a block that is late, or new ones."""
        organization_id, client_key, calls = key
        kept, begins, gap = store.Kept(*key, day.date), 0.0, 0.0
        async with self.database.transaction(ALL_TENANTS) as tx:
            limits = await store.limits_of(tx, organization_id, client_key, _policy_key(calls))
            most = _most(calls, limits)
            used = await store.lock_day(tx, kept)
            count = left or taken_at_once(calls, most, limits.per_second)
            if used.closed_at:
                count = 0
            elif not left:
                count = count if most is None else max(min(count, most - used.taken), 0)
                await store.take(tx, kept, count)
            if count and limits.per_second is not None:
                gap = 1 / limits.per_second
                lasts = timedelta(seconds=count * gap)
                begins = await store.pace(tx, organization_id, client_key, lasts)
        if not count:
            log.warning("daily_calls_used_up", client_key=client_key, calls=calls.value, limit=most)
        at = time.monotonic()
        first = at + max(begins, 0.0)
        return _Block(day, count, first, gap, first + count * gap, None if count else at)

    def throttled(self, client_key: str) -> None:
        """The platform says that it was asked too fast: let it rest for a second."""
        self._paused[client_key] = time.monotonic() + _THROTTLED_SECONDS

    async def used_up(self, app: tuple[str, str], calls: Calls, now: datetime) -> None:
        """The platform says that the day is used up: it knows."""
        day = day_of(now)
        block = self._blocks.get((*app, calls))
        if block is not None:
            block.left, block.dry_at = 0, time.monotonic()
        try:
            async with self.database.transaction(ALL_TENANTS) as tx:
                await store.close_day(tx, store.Kept(*app, calls, day.date))
        except NeighbourAway:
            return  # the next refusal says it again
        log.warning("daily_calls_refused", client_key=app[1], calls=calls.value)

    async def give_back(self) -> None:
        """Let others have what was taken and not used. Raises NeighbourAway."""
        left = [(k, b) for k, b in self._blocks.items() if b.left]
        self._blocks.clear()
        if not left:
            return
        async with self.database.transaction(ALL_TENANTS) as tx:
            for key, block in sorted(left, key=lambda one: one[0]):
                await store.take(tx, store.Kept(*key, block.day.date), -block.left)


async def show_limits(database: Database, organization_id: str, client_key: str) -> LimitsView:
    """What the platform allows the app today, and what is taken. Raises NotFound."""
    async with database.transaction(organization_id) as tx:
        if await store.find_app(tx, organization_id, client_key) is None:
            raise NotFound
        day, daily, per_second = day_of(tx.now), [], None
        for calls in Calls:
            limits = await store.limits_of(tx, organization_id, client_key, _policy_key(calls))
            kept = store.Kept(organization_id, client_key, calls, day.date)
            used = await store.read_day(tx, kept)
            most = _most(calls, limits)
            daily.append(DailyView(calls, most, used.taken, used.closed_at))
            per_second = limits.per_second
    return LimitsView(client_key, day, daily, per_second)


@dataclass(frozen=True, slots=True)
class TokenTurns:
    """Lets calls for tokens leave within what the platform allows the app. They have no daily end."""

    budget: CallBudget
    directory: Directory

    async def __call__(self, client_key: str) -> None:
        """Return when one call may leave. Raises NotSent, NeighbourAway."""
        app = await self.directory.app(client_key)
        if app is None:
            return
        try:
            await self.budget.wait((app.organization_id, client_key), Calls.TOKEN)
        except NotAllowed as refused:
            raise NotSent(refused.reason) from refused


async def daily_limit(tx: Tx, app: tuple[str, str], calls: Calls) -> int | None:
    """How many such calls (organization, client key) may make in a day; None: nobody names a number."""
    return _most(calls, await store.limits_of(tx, *app, _policy_key(calls)))


def _most(calls: Calls, limits: store.Limits) -> int | None:
    return DAILY.get(calls) if limits.per_day is None else limits.per_day


def _policy_key(calls: Calls) -> str:
    return f"api.daily_calls.{calls.value}"
