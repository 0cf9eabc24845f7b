"""Watches that the platform still posts to us: a slow receiver may be unsubscribed without a word."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from services.douyin import store
from services.douyin.actions.asking import AskDeps, ask_as_app
from services.douyin.actions.directory import App
from services.douyin.domain.questions import WEBHOOKS
from services.douyin.domain.subscriptions import switched_off
from services.douyin.store import SubscriptionRow
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.douyin import SubscriptionAlarm
from shared.db import ALL_TENANTS, Database, Tx
from shared.errors import AppError, NotFound
from shared.observability import metrics

__all__ = ["SubscriptionRow", "find_subscription", "measure", "watch"]

log = structlog.get_logger()

_SHOWN: Final = 10
_STATUS: Final = "/event/status/list/"
_UPDATE: Final = "/event/status/update/"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look at one app found."""

    events_off: list[str]
    error: str | None


async def watch(deps: AskDeps, silence: timedelta) -> None:
    """Look at every app: what is off is switched on again, and silence is told once."""
    alarming = 0
    for app in await deps.directory.apps():
        seen = await _look(deps, app)
        async with deps.database.transaction(ALL_TENANTS) as tx:
            before = await store.find_subscription(tx, app.organization_id, app.client_key)
            last = await store.last_event_at(tx, app.organization_id, app.client_key)
            quiet = None if last is None else (tx.now - last).total_seconds()
            after = SubscriptionRow(
                app.organization_id,
                app.client_key,
                seen.events_off,
                is_silent=quiet is not None and quiet > silence.total_seconds(),
                last_event_at=last,
                error=seen.error,
                checked_at=tx.now,
            )
            await store.save_subscription(tx, after)
            _tell(tx, before, after)
        alarming += after.is_silent or bool(after.events_off)
    metrics.webhook_apps_off.set(alarming)


async def measure(database: Database) -> None:
    """Show how long the most silent apps are silent; a rank and no id tells them apart."""
    async with database.transaction(ALL_TENANTS) as tx:
        silences = await store.longest_silences(tx, _SHOWN)
    metrics.subscription_silence.clear()  # an app that is gone is silent by right
    for rank, seconds in enumerate(silences, 1):
        metrics.subscription_silence.labels(rank).set(seconds)


async def find_subscription(
    deps: AskDeps, organization_id: str, client_key: str
) -> SubscriptionRow:
    """What the last look found. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        found = await store.find_subscription(tx, organization_id, client_key)
    if found is None:
        raise NotFound("no such Douyin app, or nobody has looked yet")
    return found


async def _look(deps: AskDeps, app: App) -> _Seen:
    get = partial(deps.asking.get, _STATUS)
    post = partial(deps.asking.post, _UPDATE)
    try:
        off = switched_off((await ask_as_app(deps, app.client_key, WEBHOOKS, get)).get("list"))
        if off:
            wanted = {"list": [{"event": event, "status": 1} for event in off]}
            await ask_as_app(deps, app.client_key, WEBHOOKS, lambda token: post(token, wanted))
            log.warning("webhooks_switched_on_again", client_key=app.client_key, events=off)
    except AppError as refusal:
        return _Seen([], str(refusal.facts.get("reason") or refusal.code))
    return _Seen(off, None)


def _tell(tx: Tx, before: SubscriptionRow | None, after: SubscriptionRow) -> None:
    """Publish what is worse than at the last look."""
    was_silent = before is not None and before.is_silent
    if not after.events_off and (was_silent or not after.is_silent):
        return
    log.error(
        "webhook_subscription_alarm",
        client_key=after.client_key,
        events_off=after.events_off,
        silent=after.is_silent,
    )
    event = SubscriptionAlarm(
        client_key=after.client_key,
        events_off=after.events_off,
        is_silent=after.is_silent,
        last_event_at=after.last_event_at,
    )
    origin = Origin(after.organization_id, "", ids.new("obs"), ids.trace_parent())
    seq = int(tx.now.timestamp() * 1000)
    tx.publish(Envelope.of(event, origin, subject=after.client_key, seq=seq, at=tx.now))
