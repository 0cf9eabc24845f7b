"""The menu by API, and what fans get of it."""

from typing import Any

import orjson
import pytest

from tests.service.direct_messages.conftest import ACC, OTHER_ORG, Shop

PLACE = f"/v1/accounts/{ACC}/menu"
SHOWS: dict[str, Any] = {
    "name": "菜单",
    "trigger": "message",
    "match": "exact",
    "keywords": ["菜单"],
    "replies": [{"kind": "menu", "title": "请选择"}],
}
MENU: dict[str, Any] = {
    "title": "看哪一款？",
    "entries": [
        {
            "label": "车型",
            "entries": [
                {"label": "运动型SUV", "replies": [{"text": "SUV 12.98 万起"}]},
                {"label": "家用轿车", "replies": [{"text": "轿车 8.98 万起"}]},
            ],
        },
        {"label": "预约试驾", "replies": [{"kind": "lead_card", "card_id": "@card001=="}]},
        {"label": "找人工", "hand_off": True, "replies": [{"text": "正在转接"}]},
    ],
}


async def put(shop: Shop, menu: dict[str, Any], tag: str | None = None) -> Any:
    headers = {"If_Match": tag} if tag else {}
    return await shop.call("PUT", PLACE, menu, **headers)


async def test_a_fan_walks_through_the_menu_by_card_label_and_number(shop: Shop) -> None:
    await shop.rules(SHOWS)
    assert (await put(shop, MENU)).status_code == 200
    for text in ("菜单", "车型", "2"):
        await shop.says(text)
    first, below, answer = await shop.requests()
    assert orjson.loads(first["texts"][0]) == {
        "title": "请选择",
        "questions": ["车型", "预约试驾", "找人工"],
    }
    assert orjson.loads(below["texts"][0])["questions"] == ["运动型SUV", "家用轿车"]
    assert [item["kind"] for item in below["items"]] == ["question_card"]
    assert answer["texts"] == ["轿车 8.98 万起"]
    assert (await shop.story())["rule"]["name"] == "家用轿车"


async def test_clicks_are_counted_by_entry_and_way_and_no_answer_of_a_flow_is_one(
    shop: Shop,
) -> None:
    ask = {"field": "name", "question": "怎么称呼您？"}
    flow = {"kind": "start_flow", "done": "好的", "steps": [ask]}
    spot = {"position": [2], "label": "预约试驾"}
    asking = {"name": "预约试驾", "trigger": "menu", "menu": spot, "effects": [flow]}
    await shop.rules(SHOWS)
    await put(shop, {**MENU, "entries": [MENU["entries"][0]]})
    assert (await shop.call("POST", f"/v1/accounts/{ACC}/rules", asking)).status_code == 201

    for fan, texts in {
        "fan-1": ["车型", "菜单", "1", "2", "家用轿车的"],
        "fan-2": ["预约试驾", "王女士", "嗯嗯"],
        "fan-3": ["第1个"],  # who saw no menu
    }.items():
        for text in texts:
            await shop.says(text, fan=fan)

    answer = await shop.get(f"{PLACE}/clicks?days=1")
    assert answer.status_code == 200, answer.text
    counted = answer.json()
    assert [(e["label"], e["clicks"], e["ways"]) for e in counted["entries"]] == [
        ("车型", 2, {"label": 1, "number": 1, "near": 0}),
        ("运动型SUV", 0, {"label": 0, "number": 0, "near": 0}),
        ("家用轿车", 2, {"label": 0, "number": 1, "near": 1}),
        ("预约试驾", 1, {"label": 1, "number": 0, "near": 0}),
    ]
    assert counted["clicks"] == 5
    assert (await shop.get(f"{PLACE}/clicks", OTHER_ORG)).status_code == 404
    assert (await shop.get(f"{PLACE}/clicks?days=0")).status_code == 422
    report = (await shop.get(f"/v1/accounts/{ACC}/rule-report?days=1")).json()
    hits = {rule["name"]: rule["hits"] for rule in report["rules"]}
    assert (hits["预约试驾"], hits["车型"]) == (2, 2), "hits count what a flow answered, too"


async def test_an_entry_hands_over_to_a_person(shop: Shop) -> None:
    await put(shop, MENU)
    await shop.says("找人工")
    assert await shop.texts() == ["正在转接"]
    assert (await shop.conversation())["owner"] == "person"


async def test_a_menu_is_replaced_whole_and_entries_that_stay_keep_their_rules(shop: Shop) -> None:
    made = await put(shop, MENU)
    before = made.json()["entries"]
    changed = {
        **MENU,
        "entries": [MENU["entries"][0], {"label": "门店", "replies": [{"text": "成都"}]}],
    }
    assert (await put(shop, changed)).status_code == 428
    assert (await put(shop, changed, '"x"')).status_code == 412
    after = await put(shop, changed, made.headers["ETag"])
    found = after.json()["entries"]
    assert [entry["label"] for entry in found] == ["车型", "门店"]
    assert [entry["rule_id"] for entry in found] == [entry["rule_id"] for entry in before[:2]]
    assert (await put(shop, changed, after.headers["ETag"])).headers["ETag"] == after.headers[
        "ETag"
    ]
    sets = (await shop.get(f"/v1/accounts/{ACC}/rule-sets")).json()["data"]
    assert [one["version"] for one in sets] == [2, 1]

    await shop.says("找人工客服")  # its entry is gone, but the words still ask for a person
    assert (await shop.outcomes()) == ["handed_over"]


async def test_an_earlier_menu_can_be_restored(shop: Shop) -> None:
    first = (await put(shop, MENU)).json()
    await put(shop, {"entries": []}, (await shop.get(PLACE)).headers["ETag"])
    assert (await shop.get(PLACE)).json() == {"entries": []}
    path = f"/v1/accounts/{ACC}/rule-sets/1/restore"
    assert (await shop.call("POST", path, {"note": "back"})).status_code == 201
    assert (await shop.get(PLACE)).json() == first


@pytest.mark.parametrize(
    ("menu", "pointer", "key"),
    [
        ({"entries": [{"label": "太长的标签"}]}, "#/entries/0/label", "dm.menu.level1_label"),
        (
            {"entries": [{"label": str(n), "replies": [{"text": "x"}]} for n in range(4)]},
            "#/entries/3",
            "dm.menu.level1_max",
        ),
        (
            {"entries": [{"label": "一", "entries": [{"label": "超过八个字的标签了"}]}]},
            "#/entries/0/entries/0/label",
            "dm.menu.level2_label",
        ),
        (
            {
                "entries": [
                    {"label": "一", "entries": [{"label": "二", "entries": [{"label": "三"}]}]}
                ]
            },
            "#/entries/0/entries/0/entries/0",
            "dm.menu.max_levels",
        ),
        (
            {"entries": [{"label": "好", "replies": []}]},
            "#/entries/0/replies",
            "dm.auto_reply.items_per_firing",
        ),
        (
            {"entries": [{"label": "好", "replies": [{"text": "全国最佳"}]}]},
            "#/entries/0/replies/0/text",
            "content.absolute_words",
        ),
        (
            {"entries": [{"label": "好", "replies": [{"text": "x"}] * 4}]},
            "#/entries/0/replies",
            "dm.auto_reply.items_per_firing",
        ),
        (
            {"entries": [{"label": "好", "hand_off": True, "entries": [{"label": "二"}]}]},
            "#/entries/0/entries",
            None,
        ),
        ({"entries": [{"label": "a\0"}]}, "#/entries/0/label", None),
        ({"form": "buttons", "entries": []}, "#/form", None),
    ],
)
async def test_a_menu_without_room_is_refused_whole_with_the_field(
    shop: Shop, menu: dict[str, Any], pointer: str, key: str | None
) -> None:
    await shop.policy(content__absolute_words=["最佳"])
    answer = await put(shop, menu)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert answer.json().get("policy_key", key) == key
    assert (await shop.get(PLACE)).json() == {"entries": []}


async def test_another_organization_has_no_such_menu(shop: Shop) -> None:
    await put(shop, MENU)
    assert (await shop.get(PLACE, OTHER_ORG)).status_code == 404
    other = await shop.call("PUT", PLACE, MENU, organization=OTHER_ORG)
    assert other.status_code == 404
