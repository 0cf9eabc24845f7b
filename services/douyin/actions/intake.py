"""Takes signed webhooks in: many at once, one transaction, stored before anyone is told."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from services.douyin import store
from services.douyin.actions.directory import Account, App, Directory
from services.douyin.domain.webhooks import (
    Echoed,
    Entered,
    Fact,
    Followed,
    Intake,
    PersonWrote,
    Reading,
    Received,
    Webhook,
    age_refusal,
    interpret,
    moment,
)
from shared import ids
from shared.contracts.envelope import Envelope, Event, Origin
from shared.contracts.events.douyin import (
    FanFollowed,
    MessageEchoed,
    MessageReceived,
    PageEntered,
    PersonAnswered,
)
from shared.db import ALL_TENANTS, Database, Tx
from shared.errors import NeighbourAway
from shared.failpoints import failpoint
from shared.observability import metrics
from shared.sealing import Sealer

LINGER_SECONDS = 0.0015
MOST_IN_BATCH = 256
ANSWER_SECONDS = 1.5  # with PostgreSQL away or hanging, the platform gets its 503 before two
_AT_ONCE = 2  # one batch is written while the next is collected


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook whose signature held, with what is known of its app and account."""

    app: App
    account: Account | None
    webhook: Webhook
    reading: Reading
    body: bytes
    msg_id_header: str | None


@dataclass(slots=True)
class _Batch:
    deliveries: list[Delivery] = field(default_factory=list)
    stored: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class IntakeDesk:
    """Collects concurrent deliveries; the first of a batch writes it for all."""

    def __init__(self, database: Database, directory: Directory, sealer: Sealer) -> None:
        self.directory = directory
        self._database, self._sealer = database, sealer
        self._open: _Batch | None = None
        self._writing = asyncio.Semaphore(_AT_ONCE)

    async def accept(
        self, app: App, webhook: Webhook, body: bytes, msg_id_header: str | None
    ) -> None:
        """Return when the event is stored. Raises NeighbourAway when PostgreSQL is away."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._accept(app, webhook, body, msg_id_header)
        except TimeoutError as late:
            raise NeighbourAway("PostgreSQL is too slow", neighbour="postgresql") from late

    async def _accept(self, app: App, webhook: Webhook, body: bytes, header: str | None) -> None:
        account = await self.directory.bound(app.client_key, webhook.account_ids)
        reading = interpret(webhook, app.client_key)
        delivery = Delivery(app, account, webhook, reading, body, header)
        batch = self._open
        if batch is not None and len(batch.deliveries) < MOST_IN_BATCH:
            batch.deliveries.append(delivery)
            await asyncio.shield(batch.stored)  # one that gives up does not take the others with it
            return
        batch = self._open = _Batch([delivery])
        await self._lead(batch)

    async def _lead(self, batch: _Batch) -> None:
        try:
            await asyncio.sleep(LINGER_SECONDS)
            async with self._writing:
                if self._open is batch:
                    self._open = None
                await self._write(batch.deliveries)
        except BaseException as error:
            if self._open is batch:
                self._open = None
            if not batch.stored.done():
                away = NeighbourAway("the batch was not stored", neighbour="postgresql")
                batch.stored.set_exception(error if isinstance(error, Exception) else away)
                batch.stored.exception()  # nobody else may be waiting
            raise
        batch.stored.set_result(None)

    async def _write(self, deliveries: Sequence[Delivery]) -> None:
        results: Counter[str] = Counter()
        async with self._database.transaction(ALL_TENANTS) as tx:
            rows = [_row(delivery, tx.now) for delivery in deliveries]
            fresh = await store.insert_inbound(tx, rows)
            for delivery, row in zip(deliveries, rows, strict=True):
                results[row.state if row.id in fresh else "duplicate"] += 1
                if row.id in fresh and row.state == Intake.HANDLED:
                    self._tell(tx, delivery, row.id)
            await failpoint("inbox.before_commit")
        await failpoint("inbox.after_commit")
        for result, count in results.items():
            metrics.webhooks.labels(result).inc(count)

    def _tell(self, tx: Tx, delivery: Delivery, cause: str) -> None:
        account, fact = delivery.account, delivery.reading.fact
        if account is None or fact is None:
            return
        origin = Origin(account.organization_id, account.account_id, cause, ids.trace_parent())
        event = self._event(fact, delivery, tx.now)
        tx.publish(Envelope.of(event, origin, subject=fact.fan, seq=fact.at_ms, at=tx.now))

    def _event(self, fact: Fact, delivery: Delivery, now: datetime) -> Event:
        created_at = moment(fact.at_ms)
        # an app without a maximum age lives by arrival: its events may be years old (design.md §10.2)
        opened_at = now if delivery.app.max_age is None else created_at
        match fact:
            case Received():
                return MessageReceived(
                    message_id=fact.message_id,
                    conversation_id=fact.conversation_id,
                    open_id=fact.fan,
                    kind=fact.kind,
                    text=self._seal(delivery.app, fact.text, now),
                    created_at=created_at,
                    window_opened_at=opened_at,
                )
            case Entered():
                return PageEntered(
                    message_id=fact.message_id,
                    conversation_id=fact.conversation_id,
                    open_id=fact.fan,
                    created_at=created_at,
                    window_opened_at=opened_at,
                )
            case Followed():
                return FanFollowed(open_id=fact.fan, followed_at=created_at)
            case Echoed():
                return MessageEchoed(
                    message_id=fact.message_id,
                    conversation_id=fact.conversation_id,
                    open_id=fact.fan,
                    kind=fact.kind,
                    content_hash=fact.content_hash,
                    created_at=created_at,
                )
            case PersonWrote():
                return PersonAnswered(
                    message_id=fact.message_id,
                    conversation_id=fact.conversation_id,
                    open_id=fact.fan,
                    kind=fact.kind,
                    text=self._seal(delivery.app, fact.text, now),
                    created_at=created_at,
                )
        assert_never(fact)

    def _seal(self, app: App, text: str | None, now: datetime) -> str | None:
        return None if text is None else self._sealer.seal(app.organization_id, text, now.date())


def _row(delivery: Delivery, now: datetime) -> store.InboundRow:
    reading, app = delivery.reading, delivery.app
    state, reason = reading.state, reading.reason
    late = age_refusal(reading.at_ms, now, app.max_age)
    if late is not None:
        state, reason = Intake.QUARANTINED, late
    elif delivery.account is None and state != Intake.QUARANTINED:
        state, reason = Intake.IGNORED, "account_not_bound"
    return store.InboundRow(
        organization_id=app.organization_id,
        account_id=delivery.account.account_id if delivery.account else "",
        client_key=app.client_key,
        event=delivery.webhook.event,
        dedupe_key=reading.message_id or hashlib.sha256(delivery.body).hexdigest(),
        id=ids.new("evt"),
        state=state.value,
        reason=reason,
        kind=reading.kind,
        msg_id_header=delivery.msg_id_header,
        body=delivery.body,
    )
