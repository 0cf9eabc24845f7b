"""Takes signed webhooks in: many at once, one transaction, stored before anyone is told."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from services.douyin import store
from services.douyin.actions.directory import Account, App, Directory
from services.douyin.actions.translating import is_told, translate
from services.douyin.domain.webhooks import (
    Echoed,
    Fact,
    Intake,
    Reading,
    Webhook,
    age_refusal,
    interpret,
)
from shared import ids
from shared.contracts.envelope import Envelope, Event, Origin
from shared.db import ALL_TENANTS, Database, Tx
from shared.errors import NeighbourAway
from shared.failpoints import failpoint
from shared.observability import metrics
from shared.sealing import Sealer

log = structlog.get_logger()

LINGER_SECONDS = 0.001
PACE_SECONDS = 0.008  # under load a batch a pace: a commit costs the same for one as for fifty
ECHO_SECONDS = 0.025  # nobody waits for an echo, and what it shows is being settled just now
MOST_IN_BATCH = 256
ANSWER_SECONDS = 1.2  # with PostgreSQL away or hanging, the platform gets its 503 before two
_AT_ONCE = 1  # while one batch is written the next is collected: few and large commits


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook whose signature held, with what is known of its app and account."""

    app: App
    account: Account | None
    webhook: Webhook
    reading: Reading
    body: bytes
    msg_id_header: str | None
    trace: str


@dataclass(slots=True)
class _Line:
    """Deliveries that are written together. `rests`: how long a batch lies before it is."""

    pace: float
    rests: float = 0.0
    open: "_Batch | None" = None
    written_at: float = 0.0


@dataclass(slots=True)
class _Batch:
    deliveries: list[Delivery]
    followers: list[asyncio.Future[None]] = field(default_factory=list)

    def end(self, error: Exception | None) -> None:
        for follower in self.followers:
            if follower.done():
                continue
            if error is None:
                follower.set_result(None)
            else:
                follower.set_exception(error)


class IntakeDesk:
    """Collects concurrent deliveries; the first of a batch writes it for all."""

    def __init__(
        self, database: Database, directory: Directory, sealer: Sealer, *, is_door: bool = True
    ) -> None:
        self.directory = directory
        self._database, self._sealer = database, sealer
        self._news = _Line(PACE_SECONDS)
        self._echoes = _Line(ECHO_SECONDS, rests=ECHO_SECONDS)
        self._writing = asyncio.Semaphore(_AT_ONCE)
        # silence counts from here, and only where there is a door
        self._heard = metrics.webhook_heard.now if is_door else lambda: None
        self._heard()

    async def accept(
        self, app: App, webhook: Webhook, body: bytes, msg_id_header: str | None
    ) -> None:
        """Return when the event is stored. Raises NeighbourAway when PostgreSQL is away."""
        account = await self.directory.bound(app.client_key, webhook.account_ids)
        open_id = account.open_id if account else ""
        reading = interpret(webhook, app.client_key, open_id)
        delivery = Delivery(app, account, webhook, reading, body, msg_id_header, ids.trace_parent())
        line = self._echoes if isinstance(reading.fact, Echoed) else self._news
        batch = line.open
        if batch is None or len(batch.deliveries) >= MOST_IN_BATCH:
            batch = line.open = _Batch([delivery])
            await self._lead(line, batch)
            return
        batch.deliveries.append(delivery)
        follower = asyncio.get_running_loop().create_future()
        batch.followers.append(follower)
        await follower  # the leader's deadline is ours too

    async def _lead(self, line: _Line, batch: _Batch) -> None:
        error: Exception | None = NeighbourAway("the batch was not stored", neighbour="postgresql")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                pause = line.written_at + line.pace - time.monotonic()
                await asyncio.sleep(max(pause, LINGER_SECONDS))
                if line.rests:
                    _close(line, batch)
                    await asyncio.sleep(line.rests)
                async with self._writing:
                    _close(line, batch)
                    line.written_at = time.monotonic()
                    await self._write(batch.deliveries)
            error = None
        except TimeoutError as late:
            error = NeighbourAway("PostgreSQL is too slow", neighbour="postgresql")
            raise error from late
        except Exception as failed:
            error = failed
            raise
        finally:
            _close(line, batch)
            batch.end(error)

    async def _write(self, deliveries: Sequence[Delivery]) -> None:
        async with self._database.transaction(ALL_TENANTS) as tx:
            rows = [self._row(delivery, tx.now) for delivery in deliveries]
            fresh = await store.insert_inbound(tx, rows)
            stored = [(d, row) for d, row in zip(deliveries, rows, strict=True) if row.id in fresh]
            handled = [(d, row.id) for d, row in stored if row.state == Intake.HANDLED]
            await self._tell_all(tx, handled)
            await failpoint("inbox.before_commit")
        await failpoint("inbox.after_commit")
        self._heard()
        results = Counter(row.state for _, row in stored)
        results["duplicate"] = len(rows) - len(stored)
        for result, count in results.items():
            metrics.child(metrics.webhooks, result).inc(count)
        for _, row in stored:
            log.info(
                "webhook_stored",
                cause=row.id,
                webhook=row.event,
                state=row.state,
                reason=row.reason,
            )

    async def _tell_all(self, tx: Tx, handled: Sequence[tuple[Delivery, str]]) -> None:
        """Tell what is news: all but the echoes of what was answered with their ids."""
        echoes = {key for delivery, _ in handled if (key := _echo_key(delivery))}
        known = await store.only_repeated(tx, echoes) if echoes else set()
        for delivery, cause in handled:
            if _echo_key(delivery) not in known:
                self._tell(tx, delivery, cause)

    def _tell(self, tx: Tx, delivery: Delivery, cause: str) -> None:
        account, fact = delivery.account, delivery.reading.fact
        if account is None or fact is None:
            return
        origin = Origin(account.organization_id, account.account_id, cause, delivery.trace)
        event = self._event(fact, delivery, tx.now)
        seq = fact.at_ms or int(tx.now.timestamp() * 1000)
        tx.publish(Envelope.of(event, origin, subject=fact.subject, seq=seq, at=tx.now))

    def _event(self, fact: Fact, delivery: Delivery, now: datetime) -> Event:
        seal = partial(self._sealer.seal, delivery.app.organization_id, day=now.date())
        return translate(fact, seal, now, lives_by_arrival=delivery.app.max_age is None)

    def _row(self, delivery: Delivery, now: datetime) -> store.InboundRow:
        reading, app = delivery.reading, delivery.app
        state, reason = reading.state, reading.reason
        late = age_refusal(reading.at_ms, now, app.max_age)
        told_later = None
        if late is not None:
            state, reason = Intake.QUARANTINED, late
        elif delivery.account is None and state != Intake.QUARANTINED:
            state, reason = Intake.IGNORED, "account_not_bound"
        elif reading.fact is not None and not is_told(reading.fact):
            state = Intake.STORED
            told_later = self._event(reading.fact, delivery, now).model_dump_json()
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
            reading=told_later,
            body=self._sealer.seal_bytes(app.organization_id, delivery.body, now.date()),
        )


def _close(line: _Line, batch: _Batch) -> None:
    if line.open is batch:
        line.open = None


def _echo_key(delivery: Delivery) -> store.EchoKey | None:
    """What names the message that an echo shows; None for everything else."""
    account, fact = delivery.account, delivery.reading.fact
    if account is None or not isinstance(fact, Echoed):
        return None
    return account.organization_id, account.account_id, fact.message_id
