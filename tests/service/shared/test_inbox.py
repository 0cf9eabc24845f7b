"""What was heard is marked in the transaction of its effect."""

from shared import inbox
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS
from shared.runtime.worker import clean
from tests.service.shared.conftest import HEARER, Road, an_event, turn


async def marks(road: Road) -> int:
    return int((await road.sql(f"SELECT count(*) FROM {HEARER}.inbox"))[0][0])


async def test_a_second_delivery_changes_nothing(road: Road) -> None:
    event = an_event("once")
    await road.write([event])
    await road.write([event, an_event("new")])
    assert await road.effects() == ["new", "once"]


async def test_the_same_envelope_twice_in_one_batch_is_one(road: Road) -> None:
    event = an_event("once")
    async with road.process("hearer").database(HEARER).transaction(ALL_TENANTS) as tx:
        assert await inbox.take(tx, [event, event]) == {event.id}
    assert await marks(road) == 1


async def test_a_handler_that_fails_after_its_writes_leaves_neither_mark_nor_effect(
    road: Road,
) -> None:
    left: list[str] = []

    async def writes_then_fails(envelopes: list[Envelope]) -> None:
        async with road.process("hearer").database(HEARER).transaction(ALL_TENANTS) as tx:
            left.extend(await inbox.take(tx, envelopes))
            raise ZeroDivisionError

    relay = road.relay()
    (event_id,) = await road.tell("fails")
    await relay.send_offered()
    await turn(road.lane(writes_then_fails))
    assert set(left) == {event_id}, "each attempt found it unheard"
    assert (await marks(road), await road.effects()) == (0, [])


async def test_unseen_leaves_out_what_was_heard(road: Road) -> None:
    old, new = an_event("old"), an_event("new")
    await road.write([old])
    async with road.process("hearer").database(HEARER).transaction(ALL_TENANTS) as tx:
        assert await inbox.unseen(tx, [old, new]) == [new]


async def test_a_mark_outlives_every_copy_of_its_envelope(road: Road) -> None:
    await road.write([an_event("old")])
    for days, kept in ((6, 1), (2, 0)):  # eight in all
        await road.sql(f"UPDATE {HEARER}.inbox SET received_at = received_at - interval '{days} d'")
        await clean(road.process("hearer").database(HEARER))
        assert await marks(road) == kept


async def test_marks_of_a_busy_week_are_forgotten_at_once(road: Road) -> None:
    await road.sql(
        f"INSERT INTO {HEARER}.inbox (id, received_at)"
        " SELECT 'evt_' || n, now() - interval '8 d' FROM generate_series(1, 25000) n"
    )
    await clean(road.process("hearer").database(HEARER))
    assert await marks(road) == 0
