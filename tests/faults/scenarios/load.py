"""Too much, at the wrong time, or what nobody can handle."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import redis

from shared.contracts.envelope import Envelope
from tests.e2e.wire import DEMO
from tests.faults.bugs import DIES_OF_ONE
from tests.faults.deadly import EATS, HANGS, KILLS
from tests.faults.stage import Stage
from tests.faults.tenants import OTHER

_STREAM = "siyu:direct_messages:live"
_ASIDE = "SELECT id, reason FROM direct_messages.quarantine WHERE quarantined_at IS NOT NULL"
_PUT_ASIDE_WITHIN = 150.0
_AGAIN_SECONDS = 15.0
_BOUND = 5_000
_SKEWS = (("90", "-90"), ("3600", "-3600"))  # seconds by which the two connectors are wrong
_MONTH_END = (  # until two seconds before a month of Shanghai ends
    "SELECT (date_trunc('month', siyu.business_now() AT TIME ZONE 'Asia/Shanghai') + interval '1 month')"
    " AT TIME ZONE 'Asia/Shanghai' - interval '2 seconds' - siyu.business_now() AS step"
)
_AT_ONCE = timedelta(days=14)  # tokens live for fifteen days, and are renewed when they are used
_DRAINED_WITHIN = 300.0
_BESIDE_SECONDS = (
    10.0  # in which what is new is answered beside a backlog; the goal is three for 95 %
)
_WAITS = "SELECT count(*) FROM douyin.outbox WHERE hearer = 'direct_messages'"


async def poison(stage: Stage) -> None:
    """F24. No envelope, an unknown type, and handlers that fail, kill, hang, and ask for four gigabytes."""
    for member in stage.lab.some("direct_messages-worker"):  # to the end of the run
        member.by = ("tests.faults.planted", DIES_OF_ONE.name)
        await stage.lab.restart(member)
    with stage.lab.carrier() as carrier:
        carrier.xadd(_STREAM, {"e": b"\x00 no envelope"})
        for raw in _POISON.values():
            carrier.xadd(_STREAM, {"e": raw})
    stage.note("poisoned", 1 + len(_POISON))
    stage.at_the_end.append(_is_put_aside)
    await stage.lab.until_ready(60)
    await stage.recovered("the stream was poisoned", 30)


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


_POISON = {
    name: _envelope(name, kind)
    for name, kind in (
        ("evt_poison_type", "douyin.unheard_of"),
        ("evt_poison_data", "douyin.message_received"),
        *((deadly, "douyin.message_received") for deadly in (KILLS, HANGS, EATS)),
    )
}


async def _is_put_aside(stage: Stage) -> None:
    """Each of them ended in quarantine, the failing ones after five tries each.

    A Valkey that forgot them meanwhile gets them again, as from a relay.
    """
    deadline = stage.lab.pace.deadline(_PUT_ASIDE_WITHIN)
    while missing := _POISON.keys() - (aside := await _put_aside(stage)).keys():
        if deadline.is_over:
            stage.complain(f"F24 {sorted(missing)} were not put aside")
            return
        with stage.lab.carrier() as carrier, contextlib.suppress(redis.RedisError):
            for name in missing:
                carrier.xadd(_STREAM, {"e": _POISON[name]})
        await asyncio.sleep(_AGAIN_SECONDS)
    if aside[KILLS] != "process_died":
        stage.complain(f"F24 what kills was put aside as {aside[KILLS]}")


async def _put_aside(stage: Stage) -> dict[str, str]:
    """Envelope → why it waits for a person."""
    rows = await asyncio.to_thread(stage.lab.rows, _ASIDE)
    return {row["id"]: row["reason"] for row in rows}


async def clocks_differ(stage: Stage) -> None:
    """F30. The business clock jumps, also over the end of a month; two connectors are wrong each its way."""
    await stage.guests.leave()  # an hour later their flows are over, and agents fell silent
    for step in (timedelta(hours=1), timedelta(days=1)):
        await stage.advance(step)
        await stage.sleep(2)
    await _over_the_month(stage)
    stage.guests.is_paused = False
    workers = stage.lab.some("douyin-worker")
    usual = {member.name: member.by for member in workers}
    for skews in _SKEWS if stage.long > 1 else _SKEWS[:1]:
        for member, skew in zip(workers, skews, strict=True):
            member.by = ("tests.faults.skewed", skew)
            await stage.lab.restart(member)
            stage.note("clock skewed")
        await stage.lab.until_ready(60)
        await stage.sleep(4)
    for member in workers:
        member.by = usual[member.name]
        await stage.lab.restart(member)
    await stage.lab.until_ready(60)


async def _over_the_month(stage: Stage) -> None:
    """To 23:59:58 of a month's last day in Shanghai, and over it while fans write."""
    while (left := (await asyncio.to_thread(stage.lab.rows, _MONTH_END))[0]["step"]) > _AT_ONCE:
        await stage.advance(min(left - _AT_ONCE, _AT_ONCE))
        for shop in (DEMO, OTHER):
            await stage.recovered("the clock was moved on", 30, shop)
    await stage.advance(left)
    await asyncio.sleep(4)
    stage.note("month ended")


async def backlog(stage: Stage) -> None:
    """F31. Nobody takes messages for a while; the streams stay bounded, and all is caught up with."""
    count = 700 if stage.long <= 1 else 20_000
    takers = stage.lab.some("direct_messages-worker")
    for member in takers:
        member.is_held = True
        stage.lab.kill(member)
    await stage.fans.burst(count)
    stage.note("waited in the backlog", count)
    await asyncio.sleep(2)
    with stage.lab.carrier() as carrier:
        length = carrier.xlen(_STREAM) + carrier.xlen(f"{_STREAM}:late")
        memory = int(carrier.info("memory")["used_memory"])
    if length > _BOUND:
        stage.complain(f"F31 the streams grew to {length}")
    if memory > 64 * 2**20:
        stage.complain(f"F31 Valkey took {memory >> 20} MB")
    for member in takers:
        member.is_held = False
    await stage.lab.until_ready(60)
    await _live_beside_old(stage)
    await stage.recovered("a backlog", _DRAINED_WITHIN)


async def _live_beside_old(stage: Stage) -> None:
    """While the backlog goes down, what is written now is answered too; the report says how soon."""
    while (await asyncio.to_thread(stage.lab.rows, _WAITS))[0]["count"] > 2 * _BOUND:
        await stage.recovered("a message came beside a backlog", _BESIDE_SECONDS)
        stage.note("live beside a backlog")
