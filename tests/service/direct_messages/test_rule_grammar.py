"""Rules with conditions, kinds and effects, from the API to what is sent."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.events.douyin import AnsweredCard
from tests.service.direct_messages.conftest import ACC, DEFAULT, GREETING, ORG, PERSON, PRICE, Shop

RULES = f"/v1/accounts/{ACC}/rules"


def saying(text: str) -> dict[str, Any]:
    return {"replies": [{"kind": "text", "text": text}]}


async def added(shop: Shop, **rule: Any) -> dict[str, Any]:
    """The rule, saved."""
    answer = await shop.call("POST", RULES, {"name": "rule", "trigger": "message", **rule})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_fans_write_differently_is_answered_the_same(shop: Shop) -> None:
    await added(shop, match="exact", keywords=["多少钱"], **saying("99 元"))
    for text in ("多少錢？", "多 少 钱", "多少钱😊", "「多少钱」"):
        await shop.says(text)
    assert await shop.outcomes() == ["replied"] * 4


async def test_a_picture_is_answered_by_its_rule_and_a_card_by_the_rule_for_leads(
    shop: Shop,
) -> None:
    await added(shop, match="any", kinds=["image"], **saying("图片收到"))
    await added(
        shop, trigger="lead", effects=[{"kind": "add_tag", "tag": "留资"}], **saying("已收到")
    )
    await shop.says(None)
    day = (await shop.world.now()).date()
    answers = shop.world.resources.sealer.seal(ORG, '[["姓名", "张三"]]', day)
    card = AnsweredCard(card_id="@card==", status=1, answers=answers)
    await shop.says(None, kind="retain_consult_card", card=card)

    assert await shop.texts() == ["图片收到", "已收到"]
    assert (await shop.conversation())["tags"] == ["留资"]


async def test_a_tag_that_one_rule_gives_is_a_condition_of_another(shop: Shop) -> None:
    await added(
        shop,
        match="contains",
        keywords=["想买"],
        effects=[{"kind": "add_tag", "tag": "意向"}],
        **saying("好的"),
    )
    await added(
        shop,
        match="contains",
        keywords=["多少钱"],
        conditions={"tags_any": ["意向"]},
        **saying("给您 88 元"),
    )
    await shop.call("POST", RULES, PRICE)
    for text in ("多少钱", "我想买", "多少钱"):
        await shop.says(text)

    assert await shop.texts() == ["99 元", "好的", "给您 88 元"]
    story = await shop.story()
    assert story["rule"]["conditions"] == {"tags_any": ["意向"]}
    first = await shop.story(0)
    assert [c["lost"] for c in first["candidates"]] == ["condition:tags_any", None]


async def test_who_writes_out_of_hours_is_told_the_hours(shop: Shop) -> None:
    hours = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "closed")
    await shop.policy(calendar__hours=hours)
    await added(
        shop,
        match="any",
        conditions={"hours": "closed"},
        **saying("营业时间 9:00-18:00，稍后回复您"),
    )
    await shop.says("在不在")
    await shop.policy(calendar__hours=None)
    await shop.world.advance(timedelta(days=2))
    await shop.says("在不在")
    assert await shop.outcomes() == ["replied", "no_match"]


async def test_who_is_spoken_to_first_by_the_account_is_known(shop: Shop) -> None:
    await added(
        shop,
        match="contains",
        keywords=["好"],
        conditions={"started_by": "fan"},
        **saying("您好"),
    )
    now = await shop.world.now()
    await shop.tell(shop.an_answer_in_the_app("您好，看看新款吗", now))
    await shop.call("PUT", await owner_path(shop), {"owner": "bot"}, If_Match="*")
    await shop.says("好")
    assert await shop.outcomes() == ["no_match"]
    assert (await shop.conversation())["started_by"] == "account"


async def owner_path(shop: Shop) -> str:
    return f"/v1/conversations/{(await shop.conversation())['id']}/owner"


async def test_a_rule_that_stops_keeps_the_default_away(shop: Shop) -> None:
    await shop.call("POST", RULES, DEFAULT)
    await added(shop, match="contains", keywords=["刷单"], effects=[{"kind": "stop"}])
    await shop.says("刷单吗")
    assert await shop.outcomes() == ["silent"]
    assert await shop.texts() == []


async def test_the_table_of_precedence_shows_every_rule_at_its_step(shop: Shop) -> None:
    made = {
        rule["name"]: (await shop.call("POST", RULES, rule)).json()["id"]
        for rule in (PRICE, PERSON, GREETING, DEFAULT)
    }
    table = (await shop.get(f"/v1/accounts/{ACC}/rule-precedence")).json()

    found = {step["name"]: step["rules"] for step in table["steps"] if step["rules"]}
    assert found == {
        "hand_off": [made["person"]],
        "contains": [made["price"]],
        "greeting": [made["greeting"]],
        "default": [made["default"]],
    }
    assert [step["step"] for step in table["steps"]] == [*range(1, 11)]
    assert table["rule_set"] == 4


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"effects": [{"kind": "launch"}]}, "#/effects/0"),
        ({"effects": [{"kind": "add_tag"}]}, "#/effects/0/tag"),
        ({"conditions": {"weather": "sunny"}}, "#/conditions/weather"),
        ({"conditions": {"hours": "often"}}, "#/conditions/hours"),
        ({"conditions": {"share": 0}}, "#/conditions/share"),
        ({"conditions": {"follows": "yes"}}, "#/conditions/follows"),
        ({"match": "any", "keywords": [], "kinds": ["smell"]}, "#/kinds/0"),
        ({"replies": []}, "#/replies"),
        ({"replies": [{"text": "全网最低价"}]}, "#/replies/0/text"),
    ],
)
async def test_what_is_not_there_is_refused_when_it_is_saved(
    shop: Shop, changed: dict[str, Any], pointer: str
) -> None:
    await shop.policy(content__absolute_words=["全网最低"])
    answer = await shop.call("POST", RULES, {**PRICE, **changed})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
