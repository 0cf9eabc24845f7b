"""Several changes of rules together: drafted, reviewed, published at once, taken back."""

import asyncio
import time
from typing import Any

import pytest

from tests.service.direct_messages.conftest import ACC, OTHER_ORG, PERSON, PRICE, Shop

RULES = f"/v1/accounts/{ACC}/rules"
DRAFT = f"/v1/accounts/{ACC}/rule-draft"
SETS = f"/v1/accounts/{ACC}/rule-sets"
CHEAP = {**PRICE, "replies": [{"kind": "text", "text": "88 元"}]}


async def drafted(shop: Shop, *changes: dict[str, Any]) -> dict[str, Any]:
    """The draft with these changes."""
    answer = await shop.call("PUT", DRAFT, {"changes": list(changes)}, If_Match="*")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def published(shop: Shop) -> dict[str, Any]:
    """The rule set that the draft became."""
    answer = await shop.call("POST", SETS, {"note": "一起上线"}, If_Match="*")
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_draft_answers_nobody_before_it_is_published(shop: Shop) -> None:
    await drafted(shop, {"rule": PRICE}, {"rule": PERSON})
    await shop.says("多少钱")
    made = await published(shop)
    await shop.says("多少钱")

    assert await shop.outcomes() == ["no_match", "replied"]
    assert (made["version"], made["changes"], made["note"]) == (1, 2, "一起上线")
    assert [r["name"] for r in (await shop.get(RULES)).json()["data"]] == ["person", "price"]
    assert (await shop.get(DRAFT)).json()["changes"] == []


async def test_a_draft_keeps_its_new_rules_ids_and_is_edited_in_place(shop: Shop) -> None:
    first = await drafted(shop, {"rule": PRICE})
    rule_id = first["changes"][0]["rule_id"]
    second = await drafted(shop, {"rule_id": rule_id, "rule": CHEAP}, {"rule": PERSON})

    assert second["changes"][0]["rule_id"] == rule_id
    assert second["changes"][0]["rule"]["replies"][0]["text"] == "88 元"
    assert (second["version"], second["rules_total"], second["rule_set"]) == (2, 2, 0)
    rows = await shop.world.sql("SELECT count(*) FROM direct_messages.rule_set")
    assert rows[0][0] == 0


async def test_one_publishing_adds_changes_and_deletes(shop: Shop) -> None:
    price = (await shop.call("POST", RULES, PRICE)).json()
    person = (await shop.call("POST", RULES, PERSON)).json()
    await drafted(
        shop,
        {"rule_id": price["id"], "rule": CHEAP},
        {"rule_id": person["id"]},
        {"rule": {**PRICE, "name": "hours", "keywords": ["几点开门"]}},
    )
    made = await published(shop)

    rules = (await shop.get(RULES)).json()
    assert made["version"] == rules["version"] == 3
    assert {r["name"]: r["version"] for r in rules["data"]} == {"price": 2, "hours": 1}
    await shop.says("多少钱")
    assert await shop.texts() == ["88 元"]


async def test_what_somebody_changed_meanwhile_is_not_overwritten(shop: Shop) -> None:
    rule = (await shop.call("POST", RULES, PRICE)).json()
    draft = await drafted(shop, {"rule_id": rule["id"], "rule": CHEAP})
    await shop.call("PUT", f"{RULES}/{rule['id']}", {**PRICE, "priority": 9}, If_Match="*")

    refused = await shop.call("POST", SETS, {}, If_Match=f'"{draft["version"]}"')
    seen = (await shop.get(DRAFT)).json()
    await drafted(shop, {"rule_id": rule["id"], "rule": CHEAP})
    made = await shop.call("POST", SETS, {}, If_Match="*")

    assert (refused.status_code, refused.json()["code"]) == (409, "direct_messages.draft_crossed")
    assert refused.json()["rules"] == seen["crossed"] == [rule["id"]]
    assert made.status_code == 201


async def test_publishing_needs_the_draft_as_it_was_seen(shop: Shop) -> None:
    draft = await drafted(shop, {"rule": PRICE})
    await drafted(shop, {"rule": PERSON})

    answers = [
        await shop.call("POST", SETS, {}, If_Match=f'"{draft["version"]}"'),
        await shop.call("POST", SETS, {}),
        await shop.call("PUT", DRAFT, {"changes": []}, If_Match=f'"{draft["version"]}"'),
        await shop.call("DELETE", DRAFT, If_Match=f'"{draft["version"]}"'),
    ]

    assert [a.status_code for a in answers] == [412, 428, 412, 412]
    assert (await shop.call("DELETE", DRAFT, If_Match="*")).status_code == 204
    empty = await shop.call("POST", SETS, {}, If_Match="*")
    assert (empty.status_code, empty.json()["code"]) == (409, "direct_messages.nothing_to_publish")


@pytest.mark.parametrize(
    ("changed", "pointer", "key"),
    [
        (
            {"replies": [{"text": "长" * 301}]},
            "#/changes/1/rule/replies/0/text",
            "dm.auto_reply.text_max_chars",
        ),
        (
            {"replies": [{"text": "x"}] * 4},
            "#/changes/1/rule/replies",
            "dm.auto_reply.items_per_firing",
        ),
        (
            {"replies": [{"text": "http://x.example"}]},
            "#/changes/1/rule/replies/0/text",
            "dm.text.allowed_hosts",
        ),
        (
            {"keywords": ["长" * 31]},
            "#/changes/1/rule/keywords/0",
            "dm.auto_reply.keyword_max_chars",
        ),
        ({"match": "re2", "keywords": [], "pattern": "("}, "#/changes/1/rule/pattern", None),
    ],
)
async def test_a_refusal_names_field_rule_and_policy_key_and_changes_nothing(
    shop: Shop, changed: dict[str, Any], pointer: str, key: str | None
) -> None:
    bad = {**PRICE, "name": "坏规则", **changed}
    answer = await shop.call(
        "PUT", DRAFT, {"changes": [{"rule": PERSON}, {"rule": bad}]}, If_Match="*"
    )

    body = answer.json()
    assert (answer.status_code, body["errors"][0]["pointer"]) == (422, pointer), answer.text
    assert (body["rule"], body["policy_key"]) == ("坏规则", key)
    assert (await shop.get(DRAFT)).json()["version"] == 0


async def test_a_change_of_no_rule_is_refused(shop: Shop) -> None:
    rule = (await shop.call("POST", RULES, PRICE)).json()
    for changes, pointer in (
        ([{"rule_id": "rule_nobody", "rule": PRICE}], "#/changes/0/rule_id"),
        ([{"rule": PRICE}, {}], "#/changes/1/rule"),
        ([{"rule_id": rule["id"]}, {"rule_id": rule["id"]}], "#/changes/1/rule_id"),
    ):
        answer = await shop.call("PUT", DRAFT, {"changes": changes}, If_Match="*")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_the_review_names_rules_that_never_fire_and_words_of_two(shop: Shop) -> None:
    await shop.call("POST", RULES, PRICE)
    draft = await drafted(
        shop,
        {"rule": {**PRICE, "name": "never"}},
        {"rule": {**PRICE, "name": "partly", "keywords": ["多少钱", "怎么卖"]}},
        {"rule": {**PERSON, "name": "refund", "keywords": ["我要退款"], "hand_off": False}},
    )

    found = {f["rule"]: f["doubt"] for f in draft["findings"]}
    assert found == {"never": "unreachable", "partly": "overlap", "refund": "unreachable"}


async def test_rolling_back_answers_as_before_and_keeps_every_version(shop: Shop) -> None:
    rule = (await shop.call("POST", RULES, PRICE)).json()
    await shop.call("PUT", f"{RULES}/{rule['id']}", CHEAP, If_Match="*")
    await shop.call("POST", RULES, PERSON)
    await shop.call("DELETE", f"{RULES}/{rule['id']}", If_Match="*")

    back = await shop.call("POST", f"{SETS}/1/restore", {"note": "回滚"})
    await shop.says("多少钱")
    again = await shop.call("POST", f"{SETS}/1/restore", {})
    listed = (await shop.get(SETS)).json()["data"]

    assert back.status_code == 201, back.text
    assert (back.json()["version"], back.json()["restores"]) == (5, 1)
    assert await shop.texts() == ["99 元"]
    assert again.json()["code"] == "direct_messages.nothing_to_publish"
    assert [s["version"] for s in listed] == [5, 4, 3, 2, 1]
    names = [
        [r["name"] for r in (await shop.get(f"{SETS}/{v}")).json()["rules"]] for v in range(1, 6)
    ]
    assert names == [["price"], ["price"], ["person", "price"], ["person"], ["price"]]
    assert (await shop.get(f"{RULES}/{rule['id']}")).json()["version"] == 3
    for unknown in (9, 2**31 - 1):
        assert (await shop.get(f"{SETS}/{unknown}")).status_code == 404
        restore = await shop.call("POST", f"{SETS}/{unknown}/restore", {})
        assert restore.status_code == 404


async def test_a_publication_asked_twice_under_one_key_happens_once(shop: Shop) -> None:
    await drafted(shop, {"rule": PRICE})
    headers = {"If_Match": "*", "Idempotency_Key": '"publish-once-0001"'}
    answers = [await shop.call("POST", SETS, {"note": "x"}, **headers) for _ in range(2)]

    assert [a.status_code for a in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert (await shop.get(RULES)).json()["version"] == 1


async def test_publishing_while_fans_write_loses_and_doubles_nothing_and_holds_at_once(
    shop: Shop,
) -> None:
    rule = (await shop.call("POST", RULES, PRICE)).json()
    messages = [await shop.a_message("多少钱", fan=f"fan-{n}") for n in range(24)]

    async def publish() -> None:
        for price in range(4):
            new = {**PRICE, "replies": [{"text": f"{price} 元"}]}
            await drafted(shop, {"rule_id": rule["id"], "rule": new})
            await published(shop)

    await asyncio.gather(shop.handle_at_once(*messages), publish())
    began = time.monotonic()
    await shop.says("多少钱", fan="fan-later")
    took = time.monotonic() - began

    assert await shop.outcomes() == ["replied"] * 25
    requests = await shop.requests()
    assert sorted(r["open_id"] for r in requests) == sorted(
        [*(f"fan-{n}" for n in range(24)), "fan-later"]
    )
    (last,) = (r["texts"] for r in requests if r["open_id"] == "fan-later")
    assert last == ["3 元"]
    assert took < 2, "a change is live everywhere within two seconds"


async def test_a_change_costs_as_much_as_was_changed(shop: Shop) -> None:
    """Not a copy of all rules, as many as there may be."""
    await shop.policy(dm__rules__max_per_account=1000)
    await shop.rules(*({**PRICE, "keywords": [f"词{n}"]} for n in range(1000)))
    rule = (await shop.get(RULES)).json()["data"][500]
    size = "SELECT count(*) FROM direct_messages.rule"
    (before,) = await shop.world.sql(size)

    changed = await shop.call("PUT", f"{RULES}/{rule['id']}", CHEAP, If_Match="*")

    (after,) = await shop.world.sql(size)
    assert changed.status_code == 200, changed.text
    assert after[0] - before[0] == 1
    await shop.says("多少钱")
    assert await shop.texts() == ["88 元"]


async def test_for_another_organization_there_is_no_draft(shop: Shop) -> None:
    await shop.call("POST", RULES, PRICE)
    answers = [
        await shop.get(DRAFT, OTHER_ORG),
        await shop.get(SETS, OTHER_ORG),
        await shop.get(f"{SETS}/1", OTHER_ORG),
        await shop.call("PUT", DRAFT, {"changes": []}, If_Match="*", organization=OTHER_ORG),
        await shop.call("POST", SETS, {}, If_Match="*", organization=OTHER_ORG),
        await shop.call("POST", f"{SETS}/1/restore", {}, organization=OTHER_ORG),
    ]
    assert [a.status_code for a in answers] == [404] * 6
