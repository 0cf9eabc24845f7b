"""Rules tried before they are published: on one message, and on everything that was said."""

from typing import Any

from services.direct_messages.actions import run_replays
from tests.service.direct_messages.conftest import (
    ACC,
    DEFAULT,
    FAN,
    GREETING,
    OTHER_ORG,
    PERSON,
    PRICE,
    Shop,
)

RULES = f"/v1/accounts/{ACC}/rules"
DRAFT = f"/v1/accounts/{ACC}/rule-draft"
TRIALS = f"/v1/accounts/{ACC}/rule-trials"
REPLAYS = f"/v1/accounts/{ACC}/rule-replays"


async def drafted(shop: Shop, *changes: dict[str, Any]) -> None:
    answer = await shop.call("PUT", DRAFT, {"changes": list(changes)}, If_Match="*")
    assert answer.status_code == 200, answer.text


async def tried(shop: Shop, **trial: Any) -> dict[str, Any]:
    answer = await shop.call("POST", TRIALS, trial)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def replayed(shop: Shop, **asked: Any) -> dict[str, Any]:
    """The replay when it is done."""
    made = await shop.call("POST", REPLAYS, asked)
    assert made.status_code == 202, made.text
    assert (made.json()["state"], made.json()["done"]) == ("running", 0)
    await run_replays(shop.deps)
    found: dict[str, Any] = (await shop.get(made.headers["location"])).json()
    return found


async def test_a_trial_shows_published_rules_and_draft_side_by_side_and_does_nothing(
    shop: Shop,
) -> None:
    price = (await shop.call("POST", RULES, PRICE)).json()
    await drafted(
        shop,
        {"rule_id": price["id"], "rule": {**PRICE, "conditions": {"follows": True}}},
        {"rule": {**DEFAULT, "effects": [{"kind": "add_tag", "tag": "待回复"}]}},
    )
    found = await tried(shop, text="多 少 钱")
    follower = await tried(shop, text="多少钱", follows=True)

    assert found["same"] is False
    assert [found[n]["rule"]["name"] for n in ("published", "draft")] == ["price", "default"]
    assert found["draft"]["candidates"][0]["lost"] == "condition:follows"
    assert found["draft"]["tags_after"] == ["待回复"]
    assert found["published"]["items"][0]["text"] == "99 元"
    assert follower["draft"]["rule"]["name"] == "price"
    assert await shop.outcomes() == []
    assert await shop.requests() == []


async def test_a_notice_to_webhooks_is_shown_by_trial_and_replay_and_told_by_neither(
    shop: Shop,
) -> None:
    price = (await shop.call("POST", RULES, PRICE)).json()
    await shop.says("多少钱")
    notifies = {**PRICE, "effects": [{"kind": "notify_webhook", "label": "询价"}]}
    await drafted(shop, {"rule_id": price["id"], "rule": notifies})
    found = await tried(shop, text="多少钱")
    replay = await replayed(shop, rules="draft", days=7)

    assert (found["same"], found["published"]["webhook"]) == (False, None)
    assert found["draft"]["webhook"] == {"label": "询价"}
    assert (replay["differ"], replay["changed"]) == (1, 1)
    assert "direct_messages.rule_notified" not in await shop.world.outbox_types("direct_messages")


async def test_a_trial_knows_the_conversation_and_other_things_that_fans_do(shop: Shop) -> None:
    await shop.rules(GREETING, PERSON)
    await shop.says("人工")
    conversation = (await shop.conversation())["id"]

    owned = await tried(shop, text="在吗", conversation_id=conversation)
    entry = await tried(shop, does="enter")
    card = await tried(shop, does="lead", kind="retain_consult_card")

    assert owned["published"]["outcome"] == "person_owns"
    assert entry["published"]["rule"]["name"] == "greeting"
    assert card["published"]["outcome"] == "no_match"
    stranger = await shop.call("POST", TRIALS, {"text": "x"}, organization=OTHER_ORG)
    assert stranger.status_code == 404


async def test_a_replay_counts_what_the_draft_would_have_answered_otherwise(shop: Shop) -> None:
    price = (await shop.call("POST", RULES, PRICE)).json()
    person = (await shop.call("POST", RULES, PERSON)).json()
    for number, text in enumerate(["多少钱", "几点开门", "人工", "多少钱啊", "谢谢"]):
        await shop.says(text, fan=f"fan-{number}")
    twice = {**PRICE, "replies": [{"text": "88 元"}, {"text": "包邮"}]}
    hours = {**PRICE, "name": "hours", "keywords": ["几点"], "hand_off": True}
    await drafted(
        shop,
        {"rule_id": price["id"], "rule": twice},
        {"rule_id": person["id"]},
        {"rule": hours},
    )

    found = await replayed(shop)

    assert (found["state"], found["total"], found["done"]) == ("done", 5, 5)
    assert (found["gained"], found["lost"], found["changed"]) == (1, 1, 2)
    assert (found["hand_offs_gained"], found["hand_offs_lost"]) == (1, 0)  # the word still calls
    assert (found["items_before"], found["items_after"]) == (3, 5)
    texts = {e["text"]: e["change"] for e in found["examples"]}
    assert texts == {
        "多少钱": "changed",
        "几点开门": "gained",
        "人工": "lost",
        "多少钱啊": "changed",
    }
    assert len(await shop.outcomes()) == 5


async def test_a_replay_reads_the_messages_that_were_asked_for(shop: Shop) -> None:
    for text in ("多少钱", "多少钱啊", "在吗"):
        await shop.says(text)
    await shop.enters()
    await drafted(shop, {"rule": PRICE})

    assert (await replayed(shop, containing="啊"))["gained"] == 1
    assert (await replayed(shop, kind="page_entered"))["total"] == 1
    assert (await replayed(shop, days=1))["gained"] == 2
    other = await shop.call("POST", REPLAYS, {}, organization=OTHER_ORG)
    assert other.status_code == 404


async def test_every_recorded_decision_comes_out_again_by_the_rules_of_its_time(shop: Shop) -> None:
    rule = (await shop.call("POST", RULES, PRICE)).json()
    await shop.call("POST", RULES, GREETING)
    await shop.enters()
    for number in range(8):
        await shop.says("多少钱" if number % 2 else "在吗", fan=f"fan-{number % 3}")
        if number == 3:
            await shop.call("POST", RULES, PERSON)
            new = {**PRICE, "keywords": ["在吗"], "conditions": {"first_contact": False}}
            await shop.call("PUT", f"{RULES}/{rule['id']}", new, If_Match="*")
            await shop.policy(dm__auto_reply__greeting_interval_hours=1)
    await shop.says("我要退款")
    await shop.tell(shop.a_follow(1, await shop.world.now()))
    await shop.call("POST", RULES, DEFAULT)
    await shop.says("嗯", fan="fan-9")

    found = await replayed(shop, rules="records")

    assert (found["total"], found["done"], found["mismatches"]) == (12, 12, 0)
    assert len(set(await shop.outcomes())) >= 4


async def test_a_record_that_does_not_come_out_again_is_noticed(shop: Shop) -> None:
    await shop.call("POST", RULES, PRICE)
    await shop.says("多少钱")
    await shop.world.sql(
        "UPDATE direct_messages.decision SET record = (record::jsonb || '{\"items\": 2}')::json"
    )
    found = await replayed(shop, rules="records")
    assert found["mismatches"] == 1
    assert found["examples"][0]["change"] == "mismatch"


async def test_a_replay_goes_on_where_a_process_that_died_had_come(shop: Shop) -> None:
    for text in ("多少钱", "多少钱啊", "多少钱呢"):
        await shop.says(text)
    await drafted(shop, {"rule": PRICE})
    made = await shop.call("POST", REPLAYS, {})
    first = (await shop.inbound_ids())[0]
    await shop.world.sql(
        "UPDATE direct_messages.rule_replay SET reached = $1,"
        ' result = (result::jsonb || \'{"done": 1, "gained": 1, "differ": 1}\')::json',
        first,
    )
    await run_replays(shop.deps)

    found = (await shop.get(made.headers["location"])).json()
    assert (found["state"], found["done"], found["gained"]) == ("done", 3, 3)


async def test_the_draft_of_a_replay_is_that_of_the_moment_it_was_asked(shop: Shop) -> None:
    await shop.says("多少钱", fan=FAN)
    await drafted(shop, {"rule": PRICE})
    made = await shop.call("POST", REPLAYS, {})
    await shop.call("DELETE", DRAFT, If_Match="*")
    await run_replays(shop.deps)
    assert (await shop.get(made.headers["location"])).json()["gained"] == 1
