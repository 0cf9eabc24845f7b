"""What is new never waits behind what is late, and neither does what comes of it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS
from shared.queue.lanes import Patience
from shared.queue.readers import BATCH
from shared.queue.streams import NEW
from tests.service.shared.conftest import (
    HEARER,
    LANE,
    TELLER,
    Road,
    an_event,
    eventually,
    running,
    turn,
)
from tests.service.shared.test_lanes import Handler, told


async def backlog(road: Road, size: int) -> list[str]:
    """Events that nobody took in time; the net has sent what there was room for."""
    old = [f"a{n:04}" for n in range(size)]
    await road.tell(*old)
    await road.restarted("teller")  # what it would have offered is forgotten
    await road.relay().send_due()
    return old


async def test_what_is_new_goes_before_a_backlog_whose_batches_follow(road: Road) -> None:
    old = await backlog(road, 3 * BATCH)
    handler = Handler(road)
    lane = road.lane(handler)
    await told(road, "new")
    assert (road.new_in_stream(), road.in_stream()) == (1, 3 * BATCH + 1)
    await lane.step(block_ms=0)
    assert handler.calls == [["new"], old[:BATCH]], "a batch of each"
    await turn(lane)
    assert await road.effects() == [*old, "new"]


async def test_what_finds_no_room_among_the_new_is_late_and_not_left_to_the_net(road: Road) -> None:
    words = [f"w{n:04}" for n in range(NEW + 300)]
    await told(road, *words)
    assert (road.new_in_stream(), road.in_stream()) == (NEW, NEW + 300)
    await turn(road.lane(road.write))
    assert await road.effects() == words


async def test_what_comes_of_something_late_is_late_too(road: Road) -> None:
    heard: list[Envelope] = []

    async def hear(envelopes: list[Envelope]) -> None:
        heard.extend(envelopes)
        await road.write(envelopes)

    await backlog(road, 1)
    await turn(road.lane(hear))
    assert [e.is_late for e in heard] == [True]
    relay = road.relay()
    async with road.process("teller").database(TELLER).transaction(ALL_TENANTS) as tx:
        tx.publish(replace(an_event("of it"), is_late=heard[0].origin.is_late))
        tx.publish(an_event("new"))
    await relay.send_offered()
    assert (road.new_in_stream(), road.in_stream()) == (1, 2), (
        "its offer is late, though it is young"
    )
    heard.clear()
    await turn(road.lane(hear))
    told_of = {e.data["operation_id"]: e.is_late for e in heard}
    assert told_of == {"new": False, "of it": True}


async def test_a_lane_without_room_for_what_is_late_goes_on_with_what_is_new(road: Road) -> None:
    await backlog(road, 1)
    lane = road.lane(road.write)
    lane.has_room = lambda: False
    lane._took_late = time.monotonic()
    await told(road, "new")
    await turn(lane)
    assert await road.effects() == ["new"]
    lane.has_room = lambda: True
    await turn(lane)
    assert await road.effects() == ["a0000", "new"]


async def test_what_is_late_goes_on_though_there_is_never_room(road: Road) -> None:
    await backlog(road, 1)
    patience = Patience(sweep_seconds=0, late_seconds=0.1)
    lane = road.lane(road.write, patience=patience)
    lane.has_room = lambda: False
    lane._took_late = time.monotonic()
    await lane.step(block_ms=0)
    assert await road.effects() == []
    await asyncio.sleep(0.11)
    await lane.step(block_ms=0)
    assert await road.effects() == ["a0000"]


QUICK = Patience(sweep_seconds=0, renew_seconds=0.05, abandoned_ms=300)


@contextmanager
def at_work(road: Road) -> Iterator[Any]:
    """A handler that works until it is told to end."""
    ended = asyncio.Event()
    yield Handler(road, {"slow": ended.wait}), ended
    ended.set()


async def test_nobody_takes_over_what_is_still_worked_on(road: Road) -> None:
    await told(road, "slow", "other")
    with at_work(road) as (handler, ended):
        lane, second = road.lane(handler, patience=QUICK), Handler(road)
        async with running(lane.run(), lane.keep()):
            await eventually(lambda: bool(handler.calls), "the first process works")
            async with running(road.lane(second, "another", QUICK).run()):
                await asyncio.sleep(1.0)
                assert second.calls == [], "three times as long as the dead are waited for"
                ended.set()
                await eventually(lambda: road.pending() == 0, "it is finished")
    assert (handler.calls, second.calls) == ([["slow", "other"]], [])
    assert await road.effects() == ["other", "slow"]


async def test_what_a_process_had_that_stands_still_is_taken_over(road: Road) -> None:
    """It does not renew its claim: nobody can know whether it will ever go on."""
    await told(road, "slow")
    with at_work(road) as (handler, _):
        second = Handler(road)
        async with running(road.lane(handler, patience=QUICK).run()):
            await eventually(lambda: bool(handler.calls), "the first process works")
            async with running(road.lane(second, "another", QUICK).run()):
                await eventually(lambda: second.calls == [["slow"]], "the other takes it")
                await eventually(lambda: road.pending() == 0, "and finishes it")


async def test_a_claim_that_is_renewed_counts_as_no_other_try(road: Road) -> None:
    words = [f"w{n:03}" for n in range(BATCH + 100)]
    await told(road, *words)
    reader = road.process("hearer").streams.reader(HEARER, LANE)
    while len(await reader.new(block_ms=0)) != len(words) - BATCH:
        pass
    await asyncio.sleep(0.3)
    await reader.renew(200)
    other = road.process("another").streams.reader(HEARER, LANE)
    assert await other.abandoned(250) == [], "all of it is renewed, not the first batch only"
    found = [pair async for pair in reader.left_behind()]
    assert [(len(first), again) for first, again in found] == [(BATCH, []), (100, [])]
