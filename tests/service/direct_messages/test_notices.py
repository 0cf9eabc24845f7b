"""A rule lets webhooks tell that it fired: with the decision or not at all, once, and in trials only shown."""

from typing import Any

import orjson
import pytest

from tests.service.direct_messages.conftest import ACC, PRICE, Shop

RULES = f"/v1/accounts/{ACC}/rules"
TELLS: dict[str, Any] = {**PRICE, "effects": [{"kind": "notify_webhook", "label": "询价"}]}
FLOW = {
    "kind": "start_flow",
    "done": "好的",
    "steps": [{"field": "a", "question": "几件？"}, {"field": "b", "question": "哪天？"}],
}


async def notices(shop: Shop) -> list[dict[str, Any]]:
    """What was told of rules that fired."""
    rows = await shop.world.sql(
        "SELECT envelope FROM direct_messages.outbox WHERE hearer = 'open_platform' ORDER BY id"
    )
    found = [orjson.loads(bytes(row["envelope"])) for row in rows]
    return [each for each in found if each["type"] == "direct_messages.rule_notified"]


async def test_a_rule_that_fires_is_told_with_its_label(shop: Shop) -> None:
    rule = (await shop.call("POST", RULES, TELLS)).json()
    await shop.says("多少钱")
    (told,) = await notices(shop)
    data = told["data"]
    assert (data["rule_id"], data["rule_version"], data["label"]) == (rule["id"], 1, "询价")
    assert data["trigger"] == "message"
    decision = await shop.world.sql("SELECT message_id FROM direct_messages.decision")
    assert data["message_id"] == decision[0]["message_id"]
    assert "多少钱" not in orjson.dumps(told).decode()


async def test_a_rule_that_does_not_fire_is_not_told(shop: Shop) -> None:
    await shop.rules({**TELLS, "conditions": {"follows": True}}, {**TELLS, "keywords": ["别的"]})
    await shop.says("多少钱")
    assert await notices(shop) == []


async def test_a_flow_is_told_when_it_starts_and_not_at_its_answers(shop: Shop) -> None:
    await shop.rules({**TELLS, "replies": [], "effects": [*TELLS["effects"], FLOW]})
    for words in ("多少钱", "两件", "周六"):
        await shop.says(words)
    assert len(await notices(shop)) == 1


@pytest.mark.parametrize(
    ("effects", "pointer"),
    [
        ([{"kind": "notify_webhook", "label": "a"}, {"kind": "notify_webhook"}], "#/effects"),
        ([{"kind": "notify_webhook", "label": " "}], "#/effects/0/label"),
        ([{"kind": "notify_webhook", "label": ""}], "#/effects/0/label"),
        ([{"kind": "notify_webhook", "label": "x" * 201}], "#/effects/0/label"),
        ([{"kind": "notify_webhook", "url": "https://a.example"}], "#/effects/0/url"),
    ],
)
async def test_what_is_wrong_is_named(
    shop: Shop, effects: list[dict[str, Any]], pointer: str
) -> None:
    answer = await shop.call("POST", RULES, {**TELLS, "effects": effects})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
