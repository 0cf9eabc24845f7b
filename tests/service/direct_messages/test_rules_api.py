"""Rules by API: saved whole or not at all, never over somebody else's change."""

import asyncio
import json
from typing import Any

import pytest

from tests.service.direct_messages.conftest import (
    ACC,
    DEFAULT,
    GREETING,
    OTHER_ORG,
    PERSON,
    PRICE,
    Shop,
)

RULES = f"/v1/accounts/{ACC}/rules"


async def test_a_rule_that_is_added_answers_from_now_on(shop: Shop) -> None:
    await shop.says("多少钱")
    answer = await shop.call("POST", RULES, PRICE)
    await shop.says("多少钱")

    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"{RULES}/{answer.json()['id']}"
    assert answer.json()["mode"] == "all"
    assert await shop.outcomes() == ["no_match", "replied"]


async def test_the_list_is_in_precedence_order_and_its_version_counts_changes(shop: Shop) -> None:
    for rule in (GREETING, DEFAULT, PRICE, PERSON):
        await shop.call("POST", RULES, rule)

    found = (await shop.get(RULES)).json()

    assert [r["name"] for r in found["data"]] == ["person", "price", "greeting", "default"]
    assert found["version"] == 4


async def test_a_change_needs_the_etag_that_it_is_based_on(shop: Shop) -> None:
    rule = (await shop.call("POST", RULES, PRICE)).json()
    path, new = f"{RULES}/{rule['id']}", {**PRICE, "priority": 5}

    without = await shop.call("PUT", path, new)
    stale = await shop.call("PUT", path, new, If_Match='"7"')
    weak = await shop.call("PUT", path, new, If_Match='W/"1"')
    good = await shop.call("PUT", path, new, If_Match='"1"')
    late = await shop.call("DELETE", path, If_Match='"1"')

    found = [(a.status_code, a.json()["code"]) for a in (without, stale, weak, late)]
    assert found[0] == (428, "precondition_required")
    assert found[1:] == [(412, "precondition_failed")] * 3
    assert (good.status_code, good.headers["etag"], good.json()["priority"]) == (200, '"2"', 5)
    assert (await shop.get(path)).headers["etag"] == '"2"'
    assert (await shop.call("DELETE", path, If_Match='"2"')).status_code == 204
    assert (await shop.get(path)).status_code == 404
    assert (await shop.call("DELETE", path, If_Match="*")).status_code == 404


async def test_of_two_changes_at_once_one_is_told_to_look_again(shop: Shop) -> None:
    rule = (await shop.call("POST", RULES, PRICE)).json()
    path = f"{RULES}/{rule['id']}"

    answers = await asyncio.gather(
        *(shop.call("PUT", path, {**PRICE, "priority": n}, If_Match='"1"') for n in range(5))
    )

    assert sorted(a.status_code for a in answers) == [200, 412, 412, 412, 412]


def a_card(title: str, *questions: str) -> dict[str, Any]:
    return {"kind": "question_card", "title": title, "questions": list(questions)}


def a_jump_card(**changed: Any) -> dict[str, Any]:
    question = {"text": "预约", "jump_type": 1, "app_id": "tt1", "path": "p/x", **changed}
    return {"kind": "jump_card", "title": "想做什么？", "questions": [question]}


def a_coupon() -> dict[str, Any]:
    return {"kind": "coupon", "activity_id": "7212345678901234567", "coupon_meta_id": "42"}


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"match": "re2", "keywords": [], "pattern": r"(a)\1"}, "#/pattern"),
        ({"match": "re2", "keywords": [], "pattern": "x" * 257}, "#/pattern"),
        ({"keywords": ["x"] * 11}, "#/keywords"),
        ({"keywords": ["长" * 31]}, "#/keywords/0"),
        ({"keywords": ["a\x00b"]}, "#/keywords/0"),
        ({"replies": [{"kind": "text", "text": "长" * 301}]}, "#/replies/0/text"),
        ({"replies": [{"kind": "text", "text": "http://x.example"}]}, "#/replies/0/text"),
        ({"replies": [{"kind": "video", "text": "x"}]}, "#/replies/0/item_id"),
        ({"replies": [{"kind": "gift", "text": "x"}]}, "#/replies/0"),
        ({"replies": [{"kind": "image", "image_id": " "}]}, "#/replies/0/image_id"),
        ({"replies": [{"kind": "lead_card", "card_id": ""}]}, "#/replies/0/card_id"),
        ({"replies": [{"kind": "applet_card"}]}, "#/replies/0/card_template_id"),
        (
            {"replies": [{"kind": "applet_card", "card_id": "@c", "query": "["}]},
            "#/replies/0/query",
        ),
        ({"replies": [a_card("题" * 31, "价格")]}, "#/replies/0/title"),
        ({"replies": [a_card("题", *["问"] * 7)]}, "#/replies/0/questions"),
        ({"replies": [a_card("题", "好", "问" * 15)]}, "#/replies/0/questions/1"),
        ({"replies": [a_card("题", "看ｔ．ｃｎ/x")]}, "#/replies/0/questions/0"),
        ({"replies": [a_jump_card(app_id=" ")]}, "#/replies/0/questions/0/app_id"),
        ({"replies": [a_jump_card(query="[")]}, "#/replies/0/questions/0/query"),
        ({"replies": [a_jump_card(text="问" * 15)]}, "#/replies/0/questions/0"),
        ({"replies": [{**a_coupon(), "activity_id": "9" * 19}]}, "#/replies/0/activity_id"),
        ({"replies": [{**a_coupon(), "coupon_meta_id": "x"}]}, "#/replies/0/coupon_meta_id"),
        ({"replies": [{"kind": "grant_card", "app_id": " "}]}, "#/replies/0/app_id"),
        ({"replies": [{"kind": "text", "text": "加我evil.com"}]}, "#/replies/0/text"),
        ({"replies": [{"kind": "text", "text": "x"}] * 4}, "#/replies"),
        ({"trigger": "sometimes"}, "#/trigger"),
        ({"surprise": 1}, "#/surprise"),
        ({"name": ""}, "#/name"),
    ],
)
async def test_what_may_not_be_saved_is_named_and_changes_nothing(
    shop: Shop, changed: dict[str, Any], pointer: str
) -> None:
    answer = await shop.call("POST", RULES, {**PRICE, **changed})

    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await shop.get(RULES)).json() == {"version": 0, "data": []}


async def test_an_account_has_as_many_rules_as_its_policy_says(shop: Shop) -> None:
    await shop.policy(dm__rules__max_per_account=2)
    answers = [await shop.call("POST", RULES, PRICE) for _ in range(3)]

    assert [a.status_code for a in answers] == [201, 201, 409]
    assert answers[2].json()["code"] == "direct_messages.too_many_rules"


async def test_for_another_organization_there_is_nothing(shop: Shop) -> None:
    rule = (await shop.call("POST", RULES, PRICE)).json()
    path = f"{RULES}/{rule['id']}"

    answers = [
        await shop.get(RULES, OTHER_ORG),
        await shop.get(path, OTHER_ORG),
        await shop.call("POST", RULES, PRICE, organization=OTHER_ORG),
        await shop.call("PUT", path, PRICE, If_Match="*", organization=OTHER_ORG),
        await shop.call("DELETE", path, If_Match="*", organization=OTHER_ORG),
    ]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [(404, "not_found")] * 5
    assert (await shop.get(path)).json() == rule


async def test_every_change_keeps_the_rules_as_they_were(shop: Shop) -> None:
    rule = (await shop.call("POST", RULES, PRICE)).json()
    await shop.says("多少钱")
    other = {**PRICE, "replies": [{"kind": "text", "text": "88 元"}]}
    await shop.call("PUT", f"{RULES}/{rule['id']}", other, If_Match="*")
    await shop.says("多少钱")
    await shop.call("DELETE", f"{RULES}/{rule['id']}", If_Match="*")

    stories = [await shop.story(0), await shop.story(1)]

    assert await shop.texts() == ["99 元", "88 元"]
    assert [s["rule"]["replies"][0]["text"] for s in stories] == ["99 元", "88 元"]
    assert [s["versions"]["rule_set"] for s in stories] == [1, 2]


async def test_a_rule_may_answer_with_what_leads_into_a_mini_app(shop: Shop) -> None:
    replies = [a_jump_card(), a_coupon(), {"kind": "grant_card", "app_id": "tt1"}]
    added = await shop.call("POST", RULES, {**PRICE, "replies": replies})
    assert added.status_code == 201, added.text
    assert [r["text"] for r in added.json()["replies"]] == ["想做什么？", "", ""]

    await shop.says("多少钱")

    (request,) = await shop.requests()
    assert [item["kind"] for item in request["items"]] == [r["kind"] for r in replies]
    assert [json.loads(text) for text in request["texts"]] == [
        {name: value for name, value in reply.items() if name != "kind"} for reply in replies
    ]


async def test_a_rule_may_answer_with_every_kind(shop: Shop) -> None:
    replies = [a_card("想了解什么？", "价格"), {"kind": "lead_card", "card_id": "@card001=="}]
    added = await shop.call("POST", RULES, {**PRICE, "replies": replies})
    assert added.status_code == 201, added.text
    assert [r["kind"] for r in added.json()["replies"]] == ["question_card", "lead_card"]
    assert [r["text"] for r in added.json()["replies"]] == ["想了解什么？", ""]

    await shop.says("多少钱")

    (request,) = await shop.requests()
    assert [item["kind"] for item in request["items"]] == ["question_card", "lead_card"]
    assert [json.loads(text) for text in request["texts"]] == [
        {"title": "想了解什么？", "questions": ["价格"]},
        {"card_id": "@card001=="},
    ]
    items = (await shop.story())["items"]
    assert [i["content"] for i in items] == [json.loads(text) for text in request["texts"]]
