"""What a transaction published reaches every hearer, once in effect, whatever the carrier does."""

import asyncio

import pytest

from services.embedded.servers import ValkeyServer
from shared.contracts.events.quota import ReservationOverdue
from shared.db import ALL_TENANTS
from shared.db.engine import Delivery
from shared.queue import CarrierAway, Streams
from shared.queue.streams import LATE, NEW
from tests.service.shared.conftest import (
    ACKS,
    HEARER,
    LANE,
    LATE_STREAM,
    NOON,
    TELLER,
    Road,
    an_event,
    enveloped,
    eventually,
    running,
    turn,
)


async def test_an_event_exists_if_its_transaction_committed(road: Road) -> None:
    relay = road.relay()
    (event_id,) = await road.tell("said")
    assert await road.unacknowledged() == [(event_id, HEARER)]
    assert await relay.send_offered() == 1
    await turn(road.lane(road.write))
    assert await road.effects() == ["said"]


async def test_no_event_exists_if_its_transaction_did_not_commit(road: Road) -> None:
    relay = road.relay()

    async def fails_after_publishing() -> None:
        async with road.process("teller").database(TELLER).transaction(ALL_TENANTS) as tx:
            tx.publish(an_event("unsaid"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails_after_publishing()
    assert await road.unacknowledged() == []
    assert (await relay.send_offered(), await relay.send_due(), road.in_stream()) == (0, 0, 0)


async def test_many_senders_together_keep_the_streams_within_their_bounds(road: Road) -> None:
    senders = [road.process(f"sender{n}").streams for n in range(10)]
    batch = [Delivery("evt_x", HEARER, LANE, b"x") for _ in range(50)]

    async def send_too_much(streams: Streams) -> None:
        for _ in range((NEW + LATE) // 50):
            await streams.send(batch)

    await asyncio.gather(*(send_too_much(streams) for streams in senders))
    assert (road.new_in_stream(), road.in_stream()) == (NEW, NEW + LATE)
    await send_too_much(road.process("another").streams)
    assert road.in_stream() == NEW + LATE


async def test_a_row_that_commits_late_is_sent_though_a_newer_one_went_before(road: Road) -> None:
    relay, lane = road.relay("net"), road.lane(road.write)
    async with road.process("slow").database(TELLER).transaction(ALL_TENANTS) as tx:
        late = an_event("late")
        tx.publish(late)
        (early_id,) = await road.tell("early")
        assert await relay.send_due() == 1
        await turn(lane)
        assert await road.effects() == ["early"]
    rows = await road.sql(f"SELECT id FROM {TELLER}.outbox ORDER BY created_at")
    assert [row[0] for row in rows] == [late.id, early_id], "the late one began first"
    await road.sql(f"UPDATE {TELLER}.outbox SET send_after = now() WHERE id = $1", late.id)
    assert await relay.send_due() == 1
    await turn(lane)
    assert await road.effects() == ["early", "late"]


async def test_several_relays_share_the_work_and_a_second_sending_has_no_effect(road: Road) -> None:
    words = [f"w{n:03}" for n in range(600)]
    relays = [road.relay(name) for name in ("one", "two", "three")]
    for relay in relays:
        await relay.send_due()  # a new one sends everything, also what another sent just now
    await road.tell(*words)
    await road.make_due()
    sent = await asyncio.gather(*(relay.send_due() for relay in relays))
    assert sum(sent) == road.in_stream() == 600, "no row was claimed by two"
    await road.make_due()
    await asyncio.gather(*(relay.send_due() for relay in relays))
    assert road.in_stream() == 1200
    await turn(road.lane(road.write))
    assert await road.effects() == words


async def test_what_nobody_acknowledges_is_sent_again_when_it_is_due_and_not_before(
    road: Road,
) -> None:
    relay = road.relay()
    await road.tell("unheard")
    assert await relay.send_due() == 1, "a new process finds what a dead one left"
    assert await relay.send_due() == 0
    await road.make_due()
    assert await relay.send_due() == 1


async def test_the_pauses_between_sendings_grow_up_to_five_minutes(road: Road) -> None:
    await road.tell("unheard")
    relay = road.relay()
    for sends, waits in ((1, 15), (4, 15), (6, 45), (30, 300)):
        await road.sql(f"UPDATE {TELLER}.outbox SET send_after = now(), sends = $1", sends)
        assert await relay.send_due() == 1
        (row,) = await road.sql(f"SELECT sends, send_after - now() FROM {TELLER}.outbox")
        assert row[0] == sends + 1
        assert waits - 2 < row[1].total_seconds() <= waits


@pytest.mark.parametrize("trouble", ["up", "flushed", "absent_then_back", "restarted_empty"])
async def test_the_carrier_decides_nothing_but_the_delay(
    breakable: Road, own_valkey: ValkeyServer, trouble: str
) -> None:
    road, relay = breakable, breakable.relay()
    loops = [relay.run_offers(), relay.run_net(), relay.run_acknowledgements()]
    async with running(*loops):
        await road.tell("a1", "a2", "a3")
        await eventually(lambda: road.in_stream() >= 3, "the first events are on the stream")
        if trouble == "flushed":
            road.carrier.flushall()
        if trouble in {"absent_then_back", "restarted_empty"}:
            own_valkey.kill()
        if trouble == "absent_then_back":
            await road.tell("b1", "b2")
            await asyncio.sleep(0.5)
        if trouble in {"absent_then_back", "restarted_empty"}:
            own_valkey.start()
        if trouble != "absent_then_back":
            await road.tell("b1", "b2")
        async with running(road.lane(road.write).run()):
            await eventually(lambda: nothing_waits(road), "everything is acknowledged")
    assert await road.effects() == ["a1", "a2", "a3", "b1", "b2"]


async def nothing_waits(road: Road) -> bool:
    return await road.unacknowledged() == []


async def test_a_carrier_that_is_emptied_under_waiting_readers_is_filled_again(road: Road) -> None:
    relay = road.relay()
    loops = [relay.run_offers(), relay.run_net(), relay.run_acknowledgements()]
    async with running(*loops, road.lane(road.write).run()):
        await road.tell("before")
        await eventually(lambda: nothing_waits(road), "the first event is acknowledged")
        road.carrier.flushall()
        await road.tell("after")
        await eventually(lambda: nothing_waits(road), "so is the one after the flush")
    assert await road.effects() == ["after", "before"]


async def test_after_a_loss_nobody_waits_for_the_end_of_a_long_pause(road: Road) -> None:
    """P8: losing all of Redis costs one resend period at most."""
    relay, lane = road.relay(), road.lane(road.write)
    await relay.send_due()
    await road.tell("often sent")
    await road.sql(f"UPDATE {TELLER}.outbox SET sends = 30, send_after = now() + interval '290 s'")
    assert await relay.send_due() == 0
    relay.kick()
    assert await relay.send_due() == 1
    assert await relay.send_due() == 0, "once is enough"
    await turn(lane)
    assert await road.effects() == ["often sent"]


async def test_a_loss_is_remembered_until_everything_was_sent(road: Road) -> None:
    relay = road.relay()
    await relay.send_due()
    await road.tell("kept")
    relay.kick()
    road.carrier.set(LATE_STREAM, "of another type, so that Redis refuses")
    with pytest.raises(CarrierAway):
        await relay.send_due()
    road.carrier.delete(LATE_STREAM)
    assert await relay.send_due() == 1, "though it is not due, and nobody kicks again"


@pytest.mark.parametrize(("way", "bound"), [("offered", NEW + LATE), ("by the net", LATE)])
async def test_a_stream_is_never_filled_beyond_its_bound(road: Road, way: str, bound: int) -> None:
    words = [f"w{n:04}" for n in range(bound + 300)]
    relay, lane = road.relay(), road.lane(road.write)
    await road.tell(*words)
    if way == "offered":
        await relay.send_offered()
    else:
        await relay.send_due()
    assert road.in_stream() == bound
    await turn(lane)
    assert len(await road.effects()) == bound
    await road.make_due()
    for _ in range(2):
        await relay.send_due()
        await turn(lane)
    assert await road.effects() == words, "the rest followed when there was room"


async def test_an_acknowledgement_that_is_lost_is_given_again(road: Road) -> None:
    relay, lane = road.relay(), road.lane(road.write)
    (event_id,) = await road.tell("heard once")
    await relay.send_offered()
    await turn(lane)
    assert road.carrier.delete(ACKS) == 1, "it was acknowledged, and we lose that"
    await road.make_due()
    assert await relay.send_due() == 1
    assert await road.unacknowledged() == [(event_id, HEARER)]
    await turn(lane)
    async with running(relay.run_acknowledgements()):
        await eventually(lambda: nothing_waits(road), "the second acknowledgement arrives")
    assert await road.effects() == ["heard once"]
    assert road.in_stream() == 0


async def test_a_row_goes_when_its_own_hearer_acknowledged(road: Road) -> None:
    """An event with two hearers is two rows, and each of them waits for itself."""
    relay = road.relay(service="quota")
    event = enveloped(
        ReservationOverdue(operation_id="op", reservation_id="rsv_1", held_since=NOON)
    )
    async with road.process("teller").database("quota").transaction(ALL_TENANTS) as tx:
        tx.publish(event)
    both = [(event.id, "direct_messages"), (event.id, "douyin")]
    assert await road.unacknowledged("quota") == both
    streams = road.process("hearer").streams
    async with running(relay.run_acknowledgements()):
        await streams.finish("douyin", "echoes", [], {"quota": [event.id]})
        await eventually(lambda: rows_are(road, both[:1]), "only douyin's row is gone")
        await streams.finish("direct_messages", "settled", [], {"quota": [event.id]})
        await eventually(lambda: rows_are(road, []), "both rows are gone")


async def rows_are(road: Road, rows: list[tuple[str, str]]) -> bool:
    return await road.unacknowledged("quota") == rows
