"""Looks by time at what accounts publish and no event tells: new videos, live broadcasts that begin and end.

An answer counts only if no other look of the account ended meanwhile, and what it says is written and told
in one transaction: twice or late, it changes nothing.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from services.douyin.actions.asking import AskDeps, ask
from services.douyin.actions.directory import Account
from services.douyin.actions.limits import daily_limit
from services.douyin.domain.posts import Video, compare, pause_of, rooms_in, since, videos_in
from services.douyin.domain.questions import Question
from services.douyin.domain.refusals import PlatformBusy
from services.douyin.store import posts
from services.douyin.store.posts import LookDue
from shared import ids
from shared.contracts.envelope import Envelope, Event, Origin
from shared.contracts.events.douyin import LiveEnded, LiveStarted, VideoPublished
from shared.db import ALL_TENANTS, Tx
from shared.errors import AppError, NeighbourAway

log = structlog.get_logger()

_VIDEOS: Final = "/api/douyin/v1/video/video_list/"
_ROOMS: Final = "/room/data/room_id/get/"
_AT_ONCE: Final = 20
_ROUND_SECONDS: Final = 12.0  # a tick has 20; who is left comes with the next
_PAGE, _MOST_PAGES = 20, 10
_REFUSED_PAUSE: Final = timedelta(hours=6)  # without the scope the next question is refused, too
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at each account every so often, less often where an app's calls would not last for a day."""

    deps: AskDeps
    question: Question
    subject: str
    every: timedelta

    async def run(self) -> None:
        """Look at the accounts that are due."""
        began = time.monotonic()
        while time.monotonic() - began < _ROUND_SECONDS:
            due, now = await self._claim()
            async with asyncio.TaskGroup() as group:
                for one in due:
                    group.create_task(self._look(one, now))
            if len(due) < _AT_ONCE:
                return

    async def _claim(self) -> tuple[list[LookDue], datetime]:
        async with self.deps.database.transaction(ALL_TENANTS) as tx:
            return await posts.claim_looks(tx, self.subject, self.every, _AT_ONCE), tx.now

    async def _look(self, due: LookDue, now: datetime) -> None:
        deps = self.deps
        try:
            account = await deps.directory.account(due.organization_id, due.account_id)
            if account is None or not account.is_usable(now):
                return  # nothing is asked; when it is authorised again, it is looked at again
            await self._spread(due, account)
            read = self._read_videos if due.subject == "video" else self._read_rooms
            await read(due, account, now)
        except (PlatformBusy, NeighbourAway) as later:
            log.info("look_waits", account=due.account_id, subject=due.subject, reason=repr(later))
        except AppError as refusal:
            log.info(
                "look_refused", account=due.account_id, subject=due.subject, reason=refusal.code
            )
            error = str(refusal.facts.get("reason") or refusal.code)
            async with deps.database.transaction(ALL_TENANTS) as tx:
                await posts.put_off_look(tx, due, _REFUSED_PAUSE, error)

    async def _spread(self, due: LookDue, account: Account) -> None:
        """Look less often where all accounts of the app would use up the day too early."""
        app = (account.organization_id, account.client_key)
        async with self.deps.database.transaction(ALL_TENANTS) as tx:
            most = await daily_limit(tx, app, self.question.calls)
            pause = pause_of(self.every, await posts.accounts_of(tx, *app), most) or _DAY
            if pause > self.every:
                await posts.put_off_look(tx, due, pause, None)

    async def _read_videos(self, due: LookDue, account: Account, now: datetime) -> None:
        """Page by page, until a page has nothing new."""
        deps, tenant = self.deps, (due.organization_id, due.account_id)
        get = partial(self.deps.asking.get, _VIDEOS, open_id=account.open_id, count=_PAGE)
        found: dict[str, Video] = {}
        cursor: object = 0
        for _ in range(_MOST_PAGES):
            fields = await ask(deps, account, self.question, partial(get, cursor=cursor))
            page = videos_in(fields)
            found.update({one.item_id: one for one in page})
            async with self.deps.database.transaction(due.organization_id) as tx:
                known = await posts.known_videos(tx, tenant, [one.item_id for one in page])
            cursor = fields.get("cursor")
            more = fields.get("has_more") is True and isinstance(cursor, int | str)
            if not more or len(known) == len(page):
                break
        async with self.deps.database.transaction(due.organization_id) as tx:
            if not await posts.end_look(tx, due, now):
                return
            for row in await posts.add_videos(tx, due, list(found.values())):
                if row.is_news:
                    event = VideoPublished(
                        item_id=row.item_id, title=row.title, published_at=row.published_at
                    )
                    _tell(tx, due, event, row.item_id, 1)

    async def _read_rooms(self, due: LookDue, account: Account, now: datetime) -> None:
        deps, tenant = self.deps, (due.organization_id, due.account_id)
        begin = since(due.read_until, now)
        get = partial(
            self.deps.asking.get,
            _ROOMS,
            open_id=account.open_id,
            start_time=int(begin.timestamp()),
            end_time=int(now.timestamp()) + 1,
        )
        answered = rooms_in(await ask(deps, account, self.question, get))
        if answered is None:
            raise PlatformBusy("Douyin named no rooms", reason="no_room_ids")
        async with self.deps.database.transaction(due.organization_id) as tx:
            if not await posts.end_look(tx, due, now):
                return
            known = await posts.rooms_of(tx, tenant, answered)
            news = compare(answered, known, [room for room, goes_on in known.items() if goes_on])
            for row in await posts.start_broadcasts(tx, tenant, news.started):
                event = LiveStarted(room_id=row.room_id, seen_at=row.seen_at)
                _tell(tx, due, event, row.room_id, 1)
            for row in await posts.end_broadcasts(tx, tenant, news.ended, begin):
                end = LiveEnded(room_id=row.room_id, ended_by=row.ended_by or now)
                _tell(tx, due, end, row.room_id, 2)


def _tell(tx: Tx, due: LookDue, event: Event, subject: str, seq: int) -> None:
    origin = Origin(due.organization_id, due.account_id, ids.new("obs"), ids.trace_parent())
    tx.publish(Envelope.of(event, origin, subject=subject, seq=seq, at=tx.now))
