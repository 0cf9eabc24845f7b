"""Sends webhooks: many at once, of one endpoint a few, each outside of any transaction.

A claim is a lease in PostgreSQL, so whoever dies in between lets it be sent again: at least once, under the same id.
It counts as a try: what meets an error of ours, or kills its process, is given up like what no receiver takes.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Literal

import structlog

from services.open_platform.actions.webhook_endpoints import secret_place
from services.open_platform.clients import Receivers
from services.open_platform.domain.deliveries import (
    GIVE_UP_AFTER,
    OUR_ERROR,
    TROUBLED_FROM,
    DeliveryState,
    Told,
    Verdict,
    judge,
    most_tries,
)
from services.open_platform.domain.webhooks import DisabledReason, signature
from services.open_platform.store import webhook_deliveries as store
from services.open_platform.store.webhook_deliveries import Claimed
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.open_platform import WebhookEndpointTroubled
from shared.db import ALL_TENANTS, Database, Tx
from shared.errors import NeighbourAway
from shared.failpoints import failpoint
from shared.observability import metrics
from shared.sealing import SealBroken, Sealer

log = structlog.get_logger()

_AT_ONCE = 128
_OF_ONE_ENDPOINT = 8  # one that fails has one
_LEASE = timedelta(seconds=60)  # a try takes 15 at most
_LOOK_EVERY = 2.0  # what another process wrote is seen so soon; what this one heard, at once
_AWAY = 1.0


class Courier:
    """Everything between a delivery that is due and how its try ended. One a process."""

    def __init__(
        self, database: Database, sealer: Sealer, receivers: Receivers, share: Callable[[], float]
    ) -> None:
        self._database, self._sealer, self._receivers = database, sealer, receivers
        self._share = share  # chance from 0 to 1
        self._under_way: dict[str, tuple[str, str]] = {}  # delivery → endpoint
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something may have become due."""
        self._woken.set()

    async def run(self) -> None:
        """Send what is due until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._woken.clear()
                try:
                    due = await self._seconds_to_next()
                    found = await self.claim() if due <= 0 else []
                    # what is overdue and not taken waits for room, and whoever makes room wakes us
                    pause = due if 0 < due < _LOOK_EVERY else _LOOK_EVERY
                    for claimed in found:
                        group.create_task(self._carry(claimed))
                        self.wake()  # look at once for more
                except NeighbourAway as away:
                    log.info("webhooks_wait", reason=str(away))
                    pause = _AWAY
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._woken.wait()

    async def _carry(self, claimed: Claimed) -> None:
        try:
            await self.deliver(claimed)
        except NeighbourAway:  # it is given up when the lease ends
            log.info("webhook_not_settled", delivery=claimed.delivery.id)
        except Exception:  # the others go on, and this one is tried again when the lease ends
            log.exception("webhook_failed", delivery=claimed.delivery.id)
        self.wake()

    async def claim(self) -> list[Claimed]:
        """Take what is due and there is room for. Each must go through `deliver`."""
        room = _AT_ONCE - len(self._under_way)
        if room <= 0:
            return []
        async with self._database.transaction(ALL_TENANTS) as tx:
            found = await store.claim(tx, room, _OF_ONE_ENDPOINT, self._under_way, _LEASE)
        await failpoint("webhooks.after_claim")
        self._under_way.update({claimed.delivery.id: claimed.place for claimed in found})
        return found

    async def deliver(self, claimed: Claimed) -> None:
        """One try, and how it ended; what was tried too often is given up. Raises NeighbourAway."""
        try:
            most = most_tries(claimed.delivery.event_type)
            if claimed.earlier >= most:
                await self._give_up(claimed, most)
                return
            began = time.monotonic()
            told = await self._told(claimed)
            ms = round((time.monotonic() - began) * 1000)
            verdict = judge(told, claimed.delivery.event_type, claimed.earlier, self._share())
            await self._settle(claimed, verdict, told, ms)
        finally:
            del self._under_way[claimed.delivery.id]

    async def _told(self, claimed: Claimed) -> Told:
        """What the receiver said, or that an error of ours came between."""
        try:
            told = await self._send(claimed)
            await failpoint("webhooks.after_send")
        except Exception:
            log.exception("webhook_failed", delivery=claimed.delivery.id)
            return Told(None, OUR_ERROR)
        return told

    async def _send(self, claimed: Claimed) -> Told:
        try:
            secrets = self._secrets(claimed)
        except SealBroken:
            return Told(None, "secret_unreadable")
        event_id = claimed.delivery.event_id
        headers = {
            "webhook-id": event_id,
            "webhook-timestamp": str(claimed.at),
            "webhook-signature": signature(secrets, event_id, claimed.at, claimed.body),
        }
        return await self._receivers.tell(claimed.url, claimed.body, headers)

    def _secrets(self, claimed: Claimed) -> list[str]:
        secrets = [self._sealer.open(secret_place(*claimed.place), claimed.secret)]
        if claimed.previous_secret is not None:
            earlier = secret_place(*claimed.place, "previous_secret")
            secrets.append(self._sealer.open(earlier, claimed.previous_secret))
        return secrets

    async def _settle(self, claimed: Claimed, verdict: Verdict, told: Told, ms: int) -> None:
        """Write down how it ended. It was sent: while PostgreSQL is away, that is remembered here."""
        delivery = claimed.delivery
        while True:
            try:
                async with self._database.transaction(delivery.organization_id) as tx:
                    if await store.settle(tx, claimed, verdict, told, ms):
                        await _note(tx, claimed, told, verdict)
                break
            except NeighbourAway:
                log.info("webhook_not_settled", delivery=delivery.id)
                await asyncio.sleep(_AWAY)
        metrics.child(metrics.webhook_attempts, told.trouble or "taken").inc()
        if verdict.state is not DeliveryState.PENDING:
            metrics.child(metrics.webhook_deliveries, verdict.state).inc()
        log.info(
            "webhook_tried",
            delivery=delivery.id,
            endpoint=delivery.endpoint_id,
            status=told.status,
            trouble=told.trouble,
            state=verdict.state,
        )

    async def _give_up(self, claimed: Claimed, most: int) -> None:
        """No try of the last ones came to its end: whoever sent it died, or could not write it down."""
        delivery = claimed.delivery
        async with self._database.transaction(delivery.organization_id) as tx:
            if not await store.give_up(tx, claimed, most, OUR_ERROR):
                return
        metrics.child(metrics.webhook_deliveries, DeliveryState.FAILED).inc()
        log.error("webhook_given_up", delivery=delivery.id, endpoint=delivery.endpoint_id)

    async def _seconds_to_next(self) -> float:
        async with self._database.transaction(ALL_TENANTS) as tx:
            found = await store.seconds_to_next(tx)
        return _LOOK_EVERY if found is None else found

    async def measure(self) -> None:
        """Set the gauges."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            due = await store.seconds_to_next(tx)
            failing = await store.failing_endpoints(tx)
        metrics.webhook_oldest.set(max(-(due or 0.0), 0.0))
        metrics.webhook_failing.set(failing)


async def _note(tx: Tx, claimed: Claimed, told: Told, verdict: Verdict) -> None:
    """What the try says of the endpoint; that it is in trouble, other endpoints are told once."""
    place = claimed.place
    if told.trouble is None:
        await store.note_taken(tx, place)
        return
    if told.trouble == OUR_ERROR:  # which says nothing of the endpoint
        return
    is_hopeless = await store.note_failed(tx, place, GIVE_UP_AFTER)
    disables = verdict.disables or (DisabledReason.FAILING if is_hopeless else None)
    if disables is not None:
        if await store.disable(tx, place, disables):
            _tell(tx, claimed, "disabled", disables)
        return
    if claimed.earlier + 1 >= TROUBLED_FROM and await store.note_troubled(tx, place):
        _tell(tx, claimed, "failing", told.trouble)


def _tell(tx: Tx, claimed: Claimed, trouble: Literal["failing", "disabled"], reason: str) -> None:
    delivery = claimed.delivery
    event = WebhookEndpointTroubled(
        endpoint_id=delivery.endpoint_id, trouble=trouble, reason=reason
    )
    origin = Origin(
        delivery.organization_id, delivery.account_id or "", delivery.event_id, ids.trace_parent()
    )
    tx.publish(Envelope.of(event, origin, subject=delivery.endpoint_id, seq=1, at=tx.now))
    log.warning("webhook_endpoint_troubled", endpoint=delivery.endpoint_id, trouble=trouble)
