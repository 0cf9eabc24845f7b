"""Rules that ask for the tier of a fan, and for how one came."""

from typing import Any

from shared.contracts.envelope import Envelope
from shared.contracts.events.douyin import PageEntered
from shared.contracts.events.fans import TierChanged
from tests.service.direct_messages.conftest import ACC, FAN, PRICE, Shop
from tests.service.direct_messages.test_trying_rules import replayed, tried

FANS: dict[str, Any] = {**PRICE, "name": "fans", "priority": 1}
FANS |= {"conditions": {"tiers": ["goodwill", "true_love"]}, "replies": [{"text": "88 元"}]}
ADS: dict[str, Any] = {**FANS, "name": "ads", "conditions": {"sources": ["ad"]}}


def a_tier(shop: Shop, tier: str, version: int) -> Envelope:
    """The fan service tells a tier."""
    event = TierChanged(open_id=FAN, tier=tier, rule_version="x", fan_version=version)
    return shop.envelope(event)


async def comes(shop: Shop, **by: Any) -> None:
    """The fan opens the page, by a video or an ad."""
    entry = await shop.an_entry()
    await shop.tell(shop.envelope(PageEntered(**{**entry.data, **by})))


async def test_a_tier_decides_before_anybody_knows_whether_the_fan_follows(shop: Shop) -> None:
    await shop.rules(FANS, PRICE)
    await shop.says("多少钱")
    await shop.tell(a_tier(shop, "goodwill", 1))
    await shop.says("多少钱")

    assert await shop.texts() == ["99 元", "88 元"]
    assert (await shop.story(0))["candidates"][0]["lost"] == "condition:tiers"
    fan = (await shop.story())["fan"]
    assert (fan["tier"], fan["follows"], fan["observed_at"]) == ("goodwill", None, None)


async def test_tiers_that_come_late_twice_or_together_change_nothing_back(shop: Shop) -> None:
    await shop.rules(FANS, PRICE)
    old, new = a_tier(shop, "passer_by", 3), a_tier(shop, "true_love", 4)
    await shop.handle(new, old)
    await shop.handle(old, new)
    await shop.handle(a_tier(shop, "none", 2))
    await shop.says("多少钱")
    assert await shop.texts() == ["88 元"]


async def test_a_follow_keeps_the_tier_and_a_tier_keeps_the_follow(shop: Shop) -> None:
    await shop.tell(a_tier(shop, "goodwill", 1))
    await shop.tell(shop.a_follow(1, await shop.world.now()))
    await shop.tell(a_tier(shop, "true_love", 3))
    await shop.says("在吗")
    fan = (await shop.story())["fan"]
    assert (fan["tier"], fan["follows"], fan["epoch"]) == ("true_love", True, 1)


async def test_how_a_fan_came_is_kept_until_the_next_entry(shop: Shop) -> None:
    await shop.rules(ADS, PRICE)
    await comes(shop, ad={"adv_id": "17", "ad_id": "23"})
    await shop.says("多少钱")
    assert (await shop.conversation())["source"] == "ad"
    await comes(shop, item_id="@video001==")
    await shop.says("多少钱")

    assert await shop.texts() == ["88 元", "99 元"]
    path = f"/v1/conversations/{(await shop.conversation())['id']}/timeline"
    shown = [m["content"] for m in (await shop.get(path)).json()["data"] if m["direction"] == "in"]
    assert {"item_id": None, "ad": {"adv_id": "17", "ad_id": "23"}} in shown
    assert (await shop.story())["conversation_before"]["source"] == "video"


async def test_tiers_and_sources_are_tried_replayed_and_checked(shop: Shop) -> None:
    await shop.rules(FANS, ADS, PRICE)
    await shop.tell(a_tier(shop, "goodwill", 1))
    await comes(shop, ad={"ad_id": "23"})
    await shop.says("多少钱")

    fan = await tried(shop, text="多少钱", tier="true_love")
    ad = await tried(shop, text="多少钱", source="ad")
    nobody = await tried(shop, text="多少钱")
    again = await replayed(shop, rules="records")
    wrong = {**FANS, "conditions": {"tiers": ["best"], "sources": ["tv"]}}
    refused = await shop.call("POST", f"/v1/accounts/{ACC}/rules", wrong)

    names = [found["published"]["rule"]["name"] for found in (fan, ad, nobody)]
    assert names == ["fans", "ads", "price"]
    assert (again["total"], again["mismatches"]) == (2, 0)
    pointers = {error["pointer"] for error in refused.json()["errors"]}
    assert pointers == {"#/conditions/tiers/0", "#/conditions/sources/0"}
