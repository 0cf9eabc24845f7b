"""A contact in a message becomes `direct_messages.lead_captured`, once, with the consent that holds."""

from datetime import timedelta
from typing import Any

import orjson

from shared.contracts.envelope import Envelope
from shared.contracts.events.douyin import AnsweredCard
from tests.service.direct_messages.conftest import ACC, ORG, OTHER_ORG, PRICE, Shop

PLACE = f"/v1/accounts/{ACC}/lead-consent"


async def captured(shop: Shop) -> list[dict[str, Any]]:
    """The leads that were told, their contacts opened."""
    rows = await shop.world.sql(
        "SELECT envelope FROM direct_messages.outbox WHERE hearer = 'fans' ORDER BY created_at, id"
    )
    told = [Envelope.load(bytes(row[0])) for row in rows]
    data = [e.data for e in told if e.type == "direct_messages.lead_captured"]
    opened = shop.world.resources.sealer.open
    return [{**d, "contact": orjson.loads(opened(ORG, d["contact"]))} for d in data]


async def test_a_number_in_a_text_is_told_beside_the_reply(shop: Shop) -> None:
    await shop.rules(PRICE)
    asked = await shop.a_message("多少钱？我在成都，电话138 0013 8000😊")
    await shop.tell(asked, asked)
    await shop.tell(asked)
    (lead,) = await captured(shop)
    assert lead["contact"]["phone"] == "+8613800138000"
    assert (lead["source"], lead["contact"]["city"]) == ("text", "成都")
    assert lead["message_id"] == (await shop.inbound_ids())[0]
    assert await shop.texts() == ["99 元"]


async def test_a_filled_card_is_told_with_the_consent_text_that_holds(shop: Shop) -> None:
    for number, text in enumerate(("我们会致电", "我们会致电或加微信")):
        match = {"If_Match": f'"{number}"'} if number else {}
        assert (await shop.call("PUT", PLACE, {"text": text}, **match)).json()[
            "version"
        ] == number + 1
    now = await shop.world.now()
    answers = orjson.dumps([["姓名", "张三"], ["手机号", "138****8000"]]).decode()
    sealed = shop.world.resources.sealer.seal(ORG, answers, now.date())
    card = AnsweredCard(card_id="@card001==", status=1, answers=sealed)
    await shop.says(None, kind="retain_consult_card", card=card)
    (lead,) = await captured(shop)
    assert (lead["source"], lead["card_id"], lead["consent_version"]) == (
        "lead_card",
        "@card001==",
        2,
    )
    assert (lead["contact"]["name"], lead["contact"]["phone"]) == ("张三", None)


AD = {"ad_id": "17001", "promotion_id": "17002"}
PHONE = "电话 13800138000"


async def test_a_lead_names_the_ad_through_which_its_fan_came(shop: Shop) -> None:
    entered = await shop.an_entry(ad=AD, item_id="@video001==")
    await shop.tell(entered, entered)
    await shop.enters()  # she opens the chat again: that brought nobody
    await shop.says("在吗")
    await shop.says(PHONE)
    (lead,) = await captured(shop)
    at = entered.data["window_opened_at"]
    assert lead["attribution"] == {
        "source": "ad",
        "entered_at": at,
        "item_id": "@video001==",
        "ad": AD,
    }


async def test_of_two_entries_that_name_something_the_last_brought_the_lead(shop: Shop) -> None:
    await shop.enters(ad=AD)
    await shop.enters(item_id="@video001==")
    await shop.says(PHONE)
    (lead,) = await captured(shop)
    assert (lead["attribution"]["source"], lead["attribution"]["ad"]) == ("video", None)


async def test_an_entry_after_the_contact_brought_nothing_though_it_is_heard_first(
    shop: Shop,
) -> None:
    now = await shop.world.now()
    await shop.enters(at=now - timedelta(minutes=5))
    late = await shop.a_message(PHONE, at=now - timedelta(minutes=3))
    await shop.enters(at=now - timedelta(minutes=1), ad=AD)
    await shop.tell(late)
    (lead,) = await captured(shop)
    assert (lead["attribution"]["source"], lead["attribution"]["ad"]) == ("page", None)


async def test_an_entry_counts_for_as_many_days_as_the_policy_says(shop: Shop) -> None:
    await shop.policy(lead__attribution_days=2)
    now = await shop.world.now()
    await shop.enters(at=now - timedelta(days=2, seconds=1), ad=AD, fan="fan-early")
    await shop.enters(at=now - timedelta(days=2, seconds=-9), ad=AD, fan="fan-in-time")
    for fan in ("fan-early", "fan-in-time", "fan-who-only-wrote"):
        await shop.says(PHONE, fan=fan, at=now)
    found = {lead["open_id"]: lead["attribution"] for lead in await captured(shop)}
    assert {fan: each["source"] for fan, each in found.items()} == {
        "fan-early": "message",
        "fan-in-time": "ad",
        "fan-who-only-wrote": "message",
    }
    assert found["fan-early"] == {
        "source": "message",
        "entered_at": None,
        "item_id": None,
        "ad": None,
    }


async def test_each_lead_of_a_batch_names_its_own_entry(shop: Shop) -> None:
    for fan in ("fan-a", "fan-b"):
        await shop.enters(fan=fan, ad={"ad_id": f"of-{fan}"})
    await shop.handle(*[await shop.a_message(PHONE, fan=f) for f in ("fan-b", "fan-c", "fan-a")])
    found = {lead["open_id"]: lead["attribution"]["ad"] for lead in await captured(shop)}
    assert found == {
        "fan-a": {"ad_id": "of-fan-a"},
        "fan-b": {"ad_id": "of-fan-b"},
        "fan-c": None,
    }


async def test_what_leaves_no_contact_tells_no_lead(shop: Shop) -> None:
    await shop.says("多少钱")
    await shop.says(None)
    await shop.enters()
    assert await captured(shop) == []


async def test_no_number_is_carried_in_the_clear(shop: Shop) -> None:
    await shop.says("13800138000")
    rows = await shop.world.sql("SELECT envelope FROM direct_messages.outbox")
    assert rows
    assert not [row for row in rows if b"13800138000" in bytes(row[0])]


async def test_consent_texts_are_versions_that_stay(shop: Shop) -> None:
    assert (await shop.get(PLACE)).status_code == 404
    first = await shop.call("PUT", PLACE, {"text": "一"})
    assert (first.status_code, first.headers["ETag"]) == (200, '"1"')
    assert (await shop.call("PUT", PLACE, {"text": "二"})).status_code == 428
    assert (await shop.call("PUT", PLACE, {"text": "二"}, If_Match='"9"')).status_code == 412
    same = await shop.call("PUT", PLACE, {"text": "一"}, If_Match='"1"')
    assert same.json() == first.json()
    await shop.call("PUT", PLACE, {"text": "二"}, If_Match='"1"')
    assert [(await shop.get(f"{PLACE}/{n}")).json()["text"] for n in (1, 2)] == ["一", "二"]
    assert (await shop.get(f"{PLACE}/3")).status_code == 404
    assert (await shop.get(f"{PLACE}/1", OTHER_ORG)).status_code == 404
    assert (
        await shop.call("PUT", PLACE, {"text": "三"}, organization=OTHER_ORG)
    ).status_code == 404


DRIVE: dict[str, Any] = {
    "name": "试驾",
    "trigger": "message",
    "match": "contains",
    "keywords": ["试驾"],
    "replies": [{"kind": "text", "text": "欢迎试驾"}],
    "effects": [
        {
            "kind": "start_flow",
            "steps": [
                {"field": "name", "question": "怎么称呼您？"},
                {"field": "phone", "question": "留个手机号吧", "expects": "phone"},
            ],
            "done": "已登记",
        }
    ],
}


async def test_a_flow_ends_in_a_lead_with_all_that_was_answered(shop: Shop) -> None:
    made = await shop.call("POST", f"/v1/accounts/{ACC}/rules", DRIVE)
    assert made.status_code == 201, made.text
    for text in ("我要试驾", "王女士👗", "138 0013 8000"):
        await shop.says(text)
    assert await shop.texts() == ["欢迎试驾", "怎么称呼您？", "留个手机号吧", "已登记"]
    (lead,) = await captured(shop)
    assert lead["source"] == "flow"
    assert (lead["contact"]["name"], lead["contact"]["phone"]) == ("王女士👗", "+8613800138000")


async def test_two_quick_messages_start_one_flow(shop: Shop) -> None:
    await shop.call("POST", f"/v1/accounts/{ACC}/rules", DRIVE)
    told = [await shop.a_message("我要试驾"), await shop.a_message("试驾")]
    await shop.handle_at_once(*told)
    row = (await shop.world.sql("SELECT flow->>'step' AS step FROM direct_messages.conversation"))[
        0
    ]
    assert row["step"] == "0"
    await shop.says("王女士")
    await shop.says("13800138000")
    assert [lead["contact"]["name"] for lead in await captured(shop)] == ["王女士"]


async def test_no_decision_record_repeats_what_a_flow_was_told(shop: Shop) -> None:
    await shop.call("POST", f"/v1/accounts/{ACC}/rules", DRIVE)
    for text in ("我要试驾", "王女士", "13800138000"):
        await shop.says(text)
    rows = await shop.world.sql("SELECT record::text AS r FROM direct_messages.decision")
    assert not [row for row in rows if "王女士" in row["r"] or "13800138000" in row["r"]]


async def stages_asked(shop: Shop) -> list[dict[str, Any]]:
    """The stages that rules asked for, oldest first."""
    rows = await shop.world.sql(
        "SELECT envelope FROM direct_messages.outbox ORDER BY created_at, id"
    )
    told = [Envelope.load(bytes(row[0])) for row in rows]
    return [e.data for e in told if e.type == "direct_messages.lead_stage_asked"]


HOT: dict[str, Any] = {**PRICE, "effects": [{"kind": "set_stage", "stage": "high_intent"}]}


async def test_a_rule_asks_for_a_stage_once_in_the_transaction_of_its_reply(shop: Shop) -> None:
    made = await shop.call("POST", f"/v1/accounts/{ACC}/rules", HOT)
    message = await shop.a_message("多少钱，电话 13800138000")
    await shop.tell(message, message)
    await shop.says("在吗")
    (asked,) = await stages_asked(shop)
    assert (asked["stage"], asked["reason"]) == ("high_intent", None)
    assert asked["rule_id"] == made.json()["id"]
    assert asked["message_id"] == (await shop.inbound_ids())[0]
    trial = (await shop.call("POST", f"/v1/accounts/{ACC}/rule-trials", {"text": "多少钱"})).json()
    assert trial["draft"]["lead_stage"] == "high_intent"
    assert made.json()["effects"] == [{"stage": "high_intent", "reason": None, "kind": "set_stage"}]


async def test_a_flow_asks_for_its_stage_when_it_is_complete(shop: Shop) -> None:
    step = {"field": "phone", "question": "您的手机号？", "expects": "phone"}
    flow = {"kind": "start_flow", "steps": [step], "done": "收到"}
    await shop.rules({**HOT, "effects": [*HOT["effects"], flow]})
    await shop.says("多少钱")
    await shop.says("不方便")
    assert await stages_asked(shop) == []
    await shop.says("13800138000")
    assert [asked["stage"] for asked in await stages_asked(shop)] == ["high_intent"]


async def test_what_the_loop_guard_stops_asks_for_no_stage(shop: Shop) -> None:
    await shop.rules(HOT)
    await shop.policy(dm__loop_guard={"sends": 0, "inbound": 10, "seconds": 60})
    await shop.says("多少钱")
    assert (await shop.outcomes(), await stages_asked(shop)) == (["loop_guard"], [])
