"""Finds webhooks that never came: the platform's interaction log is read, and what is new goes in as if posted."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from services.douyin import store
from services.douyin.actions.asking import AskDeps, ask, usable_account
from services.douyin.actions.directory import Account, App
from services.douyin.actions.intake import IntakeDesk
from services.douyin.domain.questions import INTERACTIONS
from services.douyin.domain.refusals import PlatformBusy
from services.douyin.domain.strict_json import NotStrict, parse_object
from services.douyin.domain.webhooks import read
from services.douyin.store import RepairDue
from shared.db import ALL_TENANTS
from shared.errors import AppError, NeighbourAway

log = structlog.get_logger()

_PATH: Final = "/api/douyin/v1/interactive/intention/log/list/"
_AT_ONCE: Final = 20  # accounts a round
_PAGE, _MOST_PAGES = 100, 10
_FIRST_LOOK: Final = timedelta(hours=1)
_OVERLAP: Final = timedelta(minutes=10)  # the log may be behind the webhooks
_REFUSED_PAUSE: Final = timedelta(hours=6)  # without the scope the next question is refused, too
# taken in twice, these change nothing: by the id of their message, or by their time
_REPAIRED: Final = frozenset(
    {"im_receive_msg", "im_send_msg", "im_recall_msg", "new_follow_action"}
)


@dataclass(frozen=True, slots=True)
class Repairer:
    """Reads the log of each account every `every`."""

    deps: AskDeps
    desk: IntakeDesk
    every: timedelta

    async def run(self) -> None:
        """Repair the accounts that are due."""
        async with self.deps.database.transaction(ALL_TENANTS) as tx:
            due = await store.claim_repairs(tx, self.every, _AT_ONCE)
            now = tx.now
        async with asyncio.TaskGroup() as group:
            for one in due:
                group.create_task(self._repair(one, now))

    async def _repair(self, due: RepairDue, now: datetime) -> None:
        since = due.read_until - _OVERLAP if due.read_until else now - _FIRST_LOOK
        try:
            account = await usable_account(self.deps, due.organization_id, due.account_id)
            app = await self.deps.directory.app(account.client_key)
            if app is None:
                return
            found = await self._read(account, app, since, now)
        except (PlatformBusy, NeighbourAway) as away:
            log.info("repair_waits", account=due.account_id, reason=str(away))
            return
        except AppError as refusal:
            log.info("repair_refused", account=due.account_id, reason=refusal.code)
            async with self.deps.database.transaction(ALL_TENANTS) as tx:
                await store.put_off_repair(tx, due, _REFUSED_PAUSE)
            return
        async with self.deps.database.transaction(ALL_TENANTS) as tx:
            await store.end_repair(tx, due, now)
        log.info("interaction_log_read", account=due.account_id, events=found)

    async def _read(self, account: Account, app: App, since: datetime, now: datetime) -> int:
        """Take in what the log holds of that time; how many events it named."""
        get = partial(
            self.deps.asking.get,
            _PATH,
            open_id=account.open_id,
            start_time=int(since.timestamp()),
            end_time=int(now.timestamp()) + 1,
            count=_PAGE,
        )
        session, found = "", 0
        for _ in range(_MOST_PAGES):
            page = partial(get, query_session=session) if session else get
            fields = await ask(self.deps, account, INTERACTIONS, page)
            infos = fields.get("intention_log_infos")
            for info in infos if isinstance(infos, list) else []:
                found += await self._take(app, info)
            following = fields.get("query_session")
            if fields.get("has_more") is not True or not isinstance(following, str):
                break
            session = following
        return found

    async def _take(self, app: App, info: object) -> bool:
        content = info.get("content") if isinstance(info, dict) else None
        if not isinstance(content, str):
            return False
        body = content.encode("utf-8", "replace")
        try:
            parsed = parse_object(body)
        except NotStrict:
            return False
        webhook = read(parsed)
        if webhook.event not in _REPAIRED or parsed.get("client_key") != app.client_key:
            return False
        await self.desk.accept(app, webhook, body, None)
        return True
