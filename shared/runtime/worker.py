"""Runs the event side of services: lanes, relays, clock, alarms. The only place that makes tasks."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from shared import inbox
from shared.contracts.routing import lanes_of
from shared.db.engine import ALL_TENANTS
from shared.errors import NeighbourAway
from shared.http import idempotency
from shared.inbox import Quarantine
from shared.observability import metrics
from shared.outbox import Relay
from shared.queue import Clock, Lane, Tick
from shared.runtime.resources import Resources
from shared.runtime.service import Service, Worker

log = structlog.get_logger()


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
    return Running(
        service,
        worker,
        Relay(database, resources.streams),
        [
            Lane(service.name, lane, worker.handlers, resources.streams, quarantine)
            for lane in lanes_of(service.name)
        ],
    )


def _housekeeping(running: Running, resources: Resources) -> list[Tick]:
    database = resources.database(running.service.name)

    async def clean() -> None:
        await inbox.purge(database)
        async with database.transaction(ALL_TENANTS, seconds=60) as tx:
            await idempotency.purge(tx)

    async def measure() -> None:
        rows, age = await running.relay.depth()
        metrics.outbox_rows.labels(running.service.name).set(rows)
        metrics.outbox_oldest.labels(running.service.name).set(age)

    name = running.service.name
    return [Tick(f"{name}.clean", 3600, clean), Tick(f"{name}.measure", 15, measure)]


@asynccontextmanager
async def running_workers(
    services: Sequence[Service], resources: Resources
) -> AsyncIterator[list[Running]]:
    """All workers of `services` in this loop. A loop that dies ends the process: the supervisor restarts it."""
    parts = [assemble(service, resources) for service in services]
    ticks = [t for p in parts for t in (*p.worker.ticks, *_housekeeping(p, resources))]
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
            loops += [lane.run() for lane in part.lanes]
            loops += [alarm.ring() for alarm in part.worker.alarms]
            loops += [loop() for loop in part.worker.background]  # type: ignore[misc]
            tasks += [group.create_task(loop) for loop in loops]
        clock = Clock(resources.settings.redis_url.get_secret_value(), resources.process, ticks)
        tasks += [group.create_task(clock.run()), group.create_task(_watch_loop())]
        yield parts
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def running_offers(
    services: Sequence[Service], resources: Resources
) -> AsyncIterator[list[Running]]:
    """What a process without workers needs: its own commits are carried out at once, by nobody else."""
    relays = [Relay(resources.database(s.name), resources.streams) for s in services]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(relay.run_offers()) for relay in relays]
        tasks.append(group.create_task(_watch_loop()))
        yield []
        for task in tasks:
            task.cancel()


async def _watch_loop() -> None:
    while True:
        before = time.monotonic()
        await asyncio.sleep(1)
        metrics.loop_lag.set(max(time.monotonic() - before - 1, 0))


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
