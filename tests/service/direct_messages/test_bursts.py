"""What a fan says in pieces is answered once, where the account's policy waits for the rest."""

from functools import partial

import pytest

from services.direct_messages.actions import (
    release_bursts,
    run_replays,
    seconds_to_next_burst,
)
from services.direct_messages.consumers import message_of
from tests.service.direct_messages.conftest import ACC, FAN, PERSON, PRICE, Shop

REPLAYS = f"/v1/accounts/{ACC}/rule-replays"


@pytest.fixture
async def patient(shop: Shop) -> Shop:
    """A shop that waits three seconds for a fan's next words."""
    await shop.policy(dm__auto_reply__join_seconds=3)
    await shop.rules(PRICE, PERSON)
    return shop


async def release(shop: Shop, *, due: bool = True) -> None:
    """The alarm rings; `due`: the time of what is held is over."""
    if due:
        await shop.world.sql("UPDATE direct_messages.held_message SET due_at = now()")
    await release_bursts(shop.deps, partial(message_of, shop.deps))
    await shop.world.drain()


async def test_pieces_are_decided_together_and_answered_once(patient: Shop) -> None:
    for piece in ("你好", "这个多少", "钱"):
        await patient.says(piece)
    assert await patient.outcomes() == []
    await release(patient)

    assert await patient.outcomes() == ["joined", "joined", "replied"]
    assert await patient.texts() == ["99 元"]
    story = await patient.story()
    assert (story["inbound"]["text"], story["candidates"][0]["found"]) == ("钱", "多少钱")
    timeline = await patient.get(f"/v1/conversations/{story['conversation_id']}/timeline")
    said = [m["text"] for m in timeline.json()["data"] if m["direction"] == "in"]
    assert sorted(said) == sorted(["你好", "这个多少", "钱"])


async def test_nothing_is_released_before_its_time_and_nothing_stays(patient: Shop) -> None:
    assert await seconds_to_next_burst(patient.deps) is None
    await patient.says("多少钱")
    left = await seconds_to_next_burst(patient.deps)
    assert left is not None
    assert 0 < left <= 3
    await release(patient, due=False)
    assert await patient.outcomes() == []
    await release(patient)
    assert await patient.outcomes() == ["replied"]
    assert await seconds_to_next_burst(patient.deps) is None


async def test_who_never_stops_is_answered_all_the_same(patient: Shop) -> None:
    await patient.says("多少钱")
    await patient.world.sql(
        "UPDATE direct_messages.held_message SET held_at = held_at - interval '8 seconds'"
    )
    await patient.says("还有吗")
    left = await seconds_to_next_burst(patient.deps)
    assert left is not None
    assert left < 1.5


async def test_a_piece_that_is_delivered_again_is_held_and_decided_once(patient: Shop) -> None:
    message = await patient.a_message("多少钱")
    await patient.handle(message)
    await patient.handle(message)
    await release(patient)
    await patient.handle(message)
    await release(patient)
    assert await patient.outcomes() == ["replied"]
    assert len(await patient.requests()) == 1


async def test_a_process_that_dies_before_it_forgets_decides_nothing_twice(patient: Shop) -> None:
    await patient.says("多少钱")
    rows = await patient.world.sql("SELECT * FROM direct_messages.held_message")
    await release(patient)
    await patient.world.sql(
        "INSERT INTO direct_messages.held_message VALUES ($1, $2, $3, $4, $5, now(), now())",
        *rows[0][:5],
    )
    await release(patient)
    assert await patient.outcomes() == ["replied"]
    left = await patient.world.sql("SELECT count(*) FROM direct_messages.held_message")
    assert left[0][0] == 0


async def test_fans_wait_for_themselves_alone_and_pictures_for_nobody(patient: Shop) -> None:
    await patient.says("多少", fan="fan-a")
    await patient.says("钱", fan=FAN)
    await patient.says(None, fan="fan-b")
    assert await patient.outcomes() == ["no_match"]
    await release(patient)
    assert await patient.outcomes() == ["no_match"] * 3


async def test_a_joined_decision_comes_out_again(patient: Shop) -> None:
    for piece in ("多少", "钱"):
        await patient.says(piece)
    await release(patient)
    made = await patient.call("POST", REPLAYS, {"rules": "records"})
    await run_replays(patient.deps)
    found = (await patient.get(made.headers["location"])).json()
    assert (found["done"], found["mismatches"]) == (2, 0)


async def test_an_account_that_does_not_wait_holds_nothing(shop: Shop) -> None:
    await shop.rules(PRICE)
    for piece in ("多少", "多少钱"):
        await shop.says(piece)
    assert await shop.outcomes() == ["no_match", "replied"]


async def test_pieces_whose_account_quota_has_not_heard_of_wait_and_hold_up_no_other(
    patient: Shop,
) -> None:
    await patient.rules(PRICE, account="acc_new")
    await patient.policy(account="acc_new", only="direct_messages", dm__auto_reply__join_seconds=3)
    await patient.says("多少钱", account="acc_new", fan="early")
    await patient.says("多少钱")
    await release(patient)
    assert [r["open_id"] for r in await patient.requests()] == [FAN]
    left = await seconds_to_next_burst(patient.deps)
    assert left is not None
    assert 10 < left <= 15

    await patient.policy(account="acc_new")
    await release(patient)
    assert [r["open_id"] for r in await patient.requests()] == [FAN, "early"]
    assert await seconds_to_next_burst(patient.deps) is None


async def test_a_burst_that_cannot_be_decided_holds_up_no_other_and_is_put_aside_at_last(
    patient: Shop,
) -> None:
    await patient.says("多少钱", fan="odd")
    await patient.says("多少钱")
    await patient.world.sql(  # no question to quota can name such a fan: the whole batch fails
        "UPDATE direct_messages.held_message SET envelope = convert_to(replace("
        "convert_from(envelope, 'UTF8'), '\"odd\"', '\"' || repeat('odd', 200) || '\"'), 'UTF8')"
        " WHERE fan_open_id = 'odd'"
    )
    await release(patient)
    assert [r["open_id"] for r in await patient.requests()] == [FAN]
    for attempt in range(2, 6):
        counted = await patient.world.sql("SELECT attempts FROM direct_messages.quarantine")
        assert [row[0] for row in counted] == [attempt - 1]
        await release(patient)
    aside = await patient.world.sql("SELECT lane, reason FROM direct_messages.quarantine")
    assert [tuple(row) for row in aside] == [("live", "ValidationError")]
    assert await seconds_to_next_burst(patient.deps) is None
