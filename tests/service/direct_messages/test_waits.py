"""A rule for fans whom nobody answered: once a wait, through crashes, and never over a person's head."""

import asyncio
from typing import Any

import pytest

from services.direct_messages import actions
from shared.contracts.envelope import Envelope
from shared.contracts.events.douyin import Outcome
from shared.errors import NeighbourAway
from tests.service.direct_messages.conftest import ACC, DEFAULT, FAN, PERSON, PRICE, Shop
from tests.service.direct_messages.test_promises import TEN, answers, asks, is_seen, later
from tests.service.direct_messages.test_trying_rules import replayed, tried

SOON: dict[str, Any] = {
    "name": "soon",
    "trigger": "no_answer",
    "after_minutes": 5,
    "replies": [{"kind": "text", "text": "客服正忙，请稍候"}],
}
LATE: dict[str, Any] = {**SOON, "name": "late", "after_minutes": 30, "hand_off": True}
LATE["replies"] = [{"kind": "text", "text": "已为您转接"}]
QUIET: dict[str, Any] = {**SOON, "replies": [], "effects": [{"kind": "add_tag", "tag": "久等"}]}


async def looks(shop: Shop, minutes: float, *, heard: bool = True) -> None:
    """What the clock does every five seconds, so long after ten."""
    await shop.world.set_clock(later(minutes=minutes))
    await actions.watch_waits(shop.deps)
    if heard:
        await shop.world.drain()


async def told(shop: Shop) -> list[Envelope]:
    """Every wait that was told, oldest first."""
    rows = await shop.world.sql(
        "SELECT envelope FROM direct_messages.outbox ORDER BY created_at, id"
    )
    found = [Envelope.load(bytes(row[0])) for row in rows]
    return [e for e in found if e.type == "direct_messages.fan_waited"]


async def test_after_so_long_without_an_answer_the_rule_answers_and_says_why(shop: Shop) -> None:
    await shop.rules(SOON)
    await asks(shop, "在吗")
    await asks(shop, "有人吗", later(minutes=3))
    await looks(shop, 4.9)
    assert await shop.texts() == []

    await looks(shop, 5)

    (request,) = await shop.requests()
    story = await shop.story()
    assert (request["texts"], request["scene"]) == (["客服正忙，请稍候"], "im_reply_msg")
    assert request["reply_to"] == "@msg0002=="
    assert (story["outcome"], story["rule"]["name"]) == ("replied", "soon")
    assert (story["inbound"]["kind"], story["inbound"]["waited_minutes"]) == ("no_answer", 5)
    assert story["quota"]["granted"]["limits"] == ["dm.reply"]
    assert await shop.held() == 1


async def test_it_answers_once_however_often_the_clock_and_the_event_come(shop: Shop) -> None:
    await shop.rules(SOON)
    await asks(shop, "在吗")
    await looks(shop, 5, heard=False)
    (event,) = await told(shop)
    await shop.handle(event)
    await shop.handle_at_once(event, event)
    await looks(shop, 6)
    await is_seen(shop, later(minutes=6))
    await looks(shop, 120)
    assert await shop.texts() == ["客服正忙，请稍候"]


async def test_two_clocks_at_once_tell_a_wait_once(shop: Shop) -> None:
    await shop.rules(SOON)
    for number in range(20):
        await asks(shop, "在吗", fan=f"fan-{number}")
    await shop.world.set_clock(later(minutes=5))
    looked = await asyncio.gather(*(actions.watch_waits(shop.deps) for _ in range(4)))
    assert sum(looked) == 20
    assert len({e.subject for e in await told(shop)}) == len(await told(shop)) == 20


async def test_what_dies_before_the_decision_is_decided_later(shop: Shop) -> None:
    await shop.rules(SOON)
    await asks(shop, "在吗")
    gone = shop.quota_goes_away()
    with pytest.raises(NeighbourAway):
        await looks(shop, 5)
    assert await shop.outcomes() == ["no_match"]

    shop.quota_comes_back(gone)
    await shop.world.set_clock(later(minutes=20))
    await shop.take_again()

    assert await shop.texts() == ["客服正忙，请稍候"]
    assert await shop.attempts() == 0


async def test_who_was_answered_before_it_was_decided_is_not_answered_again(shop: Shop) -> None:
    await shop.rules(SOON, PRICE)
    await asks(shop, "在吗")
    await looks(shop, 5, heard=False)
    (event,) = await told(shop)
    await answers(shop, later(minutes=5))
    await shop.handle(event)
    await looks(shop, 200)
    assert await shop.texts() == ["您好"]


async def test_an_answer_on_its_way_is_waited_for(shop: Shop) -> None:
    await shop.rules(SOON, PRICE)
    await asks(shop, "在吗")
    await asks(shop, at=later(minutes=2))
    await looks(shop, 6)
    assert await shop.texts() == ["99 元"]

    await is_seen(shop, later(minutes=6), Outcome.FAILED)
    await looks(shop, 7.1)
    assert await shop.texts() == ["99 元", "客服正忙，请稍候"]


async def test_an_answer_that_overtakes_the_wait_and_fails_leaves_the_rule_to_be_asked(
    shop: Shop,
) -> None:
    await shop.rules(SOON, PRICE)
    await asks(shop, "在吗")
    await looks(shop, 5, heard=False)
    (event,) = await told(shop)
    await asks(shop, at=later(minutes=5))
    await shop.world.drain()  # the wait is heard while the answer is on its way
    await is_seen(shop, later(minutes=5), Outcome.FAILED)
    await looks(shop, 5.5)
    assert await shop.texts() == ["99 元"]
    await looks(shop, 6.2)
    assert await shop.texts() == ["99 元", "客服正忙，请稍候"]
    await shop.handle(event)
    await is_seen(shop, later(minutes=7), Outcome.FAILED)
    await shop.handle(event)
    await looks(shop, 90)
    assert await shop.texts() == ["99 元", "客服正忙，请稍候"]


async def test_an_answer_that_failed_just_before_does_not_use_the_rule_up(shop: Shop) -> None:
    await shop.rules(SOON, PRICE)
    await asks(shop, "在吗")
    await asks(shop, at=later(minutes=4, seconds=40))
    await is_seen(shop, later(minutes=4, seconds=50), Outcome.FAILED)
    await looks(shop, 5)
    assert (await shop.outcomes())[-1] == "answered"
    await looks(shop, 6.1)
    assert await shop.texts() == ["99 元", "客服正忙，请稍候"]


async def test_a_person_who_took_it_meanwhile_and_let_go_leaves_the_rule_to_be_asked(
    shop: Shop,
) -> None:
    await shop.rules(SOON)
    await asks(shop, "在吗")
    await looks(shop, 5, heard=False)
    (event,) = await told(shop)
    found = (await shop.get(f"/v1/accounts/{ACC}/conversations?fan={FAN}")).json()["data"][0]
    place = f"/v1/conversations/{found['id']}/owner"
    await shop.call("PUT", place, {"owner": "person"}, If_Match="*")
    await shop.handle(event)
    assert await shop.texts() == []
    await shop.call("PUT", place, {"owner": "bot"}, If_Match="*")
    await looks(shop, 7)
    await looks(shop, 90)
    assert await shop.texts() == ["客服正忙，请稍候"]


async def test_while_a_person_owns_it_nothing_is_said_until_they_let_go(shop: Shop) -> None:
    await shop.rules(SOON, PERSON)
    await shop.policy(dm__handoff__agent_idle_minutes=45)
    await asks(shop, "转人工")
    await is_seen(shop, TEN, Outcome.FAILED)
    for minute in (5, 6, 44):
        await looks(shop, minute)
    assert await shop.texts() == ["正在转接人工客服"]

    await looks(shop, 46)

    assert await shop.texts() == ["正在转接人工客服", "客服正忙，请稍候"]
    story = await shop.story()
    assert (story["owner_after"], story["owner_reason"]) == ("bot", "person_idle")


async def test_rules_for_longer_waits_follow_where_nothing_was_said(shop: Shop) -> None:
    await shop.rules(QUIET, LATE)
    await asks(shop, "在吗")
    for minute in (5, 29, 30, 31):
        await looks(shop, minute)
    assert await shop.outcomes() == ["no_match", "silent", "replied"]
    assert (await shop.conversation())["tags"] == ["久等"]
    assert (await shop.conversation())["owner"] == "person"


async def test_a_clock_that_comes_late_asks_for_the_longest_wait_alone(shop: Shop) -> None:
    await shop.rules(SOON, LATE)
    await asks(shop, "在吗")
    await looks(shop, 90)
    await looks(shop, 91)
    assert await shop.texts() == ["已为您转接"]


async def test_a_send_that_failed_or_was_refused_is_not_tried_again(shop: Shop) -> None:
    await shop.rules(SOON)
    await shop.policy(dm__reply__limit=2)
    await asks(shop, "在吗")
    await looks(shop, 5)
    await looks(shop, 50)
    assert await shop.outcomes() == ["no_match", "refused"]
    assert await shop.requests() == []
    assert (await shop.story())["quota"]["denied"]["limit"] == "dm.reply"


async def test_an_answer_ends_the_wait_and_the_next_message_begins_another(shop: Shop) -> None:
    await shop.rules(SOON, DEFAULT)
    await asks(shop, "在吗")
    await is_seen(shop, later(seconds=1))
    await looks(shop, 10)
    await asks(shop, "还在吗", later(minutes=11))  # the default reply waits for its day to end
    await looks(shop, 15.9)
    assert await shop.texts() == ["稍后回复您"]
    await looks(shop, 16)
    assert await shop.texts() == ["稍后回复您", "客服正忙，请稍候"]


async def test_a_rule_that_is_gone_says_nothing(shop: Shop) -> None:
    made = (await shop.call("POST", f"/v1/accounts/{ACC}/rules", SOON)).json()
    await asks(shop, "在吗")
    await shop.call("DELETE", f"/v1/accounts/{ACC}/rules/{made['id']}", If_Match="*")
    await looks(shop, 5)
    assert await told(shop) == []
    assert await actions.watch_waits(shop.deps) == 0


async def test_a_wait_is_tried_and_replayed_like_a_message(shop: Shop) -> None:
    await shop.rules(SOON)
    await asks(shop, "在吗")
    await looks(shop, 5)
    change = {"rule": {**LATE, "after_minutes": 4, "priority": 9, "conditions": {"follows": False}}}
    await shop.call("PUT", f"/v1/accounts/{ACC}/rule-draft", {"changes": [change]}, If_Match="*")

    early = await tried(shop, does="no_answer", waited_minutes=4)
    late = await tried(shop, does="no_answer", waited_minutes=6)
    again = await replayed(shop, rules="records")
    draft = await replayed(shop, kind="no_answer")

    assert (early["published"]["outcome"], early["draft"]["outcome"]) == ("no_match", "replied")
    assert (late["same"], late["draft"]["rule"]["name"]) == (True, "soon")
    assert (again["total"], again["mismatches"]) == (2, 0)
    assert (draft["total"], draft["differ"]) == (1, 0)


async def test_minutes_that_no_wait_lasts_are_refused_with_their_key(shop: Shop) -> None:
    path = f"/v1/accounts/{ACC}/rules"
    refused = (await shop.call("POST", path, {**SOON, "after_minutes": 1440})).json()
    without = {name: value for name, value in SOON.items() if name != "after_minutes"}
    missing = (await shop.call("POST", path, without)).json()
    assert [e["pointer"] for e in refused["errors"]] == ["#/after_minutes"]
    assert refused["policy_key"] == "dm.reply.msg_id_valid_hours"
    assert [e["pointer"] for e in missing["errors"]] == ["#/after_minutes"]
    assert FAN not in str(refused)
