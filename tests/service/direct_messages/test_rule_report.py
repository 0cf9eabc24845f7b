"""What rules did, and what becomes of a rule whose answers the platform refuses."""

from typing import Any

import pytest

from shared.contracts.events.douyin import Outcome
from tests.service.direct_messages.conftest import ACC, DEFAULT, OTHER_ORG, PERSON, PRICE, Shop

RULES = f"/v1/accounts/{ACC}/rules"
REPORT = f"/v1/accounts/{ACC}/rule-report"
CARD = {
    **PRICE,
    "name": "card",
    "keywords": ["留资"],
    "replies": [{"kind": "lead_card", "card_id": "@gone"}],
}


async def refused(shop: Shop, times: int, reason: str = "illegal_parameter") -> None:
    """Fans ask for the card, and the platform refuses it each time."""
    for number in range(times):
        await shop.says("留资", fan=f"fan-{number}-{reason}")
        request = (await shop.requests())[-1]
        settled = shop.a_settlement(request, Outcome.FAILED)
        settled.data["attempts"][0]["reason"] = reason
        await shop.tell(settled)


async def the_card(shop: Shop) -> dict[str, Any]:
    rules = (await shop.get(RULES)).json()["data"]
    return next(rule for rule in rules if rule["name"] == "card")


async def test_a_rule_whose_answers_are_refused_again_and_again_is_paused_with_an_alarm(
    shop: Shop,
) -> None:
    await shop.call("POST", RULES, CARD)
    await shop.call("POST", RULES, DEFAULT)
    await refused(shop, 2)
    assert (await the_card(shop))["paused"] is None
    await refused(shop, 3)  # two of them when it is paused already

    paused = await the_card(shop)
    assert "illegal_parameter" in paused["paused"]
    await shop.says("留资", fan="fan-after")
    assert (await shop.story())["rule"]["name"] == "default"
    draft = (await shop.get(f"/v1/accounts/{ACC}/rule-draft")).json()
    assert [(f["doubt"], f["rule"]) for f in draft["findings"]] == [("paused", "card")]

    changed = await shop.call("PUT", f"{RULES}/{paused['id']}", CARD, If_Match="*")
    assert changed.json()["paused"] is None
    await shop.says("留资", fan="fan-changed")
    assert (await shop.story())["rule"]["name"] == "card"


async def test_a_text_that_is_taken_before_a_card_that_is_gone_does_not_hide_it(shop: Shop) -> None:
    text = {"kind": "text", "text": "填一下"}
    await shop.call("POST", RULES, {**CARD, "replies": [text, *CARD["replies"]]})
    for number in range(3):
        assert (await the_card(shop))["paused"] is None
        await shop.says("留资", fan=f"fan-{number}")
        request = (await shop.requests())[-1]
        await shop.tell(shop.a_settlement(request, Outcome.SENT))
        gone = shop.a_settlement(request, Outcome.FAILED, item=1)
        gone.data["attempts"][0]["reason"] = "illegal_parameter"
        await shop.tell(gone)
    assert "illegal_parameter" in (await the_card(shop))["paused"]


async def test_an_alarm_is_told_once(shop: Shop) -> None:
    await shop.call("POST", RULES, CARD)
    await refused(shop, 4)
    sets = (await shop.get(f"/v1/accounts/{ACC}/rule-sets")).json()["data"]
    assert [(s["made_by"], s["note"]) for s in sets] == [("siyu", "! card"), ("key_test", "+ card")]


@pytest.mark.parametrize("reason", ["cap_reached", "window_expired", "user_banned"])
async def test_a_refusal_that_lies_in_the_fan_or_the_window_pauses_nothing(
    shop: Shop, reason: str
) -> None:
    await shop.call("POST", RULES, CARD)
    await refused(shop, 4, reason)
    assert (await the_card(shop))["paused"] is None


async def test_a_rule_of_which_something_was_taken_meanwhile_goes_on(shop: Shop) -> None:
    await shop.call("POST", RULES, CARD)
    await refused(shop, 2)
    await shop.says("留资", fan="fan-lucky")
    await shop.tell(shop.a_settlement((await shop.requests())[-1], Outcome.SENT))
    await refused(shop, 1, "content_refused")
    assert (await the_card(shop))["paused"] is None


async def test_the_report_tells_hits_who_answered_what_waits_and_which_rule_is_missing(
    shop: Shop,
) -> None:
    await shop.rules(PRICE, PERSON, {**PRICE, "name": "idle", "keywords": ["从不"]})
    for number, text in enumerate(["多少钱", "多少钱啊", "几点开门", " 几点开门", "我要人工"]):
        await shop.says(text, fan=f"fan-{number}")

    found = (await shop.get(f"{REPORT}?days=1")).json()

    assert (found["inbound"], found["outcomes"]) == (5, {"replied": 3, "no_match": 2})
    assert (found["reply_rate"], found["answers_of_bot"], found["bot_share"]) == (0.6, 3, 1.0)
    assert [(r["name"], r["hits"]) for r in found["rules"]] == [("price", 2), ("person", 1)]
    assert len(found["never_hit"]) == 1
    assert [(u["text"], u["count"]) for u in found["unmatched"]] == [("几点开门", 2)]
    assert [u["fan_open_id"] for u in found["unanswered"]] == ["fan-2", "fan-3"]
    assert (await shop.get(REPORT, OTHER_ORG)).status_code == 404
