"""Lead cards over the real wire: a rule sends its own account's; one that is gone is told, and not tried for ever."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.e2e.house import House
from tests.e2e.playing import Record
from tests.e2e.script import Shop
from tests.e2e.stage import OpenShop, Stage, open_stage, seen
from tests.support.receiving import Receiver, receiving

_KNOWN = "SELECT is_there FROM direct_messages.card WHERE card_id = $1 AND account_id = $2"
_FAILED = (
    "SELECT count(*) = $2 FROM direct_messages.message"
    " WHERE account_id = $1 AND direction = 'out' AND state = 'failed'"
)
_DECIDED = (
    "SELECT d.outcome FROM direct_messages.decision d JOIN direct_messages.message m"
    " ON m.account_id = d.account_id AND m.id = d.message_id"
    " WHERE m.account_id = $1 AND m.platform_message_id = $2"
)


def a_rule(card_id: str) -> dict[str, Any]:
    """A rule that answers with this card."""
    replies = [{"text": "填一下，马上给您报价。"}, {"kind": "lead_card", "card_id": card_id}]
    asked = {"trigger": "message", "match": "exact", "keywords": ["估价"]}
    return {"name": "估价", **asked, "replies": replies}


@asynccontextmanager
async def opened(house: House, *names: str) -> AsyncIterator[tuple[Stage, list[OpenShop]]]:
    """Shops with a card each, which their rules may send."""
    scripts = {name: Shop(shop=name, rules=[], conversations=[]) for name in names}
    async with open_stage(house, scripts) as stage:
        shops = [stage.shops[name] for name in names]
        for shop in shops:
            await stage.until(_KNOWN, shop.things["$card"], shop.account)
        yield stage, shops


async def asks(stage: Stage, shop: OpenShop, fan: str) -> str:
    """A fan asks for the card; the platform's id of what she said."""
    said = {"from": fan, "to": shop.open_id, "text": "估价"}
    return str((await stage.control("messages", said))["msg_id"])


async def pauses(stage: Stage, receiver: Receiver) -> str:
    """The secret of an endpoint that is told of paused rules."""
    body = {"url": receiver.url, "event_types": ["dm.rule_paused"]}
    return str((await stage.api("POST", "/v1/webhook-endpoints", body)).json()["secret"])


async def test_a_card_of_another_account_is_refused_by_field_rule_and_policy_key(
    house: House,
) -> None:
    async with opened(house, "cards-own", "cards-others") as (stage, (own, others)):
        rules = f"/v1/accounts/{own.account}/rules"
        refused = await stage.asked("POST", rules, a_rule(others.things["$card"]))
        body = refused.json()
        assert (refused.status_code, body["code"]) == (422, "invalid")
        assert body["errors"][0]["pointer"] == "#/replies/1/card_id"
        assert (body["rule"], body["policy_key"]) == ("估价", "dm.card.ownership")
        assert (await stage.api("GET", rules)).json()["data"] == []

        await stage.api("POST", rules, a_rule(own.things["$card"]))
        await asks(stage, own, "fan-cards-own")
        record = Record(stage)

        async def have_come() -> bool:
            return len(await record.of(own.open_id, "fan-cards-own")) > 1

        await seen(have_come)
        _, card = await record.of(own.open_id, "fan-cards-own")
        assert card["content"]["retain_consult_card"] == {"card_id": own.things["$card"]}


async def test_a_rule_whose_card_the_platform_deleted_is_paused_and_sends_no_more(
    house: House,
) -> None:
    async with receiving() as receiver, opened(house, "cards-gone") as (stage, (shop,)):
        secret = await pauses(stage, receiver)
        rules = f"/v1/accounts/{shop.account}/rules"
        made = (await stage.api("POST", rules, a_rule(shop.things["$card"]))).json()
        await delete_at_the_platform(stage, shop)
        for number in range(1, 4):
            await asks(stage, shop, f"fan-cards-gone-{number}")
            await stage.until(_FAILED, shop.account, number)

        await seen(lambda: heard(receiver))
        told = receiver.got[0].verified(secret)
        assert (told["type"], told["data"]["rule_id"]) == ("dm.rule_paused", made["id"])
        (rule,) = (await stage.api("GET", rules)).json()["data"]
        assert rule["paused"].startswith("the platform refused its last 3 answers")
        fourth = await asks(stage, shop, "fan-cards-gone-4")
        assert await stage.until(_DECIDED, shop.account, fourth) == "no_match"
        assert await Record(stage).of(shop.open_id, "fan-cards-gone-4") == []


async def test_a_card_that_a_listing_no_longer_has_pauses_its_rule_at_once(house: House) -> None:
    async with receiving() as receiver, opened(house, "cards-listed") as (stage, (shop,)):
        secret = await pauses(stage, receiver)
        rules = f"/v1/accounts/{shop.account}/rules"
        await stage.api("POST", rules, a_rule(shop.things["$card"]))
        await delete_at_the_platform(stage, shop)
        await stage.api("GET", f"/v1/accounts/{shop.account}/cards")
        await seen(lambda: heard(receiver))
        assert receiver.got[0].verified(secret)["data"]["reason"] == "card_deleted"
        (rule,) = (await stage.api("GET", rules)).json()["data"]
        assert rule["paused"] == f"the lead card {shop.things['$card']} was deleted"


async def heard(receiver: Receiver) -> bool:
    """Whether a webhook came."""
    return bool(receiver.got)


async def delete_at_the_platform(stage: Stage, shop: OpenShop) -> None:
    """The owner deletes the card in Douyin's own pages: nobody tells us."""
    await stage.platform(
        f"/im/del/retain_consult_card/?open_id={shop.open_id}",
        json={"card_id": shop.things["$card"]},
        headers={"access-token": shop.token},
    )
