"""P5: events between services, from the sender's transaction to the hearer's commit, both in PostgreSQL.

The parts are those of every service: outbox, relay, stream, lane, inbox; the hearer only notes when
it committed. Beside it the same hop by plain arq jobs, without any PostgreSQL.
"""

import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import asyncpg

from services.embedded.demo import ACCOUNT, ORGANIZATION
from services.embedded.servers import Command, ValkeyServer
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.douyin import MessageReceived
from shared.db import ALL_TENANTS, Database
from shared.outbox import Relay
from tests.load import hop
from tests.load.figures import Peer, Result, at_least, below, figure, percentile
from tests.load.generator import run_loop
from tests.load.parts import Shape
from tests.load.peers import told
from tests.load.rules import resources_of
from tests.load.system import MASTER_KEY, Layout, System, Void, separate_processes

_BATCH = 100  # events of one transaction
_SENDERS = 4  # transactions at once
_UNDER_WAY = 3_000  # what a stream takes without leaving anything to the net
_PAUSE = 0.05  # between single events
_PATIENCE = 60
_LEFT = "SELECT count(*) FROM douyin.outbox WHERE hearer = 'direct_messages'"
_MARKED = "SELECT count(*) FROM direct_messages.inbox WHERE id = ANY($1)"

Times = dict[str, float]


def measure(shape: Shape) -> list[Result]:
    """Events a second in batches, milliseconds of single ones, and arq beside them."""
    rates: list[float] = []
    middles: list[float] = []
    tails: list[float] = []
    theirs: list[tuple[float, float]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        system = stack.enter_context(separate_processes(folder, Layout(roles=[])))
        notes = folder / "heard"
        stack.enter_context(_hearer(system, folder, notes))
        valkey = stack.enter_context(ValkeyServer(folder / "of-arq", tcp_port=0))
        jobs = folder / "ran"
        words = [sys.executable, "-m", "tests.load.peers.arq_jobs", "work", valkey.tcp_url()]
        stack.enter_context(Command("arq", [*words, str(jobs)], folder / "arq.log", stop_within=5))
        for run in range(shape.runs + 1):
            count = shape.of(20_000, 1_000) if run else _BATCH  # the first one only warms
            rate, singles = run_loop(_send(system, notes, count, shape.of(200, 20)))
            if run:
                rates.append(rate)
                middles.append(percentile(singles, 0.5))
                tails.append(percentile(singles, 0.99))
                theirs.append(_arq(valkey.tcp_url(), jobs, shape))
    name = "arq jobs, poll 10 ms, 500 at once, no PostgreSQL"
    many, one = Peer(name, [rate for rate, _ in theirs]), Peer(name, [ms for _, ms in theirs])
    return [
        figure("P5 events in batches", "events/s", rates, at_least(10_000), many),
        figure("P5 single event, p50", "ms", middles, below(10), one),
        figure("P5 single event, p99", "ms", tails, below(50)),
    ]


def _hearer(system: System, folder: Path, notes: Path) -> Command:
    words = [sys.executable, "-m", "tests.load.hop", str(notes)]
    environment = {
        "DATABASE_URL": system.database_url,
        "REDIS_URL": system.redis_url,
        "SIYU_MASTER_KEY": MASTER_KEY,
    }
    return Command("hearer", words, folder / "hearer.log", environment=environment, stop_within=5)


# ------------------------------------------------------------------------------------- ours


async def _send(system: System, notes: Path, count: int, singles: int) -> tuple[float, list[float]]:
    """Events a second, and the milliseconds of single ones. Raises Void unless each was heard once."""
    resources = resources_of(system.database_url, system.redis_url, MASTER_KEY)
    database = resources.database("douyin")
    relay = Relay(database, resources.streams)
    loops = [relay.run_offers(), relay.run_net(), relay.run_acknowledgements()]
    carrying = [asyncio.create_task(loop) for loop in loops]
    try:
        before = _heard(notes)
        rate = await _in_batches(database, notes, count)
        sent = await _one_by_one(database, notes, singles)
        heard = _read(notes, before)
        if len(heard) != count + singles or not sent.keys() <= heard.keys():
            raise Void(f"{len(heard)} of {count + singles} events were heard")
        await _check(system, heard)
    finally:
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
        await resources.close()
    return rate, [(heard[event] - at) * 1000 for event, at in sent.items()]


async def _in_batches(database: Database, notes: Path, count: int) -> float:
    first, began = _heard(notes), time.monotonic()
    starts = iter(range(0, count, _BATCH))

    async def publish() -> None:
        for start in starts:
            await _publish(database, min(_BATCH, count - start))
            # another process says it, by the length of its file
            while start - (_heard(notes) - first) > _UNDER_WAY:  # noqa: ASYNC110
                await asyncio.sleep(0.002)

    await asyncio.gather(*(publish() for _ in range(_SENDERS)))
    await _until_heard(notes, first + count)
    return count / (time.monotonic() - began)


async def _one_by_one(database: Database, notes: Path, count: int) -> Times:
    first, sent = _heard(notes), Times()
    for _ in range(count):
        before = time.time()
        sent[(await _publish(database, 1))[0]] = before
        await asyncio.sleep(_PAUSE)
    await _until_heard(notes, first + count)
    return sent


async def _publish(database: Database, count: int) -> list[str]:
    async with database.transaction(ALL_TENANTS) as tx:
        envelopes = [_envelope(tx.now) for _ in range(count)]
        for envelope in envelopes:
            tx.publish(envelope)
    return [envelope.id for envelope in envelopes]


async def _until_heard(notes: Path, count: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while _heard(notes) < count:
        if time.monotonic() > deadline:
            raise Void(f"{_heard(notes)} of {count} events after {_PATIENCE} s")
        await asyncio.sleep(0.002)


async def _check(system: System, heard: Times) -> None:
    """The inbox holds what was noted, and the sender forgets all of it."""
    connection = await asyncpg.connect(system.database_url.replace("+asyncpg", ""))
    try:
        marked = await connection.fetchval(_MARKED, list(heard))
        deadline = time.monotonic() + _PATIENCE
        left = await connection.fetchval(_LEFT)
        while left and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
            left = await connection.fetchval(_LEFT)
    finally:
        await connection.close()
    if marked != len(heard) or left:
        raise Void(f"{marked} of {len(heard)} events in the inbox, {left} left in the outbox")


def _envelope(now: datetime) -> Envelope:
    event = MessageReceived(
        message_id="@bench==",
        conversation_id="@bench-conversation==",
        open_id="bench-fan",
        kind="text",
        text="x" * 120,  # as long as a sealed sentence
        created_at=now,
        window_opened_at=now,
    )
    origin = Origin(ORGANIZATION, ACCOUNT, "evt_bench", ids.trace_parent())
    return Envelope.of(event, origin, subject="bench-fan", seq=0, at=now)


def _heard(notes: Path) -> int:
    return notes.stat().st_size // hop.LINE if notes.exists() else 0


def _read(notes: Path, after: int) -> Times:
    """Event → when its hearer had committed; a second line of an event would be missing here."""
    lines = notes.read_text("ascii").splitlines()[after:]
    return {event: float(at) for event, at in (line.split() for line in lines)}


# --------------------------------------------------------------------------------- the peer


def _arq(url: str, jobs: Path, shape: Shape) -> tuple[float, float]:
    """Jobs a second, and the median milliseconds of single ones. Raises Void unless each ran once."""
    sending = [sys.executable, "-m", "tests.load.peers.arq_jobs", "send", url]
    many: Times = told([*sending, str(shape.of(2_000, 100)), "0"])
    ran = _ran(jobs, many)
    rate = len(many) / (max(ran.values()) - min(many.values()))
    few: Times = told([*sending, str(shape.of(100, 10)), str(_PAUSE)])
    ran = _ran(jobs, few)
    return rate, percentile([(ran[job] - at) * 1000 for job, at in few.items()], 0.5)


def _ran(jobs: Path, sent: Times) -> Times:
    deadline = time.monotonic() + _PATIENCE
    while True:
        lines = [line.split() for line in jobs.read_text("ascii").splitlines()]
        ran = [(job, float(at)) for job, at in lines if job in sent]
        if len(ran) >= len(sent):
            break
        if time.monotonic() > deadline:
            raise Void(f"arq ran {len(ran)} of {len(sent)} jobs")
        time.sleep(0.05)
    if len(dict(ran)) != len(ran):
        raise Void("arq ran a job twice")
    return dict(ran)
