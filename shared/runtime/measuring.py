"""What a scrape cannot ask for itself: heartbeats, ages and lengths of queues, measured every ten seconds.

Each process measures for itself and with a loop of its own: a clock rings in one process of many,
and stands still with Redis, just when somebody wants to see the queues grow.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

from shared import inbox
from shared.db.engine import ALL_TENANTS
from shared.errors import NeighbourAway
from shared.observability import metrics
from shared.queue.readers import CarrierAway
from shared.runtime.heartbeat import beat
from shared.runtime.resources import Resources

log = structlog.get_logger()

EVERY = 10.0  # seconds; a heartbeat is missed after thirty
Lanes = Sequence[tuple[str, str]]  # service and lane
Depth = Callable[[], Awaitable[tuple[int, float]]]


class Gauges:
    """Everything that one process measures."""

    def __init__(self, resources: Resources, services: Sequence[str]) -> None:
        self._resources, self._services = resources, services
        self.lanes: Lanes = ()
        self.depths: dict[str, Depth] = {}  # service → rows of its outbox and their age
        self.measures: list[Callable[[], Awaitable[None]]] = []
        for service in services:
            settings, database = resources.settings, resources.database(service)
            metrics.watch_pool(service, settings.database_connections, database.in_use)

    async def run(self) -> None:
        """Measure until cancelled; what fails is shown and tried again."""
        while True:
            await self.once()
            await asyncio.sleep(EVERY)

    async def once(self) -> None:
        """Measure everything now."""
        if await self._asked("postgresql", self._beat):
            for measure in (self._outboxes, self._quarantines, *self.measures):
                await self._asked("postgresql", measure)
        await self._asked("redis", self._streams)

    async def _asked(self, neighbour: str, measure: Callable[[], Awaitable[None]]) -> bool:
        answered = True
        try:
            await measure()
        except (NeighbourAway, CarrierAway) as away:
            answered = False
            log.info("measure_waits", neighbour=neighbour, reason=str(away))
        except Exception:
            log.exception("measure_failed")
        metrics.child(metrics.neighbour_up, neighbour).set(answered)
        return answered

    async def _beat(self) -> None:
        database = self._resources.database(self._services[0])
        ages = await beat(database, self._resources.instance, self._resources.process)
        metrics.heartbeat_age.clear()  # a role that was retired is not shown for ever
        for process, age in ages.items():
            metrics.heartbeat_age.labels(process).set(age)

    async def _outboxes(self) -> None:
        for service, depth in self.depths.items():
            rows, age = await depth()
            metrics.child(metrics.outbox_rows, service).set(rows)
            metrics.child(metrics.outbox_oldest, service).set(age)

    async def _quarantines(self) -> None:
        for service in self.depths:
            async with self._resources.database(service).transaction(ALL_TENANTS) as tx:
                metrics.child(metrics.quarantine_size, service).set(await inbox.quarantined(tx))

    async def _streams(self) -> None:
        for (service, lane), (entries, age) in (
            await self._resources.streams.backlogs(self.lanes)
        ).items():
            metrics.child(metrics.lane_entries, service, lane).set(entries)
            metrics.child(metrics.inbox_oldest, service, lane).set(age)


async def watch_loop() -> None:
    """Show how late this loop wakes, until cancelled."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(1)
        metrics.worst_loop_lag.add(max(time.monotonic() - before - 1, 0))
