"""Rules send lead cards of their own account, and none that is gone."""

from dataclasses import replace
from typing import Any

import httpx2
import pytest

from shared.contracts.envelope import Envelope
from shared.contracts.events.douyin import CardChanged
from tests.service.direct_messages.conftest import ACC, OTHER_ORG, PRICE, Shop

PLACE = f"/v1/accounts/{ACC}"
RULES = f"{PLACE}/rules"
OWN, OTHERS, GONE, UNSEEN = "@own==", "@others==", "@gone==", "@unseen=="


def a_rule(card_id: str) -> dict[str, Any]:
    text = {"kind": "text", "text": "填一下"}
    return {**PRICE, "name": "card", "replies": [text, {"kind": "lead_card", "card_id": card_id}]}


def told(
    shop: Shop, card_id: str, *, account: str = ACC, seq: int = 1, is_there: bool = True
) -> Envelope:
    event = CardChanged(card_id=card_id, is_there=is_there)
    envelope = shop.envelope(event, account=account)
    return replace(envelope, subject=card_id, subject_seq=seq)


@pytest.fixture
async def carded(shop: Shop) -> Shop:
    """A shop with one card, beside another account with one, and one that was deleted."""
    gone = [told(shop, GONE), told(shop, GONE, seq=2, is_there=False)]
    await shop.tell(told(shop, OWN), told(shop, OTHERS, account="acc_2"), *gone)
    return shop


async def add(shop: Shop, card_id: str) -> httpx2.Response:
    return await shop.call("POST", RULES, a_rule(card_id))


async def put_draft(shop: Shop, card_id: str) -> httpx2.Response:
    changes = {"changes": [{"rule": PRICE}, {"rule": a_rule(card_id)}]}
    return await shop.call("PUT", f"{PLACE}/rule-draft", changes, If_Match="*")


async def put_menu(shop: Shop, card_id: str) -> httpx2.Response:
    leaf = {"label": "预约", "replies": a_rule(card_id)["replies"]}
    menu = {"entries": [{"label": "试驾", "entries": [leaf]}]}
    return await shop.call("PUT", f"{PLACE}/menu", menu, If_None_Match="*")


@pytest.mark.parametrize(
    ("save", "place", "name"),
    [
        (add, "#/replies/1/card_id", "card"),
        (put_draft, "#/changes/1/rule/replies/1/card_id", "card"),
        (put_menu, "#/entries/0/entries/0/replies/1/card_id", "预约"),
    ],
)
@pytest.mark.parametrize(("card", "says"), [(OTHERS, "of another account"), (GONE, "was deleted")])
async def test_a_card_that_is_not_the_accounts_is_refused_by_field_rule_and_policy_key(
    carded: Shop, save: Any, place: str, name: str, card: str, says: str
) -> None:
    refused = await save(carded, card)
    assert refused.status_code == 422, refused.text
    body = refused.json()
    assert body["errors"][0]["pointer"] == place
    assert (body["rule"], body["policy_key"]) == (name, "dm.card.ownership")
    assert says in body["detail"]
    assert (await carded.get(RULES)).json()["data"] == []
    assert (await save(carded, OWN)).is_success


async def test_a_card_that_nobody_saw_is_refused_only_where_policy_says_so(carded: Shop) -> None:
    assert (await add(carded, UNSEEN)).status_code == 201
    await carded.policy(dm__card__ownership="known")
    refused = await add(carded, UNSEEN)
    assert (refused.status_code, refused.json()["policy_key"]) == (422, "dm.card.ownership")
    await carded.tell(told(carded, UNSEEN))  # somebody listed the cards
    assert (await add(carded, UNSEEN)).status_code == 201


async def test_a_card_of_another_organization_is_nothing_that_we_know(carded: Shop) -> None:
    theirs = carded.envelope(
        CardChanged(card_id=UNSEEN, is_there=True), organization=OTHER_ORG, account="acc_9"
    )
    await carded.tell(theirs)
    assert (await add(carded, UNSEEN)).status_code == 201


async def test_a_draft_whose_card_goes_meanwhile_is_not_published(carded: Shop) -> None:
    draft = await put_draft(carded, OWN)
    await carded.tell(told(carded, OWN, seq=2, is_there=False))
    published = await carded.call(
        "POST",
        f"{PLACE}/rule-sets",
        {},
        If_Match=draft.headers["etag"],
        Idempotency_Key="publish-1",
    )
    assert published.status_code == 422, published.text
    assert published.json()["errors"][0]["pointer"] == "#/changes/1/rule/replies/1/card_id"


async def test_published_rules_whose_card_is_deleted_are_paused_with_an_alarm(carded: Shop) -> None:
    made = (await add(carded, OWN)).json()
    await carded.call("POST", RULES, PRICE)
    gone = told(carded, OWN, seq=2, is_there=False)
    await carded.tell(gone)
    await carded.tell(gone)

    rules = {rule["name"]: rule["paused"] for rule in (await carded.get(RULES)).json()["data"]}
    assert rules == {"card": f"the lead card {OWN} was deleted", "price": None}
    sent = await carded.world.outbox_types("direct_messages")
    assert sent.count("direct_messages.rule_paused") == 1
    await carded.says("多少钱")
    assert await carded.texts() == ["99 元"]

    path = f"{RULES}/{made['id']}"
    again = await carded.call("PUT", path, a_rule(OWN), If_Match="*")
    assert again.json()["policy_key"] == "dm.card.ownership"
    await carded.tell(told(carded, "@new=="))
    changed = await carded.call("PUT", path, a_rule("@new=="), If_Match="*")
    assert changed.json()["paused"] is None


async def test_old_news_of_a_card_changes_nothing(carded: Shop) -> None:
    await add(carded, OWN)
    await carded.tell(told(carded, OWN, seq=4), told(carded, OWN, seq=3, is_there=False))
    await carded.tell(told(carded, OWN, seq=2, is_there=False))
    assert [r["paused"] for r in (await carded.get(RULES)).json()["data"]] == [None]
