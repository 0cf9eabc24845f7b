"""A teller and its hearers: they have the names of real services, but tests write their handlers."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis
import sqlalchemy as sa

from services.embedded.servers import ValkeyServer
from shared import ids, inbox
from shared.contracts.envelope import Envelope, Event, Origin
from shared.contracts.events.direct_messages import SendNotRequested
from shared.db import ALL_TENANTS
from shared.inbox import Quarantine
from shared.outbox import Relay
from shared.queue import Handler, Lane
from shared.queue.lanes import Patience
from shared.runtime import Resources
from tests.support.world import resources_for

TELLER, HEARER, LANE = "direct_messages", "quota", "settled"
STREAM, ACKS = f"siyu:{HEARER}:{LANE}", f"siyu:acks:{TELLER}"
LATE_STREAM = f"{STREAM}:late"
AT_ONCE = Patience(handler_seconds=5, retry_seconds=(0, 0, 0, 0), sweep_seconds=0)
NOON = datetime(2024, 2, 10, 4, 0, tzinfo=UTC)
_EFFECT = sa.text("INSERT INTO effect SELECT * FROM unnest(CAST(:ids AS text[]))")


class Road:
    """Databases and carrier between a teller and its hearers; each process has resources of its own."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.database_url, self.redis_url = database_url, redis_url
        self.carrier = redis.Redis.from_url(redis_url)
        self._processes: dict[str, Resources] = {}

    def process(self, name: str, **changed: Any) -> Resources:
        """The resources of the process of that name, its settings `changed`."""
        if name not in self._processes:
            made = resources_for(self.database_url, self.redis_url, **changed)
            made.process = name
            made.streams._consumer = name
            self._processes[name] = made
        return self._processes[name]

    async def restarted(self, name: str) -> None:
        """The process died; its next life knows nothing of the last one."""
        await self._processes.pop(name).close()

    def relay(self, process: str = "teller", service: str = TELLER) -> Relay:
        """A relay of the service, in that process."""
        resources = self.process(process)
        return Relay(resources.database(service), resources.streams)

    def lane(self, handler: Handler, process: str = "hearer", patience: Patience = AT_ONCE) -> Lane:
        """The hearer's lane, in that process, with that handler of the teller's only event."""
        handlers = {SendNotRequested.type: handler}
        quarantine = Quarantine(self.process(process).database(HEARER))
        streams = self.process(process).streams
        return Lane(HEARER, LANE, handlers, streams, quarantine, patience)

    async def tell(self, *words: str, process: str = "teller") -> list[str]:
        """Commit one event a word in one transaction; their ids."""
        async with self.process(process).database(TELLER).transaction(ALL_TENANTS) as tx:
            envelopes = [an_event(word) for word in words]
            for envelope in envelopes:
                tx.publish(envelope)
        return [envelope.id for envelope in envelopes]

    async def write(self, envelopes: list[Envelope]) -> None:
        """What hearers do: the inbox marks and one row an event in `effect`, in one transaction."""
        async with self.process("hearer").database(HEARER).transaction(ALL_TENANTS) as tx:
            fresh = await inbox.take(tx, envelopes)
            words = [e.data["operation_id"] for e in envelopes if e.id in fresh]
            await tx.execute(_EFFECT, {"ids": words})

    async def effects(self) -> list[str]:
        """The words that had an effect, each as often as it had one."""
        rows = await self.sql(f'SELECT word FROM {HEARER}.effect ORDER BY word COLLATE "C"')
        return [row[0] for row in rows]

    async def unacknowledged(self, service: str = TELLER) -> list[tuple[str, str]]:
        """(event id, hearer) of every row in the service's outbox."""
        rows = await self.sql(f"SELECT id, hearer FROM {service}.outbox ORDER BY id, hearer")
        return [(row[0], row[1]) for row in rows]

    async def make_due(self) -> None:
        """Let the teller's patience with every unacknowledged row end now."""
        await self.sql(f"UPDATE {TELLER}.outbox SET send_after = now()")

    def in_stream(self) -> int:
        """Entries on the hearer's lane."""
        return self.new_in_stream() + int(self.carrier.xlen(LATE_STREAM))  # type: ignore[arg-type]

    def new_in_stream(self) -> int:
        """Entries in the stream of what is new."""
        return int(self.carrier.xlen(STREAM))  # type: ignore[arg-type]

    def pending(self) -> int:
        """Entries that a consumer took and did not finish."""
        streams = (STREAM, LATE_STREAM)
        return sum(int(self.carrier.xpending(s, HEARER)["pending"]) for s in streams)  # type: ignore[index, misc]

    async def waiting(self) -> list[tuple[str, str]]:
        """(event id, reason) of what is in the hearer's quarantine."""
        found = await Quarantine(self.process("looker").database(HEARER)).waiting()
        return [(kept.id, kept.reason) for kept in found]

    async def sql(self, statement: str, *args: Any) -> list[Any]:
        """Do something as the owner of the database."""
        connection = await asyncpg.connect(self.database_url.replace("+asyncpg", ""))
        try:
            return list(await connection.fetch(statement, *args))
        finally:
            await connection.close()

    async def close(self) -> None:
        """End every process."""
        self.carrier.close()
        for process in self._processes.values():
            await process.close()


def an_event(word: str) -> Envelope:
    """The teller's event about that word."""
    return enveloped(SendNotRequested(operation_id=word, reservation_id="rsv_1"))


def enveloped(event: Event) -> Envelope:
    """Any event on its way."""
    origin = Origin("org_1", "acc_1", "evt_cause", ids.trace_parent())
    return Envelope.of(event, origin, subject="rsv_1", seq=0, at=NOON)


async def eventually(
    holds: Callable[[], bool | Awaitable[bool]], what: str, seconds: float = 10.0
) -> None:
    """Wait until it holds, or say what did not."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                found = holds()
                if await found if inspect.isawaitable(found) else found:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} seconds: {what}") from None


@asynccontextmanager
async def running(*loops: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Run loops until the block ends; a loop that dies fails the test."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop) for loop in loops]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def turn(lane: Lane, *, most: int = 100) -> None:
    """Turn a lane by hand until it has nothing left to do."""
    quiet = 0
    for _ in range(most):
        quiet = 0 if await lane.step(block_ms=0) or lane._later else quiet + 1
        if quiet > 1:
            return
    raise AssertionError("the lane did not come to rest")


async def opened(database_url: str, redis_url: str) -> Road:
    """A road whose hearer can have effects."""
    road = Road(database_url, redis_url)
    await road.sql(
        f"DO $$ BEGIN CREATE TABLE {HEARER}.effect (word text NOT NULL);"
        f" GRANT SELECT, INSERT ON {HEARER}.effect TO {HEARER}; END $$"
    )
    return road


@pytest.fixture
async def road(database_url: str, redis_url: str) -> AsyncIterator[Road]:
    """A road over the carrier that all tests share."""
    made = await opened(database_url, redis_url)
    yield made
    await made.close()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A carrier that a test may kill; it forgets everything when it dies."""
    with ValkeyServer(tmp_path / "valkey", persistent=False) as server:
        yield server


@pytest.fixture
async def breakable(database_url: str, own_valkey: ValkeyServer) -> AsyncIterator[Road]:
    """A road over `own_valkey`."""
    made = await opened(database_url, own_valkey.url())
    yield made
    await made.close()
