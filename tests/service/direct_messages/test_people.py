"""Conversations that go to people: the queue, offers, who has what, and what silence does."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from tests.service.direct_messages.conftest import ACC, DEFAULT, PERSON, PRICE, Shop
from tests.service.direct_messages.people import (
    AGENT_SCOPES,
    act,
    an_agent,
    be,
    hand_offs,
    stages,
    turn,
)

IDLE = timedelta(minutes=15, seconds=1)


async def test_a_hand_off_waits_and_is_offered_as_soon_as_somebody_is_there(shop: Shop) -> None:
    await shop.rules(PERSON)
    qing = await an_agent(shop, "qing", is_there=False)

    await shop.says("我要人工")
    waiting = await hand_offs(shop)
    await be(shop, qing, "online")
    await turn(shop)

    (offered,) = await hand_offs(shop, f"?agent_id={qing}")
    assert [(h["stage"], h["reason"]) for h in waiting] == [("queued", "hand_off_rule")]
    assert (offered["id"], offered["stage"]) == (waiting[0]["id"], "offered")


async def test_the_rules_notice_and_the_place_in_the_queue_come_together(shop: Shop) -> None:
    await shop.rules(PERSON)
    await shop.says("我要人工")
    assert await shop.texts() == ["正在转接人工客服"]
    assert await stages(shop) == [("queued", None)]


async def test_two_misses_in_a_row_call_a_person_and_a_hit_forgets_them(shop: Shop) -> None:
    await shop.policy(dm__handoff__misses=2)
    await shop.rules(PRICE, DEFAULT)

    for text in ("嗯嗯", "多少钱", "哦哦", "这个呢"):
        await shop.says(text)

    assert await shop.outcomes() == ["replied", "replied", "default_waits", "handed_over"]
    assert [h["reason"] for h in await hand_offs(shop)] == ["misses"]


async def test_what_is_left_for_people_calls_one(shop: Shop) -> None:
    await shop.policy(dm__reply__limit=2)  # and two are for people
    await shop.rules(PRICE)

    await shop.says("多少钱")
    await shop.says("多少钱")

    assert await shop.outcomes() == ["refused", "person_owns"]
    assert [h["reason"] for h in await hand_offs(shop)] == ["human_reserve"]
    assert (await shop.conversation())["owner_reason"] == "human_reserve"


async def test_whoever_matters_comes_before_others_and_both_reasons_are_told(shop: Shop) -> None:
    await shop.policy(dm__handoff__vip_tags=["VIP"], dm__handoff__negative_words=["骗子"])
    tag = {"kind": "add_tag", "tag": "VIP"}
    await shop.rules(PRICE, {**PRICE, "name": "big", "keywords": ["一万箱"], "effects": [tag]})

    await shop.says("你们是骗子", fan="fan-open-id-0002")
    await shop.says("要一万箱")

    asked = "SELECT id FROM direct_messages.message WHERE direction = 'in' ORDER BY created_at, id"
    told = [
        (await shop.get(f"/v1/messages/{row[0]}/decision")).json()
        for row in await shop.world.sql(asked)
    ]
    reasons = {(one["outcome"], one["owner_after"], one["owner_reason"]) for one in told}
    assert reasons == {("handed_over", "person", "negative"), ("replied", "person", "vip")}
    waiting = {one["reason"]: one["urgent"] for one in await hand_offs(shop)}
    assert waiting == {"negative": False, "vip": True}


@pytest.mark.parametrize("stage", ["offered", "accepted"])
async def test_what_a_deleted_agent_had_goes_to_another_at_once(shop: Shop, stage: str) -> None:
    await shop.rules(PERSON)
    qing = await an_agent(shop, "qing")
    await shop.says("我要人工")
    if stage == "accepted":
        await act(shop, "accept", "qing")
    lan = await an_agent(shop, "lan")
    assert (await stages(shop)) == [(stage, qing)]

    stale = await shop.call("DELETE", f"/v1/agents/{qing}", if_match='"99"')
    deleted = await shop.call("DELETE", f"/v1/agents/{qing}", if_match="*")
    await shop.world.drain()

    assert (stale.status_code, deleted.status_code) == (412, 204)
    assert await stages(shop) == [("offered", lan)]
    assert (await shop.conversation())["owner"] == "person"
    assert (await act(shop, "accept", "lan")).status_code == 200


async def test_what_a_deleted_agent_had_answered_is_the_bots_again(shop: Shop) -> None:
    await shop.rules(PERSON)
    qing = await an_agent(shop, "qing")
    await shop.says("我要人工")
    await act(shop, "accept", "qing")
    await act(shop, "finish", "qing")

    await shop.call("DELETE", f"/v1/agents/{qing}", if_match="*")

    assert await stages(shop) == [("ended", qing)]
    assert (await shop.conversation())["owner"] == "bot"


async def test_what_is_left_with_a_deleted_agent_is_found_by_time(shop: Shop) -> None:
    await shop.rules(PERSON)
    await an_agent(shop, "qing")
    await shop.says("我要人工")
    await act(shop, "accept", "qing")
    # as a process leaves it that dies between the deletion and what comes after
    await shop.world.sql("UPDATE direct_messages.hand_off SET due_at = siyu.business_now()")
    await shop.world.sql("DELETE FROM direct_messages.agent")
    lan = await an_agent(shop, "lan")

    await turn(shop)

    assert await stages(shop) == [("offered", lan)]


async def test_of_two_who_accept_at_once_one_has_it_and_the_other_is_told_who(shop: Shop) -> None:
    await shop.rules(PERSON)
    names = {await an_agent(shop, "qing"): "qing", await an_agent(shop, "lan"): "lan"}

    for _ in range(5):
        await shop.says("我要人工")
        answers = await asyncio.gather(*(act(shop, "accept", by) for by in names.values()))
        won, lost = sorted(answers, key=lambda a: a.status_code)
        assert (won.status_code, lost.status_code) == (200, 409)
        has = won.json()["agent_id"]
        assert lost.json()["code"] == "direct_messages.taken"
        assert lost.json()["agent"] == {"id": has, "name": names[has]}
        assert (await act(shop, "accept", names[has])).json()["id"] == won.json()["id"]
        assert (await act(shop, "return", names[has])).status_code == 200


async def test_while_an_agent_has_it_the_bot_is_silent_and_afterwards_it_is_not(
    shop: Shop,
) -> None:
    await shop.rules(PRICE)
    await an_agent(shop, "qing")
    await shop.says("多少钱")

    await act(shop, "accept", "qing")
    await shop.says("多少钱")
    back = await act(shop, "return", "qing")
    await shop.says("多少钱")

    assert await shop.outcomes() == ["replied", "person_owns", "replied"]
    assert (back.json()["stage"], back.json()["end_reason"]) == ("ended", "returned")


async def test_once_an_agent_has_it_no_message_of_the_bot_comes_after(shop: Shop) -> None:
    await shop.rules(PRICE)
    await an_agent(shop, "qing")
    await shop.says("你好")

    async def bot_sends() -> int:
        counted = "SELECT count(*) FROM direct_messages.operation WHERE actor = 'bot'"
        return int((await shop.world.sql(counted))[0][0])

    async def accepted() -> int:
        assert (await act(shop, "accept", "qing")).status_code == 200
        return await bot_sends()

    for number in range(6):
        told = await shop.a_message(f"多少钱 {number}")
        sent, _ = await asyncio.gather(accepted(), shop.handle_at_once(told))
        assert await bot_sends() == sent
        await act(shop, "return", "qing")


async def test_an_agent_cannot_write_where_another_one_has_it(shop: Shop) -> None:
    await shop.rules(PERSON)
    qing = await an_agent(shop, "qing")
    await an_agent(shop, "lan")
    await shop.says("我要人工")
    await act(shop, "accept", "qing")
    path = f"/v1/conversations/{(await shop.conversation())['id']}/messages"

    async def write(by: str) -> httpx2.Response:
        headers = shop.caller_with_key(f"key_{by}", AGENT_SCOPES)
        headers["Idempotency-Key"] = f"from-{by}-1"
        return await shop.world.http.post(path, json={"text": "您好"}, headers=headers)

    refused, taken = await write("lan"), await write("qing")

    assert (refused.status_code, refused.json()["agent"]["id"]) == (409, qing)
    assert taken.status_code == 202
    assert await shop.held() == 2  # the notice and one reply: what was refused gave its hold back


async def test_who_answers_first_has_it(shop: Shop) -> None:
    await shop.rules(PERSON)
    qing = await an_agent(shop, "qing", is_there=False)
    await shop.says("我要人工")
    path = f"/v1/conversations/{(await shop.conversation())['id']}/messages"
    headers = shop.caller_with_key("key_qing", AGENT_SCOPES) | {"Idempotency-Key": "first-words"}

    await shop.world.http.post(path, json={"text": "您好"}, headers=headers)

    assert await stages(shop) == [("accepted", qing)]


async def test_an_offer_that_nobody_takes_goes_to_the_next(shop: Shop) -> None:
    await shop.rules(PERSON)
    agents = [await an_agent(shop, "qing"), await an_agent(shop, "lan")]
    await shop.says("我要人工")
    ((_, first),) = await stages(shop)

    await shop.world.advance(timedelta(seconds=59))
    await turn(shop)
    ((_, still),) = await stages(shop)
    await shop.world.advance(timedelta(seconds=1))
    await turn(shop)
    ((_, second),) = await stages(shop)

    assert still == first
    assert {first, second} == set(agents)


async def test_an_agent_declines_and_the_next_is_asked_at_once(shop: Shop) -> None:
    await shop.rules(PERSON)
    names = {await an_agent(shop, "qing"): "qing", await an_agent(shop, "lan"): "lan"}
    await shop.says("我要人工")
    ((_, first),) = await stages(shop)

    other = next(name for agent, name in names.items() if agent != first)
    assert (await act(shop, "decline", other)).json()["code"] == "direct_messages.not_with_people"
    assert (await act(shop, "decline", names[str(first)])).status_code == 200
    await shop.world.drain()

    ((stage, second),) = await stages(shop)
    assert (stage, names[str(second)]) == ("offered", other)


async def test_nobody_has_more_than_their_capacity_and_the_oldest_comes_first(shop: Shop) -> None:
    await shop.rules(PERSON)
    qing = await an_agent(shop, "qing", capacity=2)
    for number in range(4):
        await shop.says("我要人工", fan=f"fan-{number}")

    before = await hand_offs(shop)
    done = before[0]["conversation_id"]
    headers = shop.caller_with_key("key_qing", AGENT_SCOPES)
    for verb in ("accept", "finish"):
        path = f"/v1/conversations/{done}/{verb}"
        assert (await shop.world.http.post(path, json={}, headers=headers)).status_code == 200
    await shop.world.drain()

    after = await hand_offs(shop)
    assert [h["stage"] for h in before] == ["offered", "offered", "queued", "queued"]
    assert [h["stage"] for h in after] == ["wrap_up", "offered", "offered", "queued"]
    assert {h["agent_id"] for h in after[:3]} == {qing}


async def test_who_waits_is_told_once_how_many_are_in_front(shop: Shop) -> None:
    await shop.policy(dm__handoff__queue_notice="前面还有 {ahead} 位")
    await shop.rules(PERSON)
    await an_agent(shop, "qing", capacity=1)

    for number in range(3):
        await shop.says("我要人工", fan=f"fan-{number}")
    await turn(shop)

    notices = [text for text in await shop.texts() if text.startswith("前面")]
    assert notices == ["前面还有 1 位", "前面还有 2 位"]  # the first was offered at once


async def test_a_fan_comes_back_to_who_knows_her(shop: Shop) -> None:
    await shop.rules(PERSON)
    await an_agent(shop, "qing")
    lan = await an_agent(shop, "lan", is_there=False)
    await shop.says("我要人工")
    await act(shop, "accept", "lan")
    await act(shop, "return", "lan")
    await be(shop, lan, "online")

    await shop.says("我要人工")
    sticky = (await stages(shop))[-1]
    await act(shop, "accept", "lan")
    await act(shop, "return", "lan")
    await shop.world.advance(timedelta(days=31))
    await be(shop, lan, "away")
    await shop.says("我要人工")

    assert sticky == ("offered", lan)
    assert (await stages(shop))[-1][1] != lan


async def test_skills_and_accounts_decide_who_is_asked(shop: Shop) -> None:
    await shop.rules(PERSON)
    await an_agent(shop, "qing", accounts=["acc_elsewhere"])
    await shop.says("我要人工")
    nobody = await stages(shop)
    lan = await an_agent(shop, "lan", accounts=[ACC], skills=["language:en"])
    await an_agent(shop, "yun", accounts=[ACC])
    await turn(shop)
    moved = await act(shop, "transfer", "yun", skill="language:en")
    if moved.status_code == 409:  # it was offered to nobody yet
        pytest.fail(moved.text)
    await shop.world.drain()

    assert nobody == [("queued", None)]
    assert await stages(shop) == [("offered", lan)]


async def test_a_transfer_is_offered_to_the_named_agent(shop: Shop) -> None:
    await shop.rules(PERSON)
    await an_agent(shop, "qing")
    lan = await an_agent(shop, "lan", is_there=False)
    await shop.says("我要人工")
    await act(shop, "accept", "qing")

    unknown = await act(shop, "transfer", "qing", to_agent_id="agt_nobody")
    moved = await act(shop, "transfer", "qing", to_agent_id=lan)

    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "#/to_agent_id")
    assert (moved.json()["stage"], moved.json()["agent_id"]) == ("offered", lan)
    assert (await shop.conversation())["owner"] == "person"


async def test_a_silent_agent_gives_the_conversation_back(shop: Shop) -> None:
    await shop.rules(PRICE, PERSON)
    await an_agent(shop, "qing")
    await shop.says("我要人工")
    await act(shop, "accept", "qing")

    await turn(shop)
    await shop.world.advance(IDLE)
    await turn(shop)
    await shop.says("多少钱")

    (ended,) = await shop.world.sql("SELECT stage, end_reason FROM direct_messages.hand_off")
    assert tuple(ended) == ("ended", "person_idle")
    assert await shop.outcomes() == ["replied", "replied"]


async def test_whoever_waits_keeps_the_place_though_the_bot_answers_again(shop: Shop) -> None:
    await shop.rules(PRICE, PERSON)
    await shop.says("我要人工")
    await shop.world.advance(IDLE)
    await shop.says("多少钱")
    kept = await stages(shop)
    await shop.world.advance(timedelta(hours=24, seconds=1))
    await turn(shop)

    assert await shop.outcomes() == ["replied", "replied"]
    assert kept == [("queued", None)]
    (ended,) = await shop.world.sql("SELECT stage, end_reason FROM direct_messages.hand_off")
    assert tuple(ended) == ("ended", "fan_idle")


async def test_an_answer_in_douyins_app_takes_the_conversation_from_the_queue(shop: Shop) -> None:
    await shop.rules(PERSON)
    await shop.says("我要人工")

    await shop.tell(shop.an_answer_in_the_app("我来", await shop.world.now()))

    assert await stages(shop) == [("accepted", None)]
    assert (await shop.conversation())["owner"] == "person"


async def test_a_worker_that_dies_after_the_hand_off_loses_neither_notice_nor_place(
    shop: Shop,
) -> None:
    await shop.rules(PERSON)
    await an_agent(shop, "qing")
    told = await shop.a_message("我要人工")
    await shop.handle(told)  # committed, and nothing of it was carried yet

    await shop.world.sql("UPDATE direct_messages.outbox SET send_after = now()")
    for part in shop.world.parts:
        await part.relay.send_due()
    await shop.world.drain()
    await shop.handle(told)

    assert await shop.texts() == ["正在转接人工客服"]
    assert [stage for stage, _ in await stages(shop)] == ["offered"]
