"""The relay: hands a service's committed events to the streams of those who hear them.

What a transaction published is offered to the carrier straight after its commit. The net sends
again whatever was not acknowledged in time, so a lost offer, a dead process or an empty Redis
costs seconds and nothing else. What the net sends is late: what is new passes it, and so does
what comes of that in later services. Any number of relays may run.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import sqlalchemy as sa
import structlog

from shared.db.engine import ALL_TENANTS, Database, Delivery
from shared.errors import NeighbourAway
from shared.failpoints import failpoint
from shared.queue.readers import CarrierAway
from shared.queue.streams import Streams

log = structlog.get_logger()

_ACKNOWLEDGED_EVERY = 0.25  # seconds
_REFILLS_AFTER = 0.25  # seconds, while a stream has no room for what is due
_NET_EVERY = 5.0  # seconds; nothing is due for the net before fifteen
_AWAY_SECONDS = 2.0
_OFFERED = 10_000  # deliveries waiting in memory; beyond that the net sends them
_CLAIM = sa.text(
    "UPDATE outbox SET sends = sends + 1,"
    " send_after = now() + least(greatest(sends - 3, 1) * interval '15 seconds', interval '5 minutes')"
    " WHERE ctid = ANY(ARRAY(SELECT ctid FROM outbox WHERE hearer = :hearer AND lane = :lane"
    " AND send_after <= coalesce(CAST(:kicked AS timestamptz), now()) AND created_at <= now()"
    " ORDER BY send_after LIMIT :most FOR UPDATE SKIP LOCKED))"
    " RETURNING id, hearer, lane, envelope"
)
_WAITING = sa.text(
    "SELECT DISTINCT hearer, lane FROM (SELECT hearer, lane FROM outbox"
    " WHERE send_after <= coalesce(CAST(:kicked AS timestamptz), now()) ORDER BY send_after LIMIT 20000) due"
)
_ACKNOWLEDGED = sa.text(
    "DELETE FROM outbox WHERE hearer = :hearer AND id = ANY(CAST(:ids AS text[]))"
)
_HORIZON = sa.text("SELECT now() + interval '15 seconds'")
_SHORTEN = sa.text(
    "UPDATE outbox SET send_after = :horizon WHERE ctid = ANY(ARRAY(SELECT ctid FROM outbox"
    " WHERE send_after > :horizon ORDER BY send_after LIMIT 10000 FOR UPDATE SKIP LOCKED))"
)
_DEPTH = sa.text(
    "SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM"
    " (SELECT created_at FROM outbox ORDER BY send_after LIMIT 10000) oldest"
)


class Relay:
    """Carries the outbox of one service."""

    def __init__(self, database: Database, streams: Streams) -> None:
        self._database = database
        self._streams = streams
        self._offered: list[Delivery] = []
        self._wake = asyncio.Event()
        self._is_behind = False  # more was due than there was room for
        self._kicked = asyncio.Event()
        self._kicked.set()  # a new process finds what a dead one left
        database.after_commit = self.offer
        streams.when_lost.append(self.kick)

    def offer(self, deliveries: Sequence[Delivery]) -> None:
        """Send these soon; they are committed."""
        if len(self._offered) < _OFFERED:
            self._offered.extend(deliveries)
            self._wake.set()

    def kick(self) -> None:
        """Redis lost its data: send everything unacknowledged again, not only what is due."""
        self._kicked.set()

    async def run_offers(self) -> None:
        """Carry offers until cancelled."""
        while True:
            await self._wake.wait()
            try:
                await self.send_offered()
            except CarrierAway:
                await asyncio.sleep(0.2)  # the net sends them again

    async def send_offered(self) -> int:
        """Carry what is offered now; how many."""
        self._wake.clear()
        batch, self._offered = self._offered, []
        if batch:
            await self._streams.send(batch)
            await failpoint("outbox.after_publish")
        return len(batch)

    async def run_net(self) -> None:
        """Send again what was not acknowledged in time, until cancelled."""
        while True:
            try:
                sent = await self.send_due()
            except (NeighbourAway, CarrierAway) as away:
                log.info("relay_waits", service=self._database.schema, reason=str(away))
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            if not sent:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_REFILLS_AFTER if self._is_behind else _NET_EVERY):
                        await self._kicked.wait()

    async def send_due(self) -> int:
        """One pass of the net; how many were sent."""
        await self._streams.ping()
        kicked = self._kicked.is_set()
        self._kicked.clear()
        try:
            return await self._send_until(await self._horizon() if kicked else None)
        except (NeighbourAway, CarrierAway):
            if kicked:
                self._kicked.set()  # what was lost is still to be sent
            raise

    async def _horizon(self) -> datetime:
        """The end of the pauses that are cut short; longer ones are brought down to it."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            horizon: datetime = (await tx.execute(_HORIZON)).scalar()
            await tx.execute(_SHORTEN, {"horizon": horizon})
            return horizon

    async def _send_until(self, kicked: datetime | None) -> int:
        async with self._database.transaction(ALL_TENANTS) as tx:
            pairs = [(r.hearer, r.lane) for r in await tx.execute(_WAITING, {"kicked": kicked})]
        sent, self._is_behind = 0, bool(pairs)
        for hearer, lane in pairs:
            while (room := await self._streams.room(hearer, lane)) > 0:
                async with self._database.transaction(ALL_TENANTS) as tx:
                    limits = {
                        "hearer": hearer,
                        "lane": lane,
                        "kicked": kicked,
                        "most": min(room, 500),
                    }
                    rows = await tx.execute(_CLAIM, limits)
                await self._streams.send(
                    [
                        Delivery(r.id, r.hearer, r.lane, bytes(r.envelope), is_late=True)
                        for r in rows
                    ]
                )
                sent += len(rows)
                if len(rows) < min(room, 500):
                    break
        return sent

    async def run_acknowledgements(self) -> None:
        """Forget what hearers acknowledged, until cancelled."""
        reader = self._streams.acknowledgements(self._database.schema)
        while True:
            try:
                acknowledged = await reader.read(block_ms=5000)
            except CarrierAway:
                await asyncio.sleep(0.5)
                continue
            if acknowledged:  # nobody waits for this: many acknowledgements cost one commit
                await asyncio.sleep(_ACKNOWLEDGED_EVERY)
            while acknowledged:
                try:
                    await self.forget(acknowledged)
                    break
                except NeighbourAway:
                    await asyncio.sleep(0.5)

    async def forget(self, acknowledged: dict[str, list[str]]) -> None:
        """Delete rows that were acknowledged: hearer → event ids."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            for hearer, ids in acknowledged.items():
                await tx.execute(_ACKNOWLEDGED, {"hearer": hearer, "ids": sorted(ids)})

    async def depth(self) -> tuple[int, float]:
        """Unacknowledged rows (at most 10,000 counted) and the age of the oldest in seconds."""
        async with self._database.transaction(ALL_TENANTS) as tx:
            row = (await tx.execute(_DEPTH)).one()
            return int(row[0]), float(row[1])
