"""Too much, at the wrong time, or what nobody can handle."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import asyncpg

from shared.contracts.envelope import Envelope
from tests.faults.stage import Stage

_BOUND = 5_000
_OVERSHOOT = 1.25  # each process that sends knows only of its own
_ADVANCE = "UPDATE siyu.clock SET ahead = ahead + $1"
_SKEWS = ("90", "-90")
_DRAINED_WITHIN = 300.0


async def poison(stage: Stage) -> None:
    """F24. No envelope, one of a type that nobody knows, and one whose handler always fails."""
    bad = _envelope("evt_poison_data", "douyin.message_received")
    entries = (b"\x00 no envelope", _envelope("evt_poison_type", "douyin.unheard_of"), bad)
    with stage.lab.carrier() as carrier:
        for raw in entries:
            carrier.xadd("siyu:direct_messages:live", {"e": raw})
            stage.note("poisoned")
    stage.at_the_end.append(_is_put_aside)
    await stage.recovered("the stream was poisoned", 20)


def _envelope(event_id: str, kind: str) -> bytes:
    return Envelope(
        id=event_id,
        type=kind,
        version=1,
        organization_id="org_demo",
        account_id="acc_demo",
        subject="nobody",
        subject_seq=1,
        cause=event_id,
        occurred_at=datetime.now(UTC),
        trace="",
        data={},
    ).dump()


async def _is_put_aside(stage: Stage) -> None:
    """Each of them ended in quarantine, the failing one after five tries."""
    sql = (
        "SELECT count(*) FROM direct_messages.quarantine WHERE quarantined_at IS NOT NULL"
        " AND (id LIKE 'evt_poison%' OR id LIKE 'undecodable-%')"
    )
    deadline = time.monotonic() + 90
    while (found := (await asyncio.to_thread(stage.lab.rows, sql))[0]["count"]) < 3:
        if time.monotonic() > deadline:
            stage.complain(f"F24 only {found} of 3 poisoned envelopes were put aside")
            return
        await asyncio.sleep(1)


async def clocks_differ(stage: Stage) -> None:
    """F30. The business clock jumps, and two connectors are minutes apart from each other."""
    await stage.guests.leave()  # an hour later their flows are over, and agents fell silent
    connection = await asyncpg.connect(stage.lab.database_url)
    for step in (timedelta(hours=1), timedelta(days=1)):
        await connection.execute(_ADVANCE, step)
        ahead = {"advance_ms": round(step.total_seconds() * 1000)}
        await asyncio.to_thread(stage.lab.control, "clock", ahead)
        stage.note("clock moved")
        await stage.sleep(2)
    await connection.close()
    stage.guests.is_paused = False
    workers = stage.lab.some("douyin-worker")
    usual = {member.name: member.by for member in workers}
    for member, skew in zip(workers, _SKEWS, strict=True):
        member.by = ("tests.faults.skewed", skew)
        await stage.lab.restart(member)
        stage.note("clock skewed")
    await stage.lab.until_ready(60)
    await stage.sleep(4)
    for member in workers:
        member.by = usual[member.name]
        await stage.lab.restart(member)
    await stage.lab.until_ready(60)


async def backlog(stage: Stage) -> None:
    """F31. Nobody takes messages for a while; the stream stays bounded, and all is caught up with."""
    count = 700 if stage.long <= 1 else 20_000
    takers = stage.lab.some("direct_messages-worker")
    for member in takers:
        member.is_held = True
        stage.lab.kill(member)
    await stage.fans.burst(count)
    stage.note("waited in the backlog", count)
    await asyncio.sleep(2)
    with stage.lab.carrier() as carrier:
        length = carrier.xlen("siyu:direct_messages:live")
        memory = int(carrier.info("memory")["used_memory"])
    if length > _BOUND * _OVERSHOOT:
        stage.complain(f"F31 the stream grew to {length}")
    if memory > 64 * 2**20:
        stage.complain(f"F31 Valkey took {memory >> 20} MB")
    for member in takers:
        member.is_held = False
    await stage.lab.until_ready(60)
    await stage.recovered("a backlog", _DRAINED_WITHIN)
