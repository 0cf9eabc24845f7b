"""Runs the event side of services: lanes, relays, clock, alarms. The only place that makes tasks."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from shared import inbox
from shared.contracts.routing import lanes_of
from shared.db.engine import ALL_TENANTS, Database
from shared.errors import NeighbourAway
from shared.http import idempotency
from shared.inbox import Quarantine
from shared.outbox import Relay
from shared.queue import Clock, Lane, Tick
from shared.runtime.measuring import Gauges, watch_loop
from shared.runtime.resources import Resources
from shared.runtime.service import Service, Worker

log = structlog.get_logger()

_LANE_SECONDS = 90  # one batch may take sixty
_CLOCK_SECONDS = 60  # it looks every second
_CLEAN_SECONDS = 300
_PAGES = 50  # of each table, in the 20 seconds of a tick; the next one goes on
StandingStill = Callable[[], list[str]]


@dataclass
class Running:
    """The working parts of one service."""

    service: Service
    worker: Worker
    relay: Relay
    lanes: list[Lane]


def assemble(service: Service, resources: Resources) -> Running:
    """Build the parts of a worker without starting them."""
    database = resources.database(service.name)
    worker = service.build_worker(resources)
    quarantine = Quarantine(database)
    lanes = [
        Lane(service.name, lane, worker.handlers, resources.streams, quarantine)
        for lane in lanes_of(service.name)
    ]
    for lane in lanes:
        lane.has_room = worker.has_room.get(lane.lane, lane.has_room)
    return Running(service, worker, Relay(database, resources.streams), lanes)


async def clean(database: Database) -> None:
    """Forget what can no longer be asked for, page by page."""
    for purge in (inbox.purge, idempotency.purge):
        for _ in range(_PAGES):
            async with database.transaction(ALL_TENANTS) as tx:
                gone = await purge(tx)
            if not gone:
                break


def _housekeeping(running: Running, resources: Resources) -> Tick:
    database = resources.database(running.service.name)
    return Tick(f"{running.service.name}.clean", _CLEAN_SECONDS, partial(clean, database))


@asynccontextmanager
async def running_workers(
    services: Sequence[Service], resources: Resources
) -> AsyncIterator[StandingStill]:
    """All workers of `services` in this loop; what names the loops that stand still.

    A loop that dies ends the process: the supervisor restarts it.
    """
    parts = [assemble(service, resources) for service in services]
    ticks = [t for p in parts for t in (*p.worker.ticks, _housekeeping(p, resources))]
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for part in parts:
            if part.worker.running:
                await stack.enter_async_context(part.worker.running())
        tasks = []
        for part in parts:
            loops = [
                part.relay.run_offers(),
                part.relay.run_net(),
                part.relay.run_acknowledgements(),
            ]
            loops += [loop for lane in part.lanes for loop in (lane.run(), lane.keep())]
            loops += [alarm.ring() for alarm in part.worker.alarms]
            loops += [loop() for loop in part.worker.background]  # type: ignore[misc]
            tasks += [group.create_task(loop) for loop in loops]
        clock = Clock(resources.settings.redis_url.get_secret_value(), resources.process, ticks)
        more = [clock.run(), watch_loop(), _gauges(parts, resources).run()]
        tasks += [group.create_task(loop) for loop in more]
        yield lambda: _standing_still(parts, clock)
        for task in tasks:
            task.cancel()


def _gauges(parts: Sequence[Running], resources: Resources) -> Gauges:
    gauges = Gauges(resources, [part.service.name for part in parts])
    gauges.lanes = [(lane.service, lane.lane) for part in parts for lane in part.lanes]
    gauges.depths = {part.service.name: part.relay.depth for part in parts}
    gauges.measures = [measure for part in parts for measure in part.worker.measures]
    return gauges


def _standing_still(parts: Sequence[Running], clock: Clock) -> list[str]:
    now = time.monotonic()
    lanes = [lane for part in parts for lane in part.lanes]
    still = [f"{la.service}.{la.lane}" for la in lanes if now - la.alive_at > _LANE_SECONDS]
    return [*still, "clock"] if now - clock.alive_at > _CLOCK_SECONDS else still


@asynccontextmanager
async def running_offers(
    services: Sequence[Service], resources: Resources, *, is_watching: bool = False
) -> AsyncIterator[StandingStill]:
    """What a process without workers needs: its own commits are carried out at once, by nobody else.

    `is_watching`: it measures the queues too, whose workers run elsewhere.
    """
    relays = [Relay(resources.database(s.name), resources.streams) for s in services]
    async with asyncio.TaskGroup() as group:
        gauges = Gauges(resources, [s.name for s in services])
        if is_watching:
            gauges = _gauges([assemble(s, resources) for s in services], resources)
        loops = [*(relay.run_offers() for relay in relays), watch_loop(), gauges.run()]
        tasks = [group.create_task(loop) for loop in loops]
        yield list
        for task in tasks:
            task.cancel()


async def drain(parts: Sequence[Running], *, rounds: int = 200) -> None:
    """Carry and handle everything that is there, by hand, until nothing moves: for tests and commands."""
    quiet = 0
    for _ in range(rounds):
        moved = 0
        for part in parts:
            moved += await part.relay.send_offered()
        for part in parts:
            for lane in part.lanes:
                moved += await lane.step(block_ms=0)
        quiet = 0 if moved else quiet + 1
        if quiet > 1:
            return
    raise NeighbourAway("the workers did not come to rest")
