"""What people see and write."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import orjson
import pytest

from services.direct_messages import store
from services.direct_messages.domain.items import wording
from services.direct_messages.domain.matching import compile_rules
from services.direct_messages.domain.policy import policy_of
from services.direct_messages.domain.records import decide_again
from shared.contracts.events.douyin import AnsweredCard, Outcome
from tests.service.direct_messages.conftest import (
    ACC,
    FAN,
    GREETING,
    ORG,
    OTHER_ORG,
    PRICE,
    Shop,
)

KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'


async def reply(shop: Shop, text: str, key: str = KEY, **more: Any) -> httpx2.Response:
    conversation = (await shop.conversation())["id"]
    body = {"text": text, **more}
    return await shop.call(
        "POST", f"/v1/conversations/{conversation}/messages", body, Idempotency_Key=key
    )


async def test_a_persons_reply_goes_out_in_the_newest_context(shop: Shop) -> None:
    await shop.says("在吗")
    await shop.says("有人吗")

    answer = await reply(shop, "在的 👋")

    assert answer.status_code == 202
    (request,) = await shop.requests()
    assert request["texts"] == ["在的 👋"]
    assert request["reply_to"] == "@msg0002=="
    body = answer.json()
    assert (body["operation_id"], body["state"]) == (request["operation_id"], "queued")
    assert (await shop.conversation())["owner"] == "person"
    assert await shop.held() == 1


async def test_the_same_key_has_one_effect(shop: Shop) -> None:
    await shop.says("在吗")

    first = await reply(shop, "在的")
    again = await reply(shop, "在的")
    other = await reply(shop, "不在")

    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await shop.texts() == ["在的"]


async def test_the_same_key_twice_at_once_has_one_effect_and_one_hold(shop: Shop) -> None:
    await shop.says("在吗")

    answers = await asyncio.gather(*(reply(shop, "在的") for _ in range(4)))

    assert {a.status_code for a in answers} <= {202, 409}
    assert len({a.text for a in answers if a.status_code == 202}) == 1
    again = await reply(shop, "在的")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    assert await shop.texts() == ["在的"]
    assert await shop.held() == 1


@pytest.mark.parametrize("key", [None, "short", '"with space"', "x" * 256])
async def test_without_a_good_key_nothing_is_sent(shop: Shop, key: str | None) -> None:
    await shop.says("在吗")
    conversation = (await shop.conversation())["id"]
    headers = {} if key is None else {"Idempotency_Key": key}

    answer = await shop.call(
        "POST", f"/v1/conversations/{conversation}/messages", {"text": "在"}, **headers
    )

    assert answer.status_code == 400
    assert await shop.texts() == []


async def test_each_answer_tells_what_is_left_and_the_seventh_reply_is_refused_with_the_facts(
    shop: Shop,
) -> None:
    await shop.says("在吗")

    answers = [await reply(shop, f"第 {n} 条", f"key-number-{n}") for n in range(7)]

    assert [a.status_code for a in answers] == [202] * 6 + [429]
    problem = answers[6].json()
    assert problem["code"] == "quota.exhausted"
    assert (problem["limit"], problem["used"], problem["held"]) == ("dm.reply", 0, 6)
    assert problem["resets"]["on"] == "fan_message"
    assert "retry-after" not in answers[6].headers
    for answer, left in zip(answers, (5, 4, 3, 2, 1, 0, 0), strict=True):
        of_fan = answer.headers["ratelimit"].split(", ")[1]
        assert of_fan.startswith(f'"dm.reply";r={left};pk=:'), "a fan's message resets it, no time"
        assert '"dm.reply";q=6;pk=:' in answer.headers["ratelimit-policy"]
        assert FAN not in of_fan
    assert len(await shop.texts()) == 6

    await shop.says("还在吗")
    assert (await reply(shop, "在", "key-number-7")).status_code == 202


async def test_without_a_live_context_a_person_cannot_reply(shop: Shop) -> None:
    await shop.says("在吗")
    await shop.world.advance(timedelta(hours=24, seconds=1))

    late = await reply(shop, "在的")
    await shop.enters()
    in_time = await reply(shop, "在的")

    assert (late.status_code, late.json()["code"]) == (409, "direct_messages.no_reply_context")
    assert in_time.status_code == 202
    (request,) = await shop.requests()
    assert request["scene"] == "im_enter_direct_msg"


@pytest.mark.parametrize("text", [" \u3000", "", "长" * 1001, "见 https://x.example/", "a\x00b"])
async def test_a_text_that_may_not_go_out_is_refused_with_its_place(shop: Shop, text: str) -> None:
    await shop.says("在吗")

    answer = await reply(shop, text)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/text"


async def test_while_quota_is_away_a_reply_is_not_taken(shop: Shop) -> None:
    await shop.says("在吗")
    quota = shop.quota_goes_away()
    away = await reply(shop, "在的")
    shop.quota_comes_back(quota)
    back = await reply(shop, "在的")

    assert (away.status_code, away.json()["retryable"]) == (503, True)
    assert back.status_code == 202
    assert await shop.texts() == ["在的"]


async def test_an_unknown_send_may_be_sent_again_once_and_names_what_it_supersedes(
    shop: Shop,
) -> None:
    await shop.says("在吗")
    await reply(shop, "在的")
    (request,) = await shop.requests()
    operation = request["operation_id"]

    too_early = await reply(shop, "在的", "key-two-0002", supersedes=operation)
    await shop.tell(shop.a_settlement(request, Outcome.UNKNOWN))
    again = await reply(shop, "在的", "key-three-03", supersedes=operation)
    third = await reply(shop, "在的", "key-four-004", supersedes=operation)

    assert [a.status_code for a in (too_early, again, third)] == [409, 202, 409]
    assert too_early.json()["code"] == "direct_messages.not_unknown"
    assert [r["supersedes"] for r in await shop.requests()] == [None, operation]


async def test_a_person_takes_the_conversation_and_gives_it_back(shop: Shop) -> None:
    await shop.rules(PRICE)
    await shop.says("在吗")
    path = f"/v1/conversations/{(await shop.conversation())['id']}"
    taken = await shop.call("PUT", f"{path}/owner", {"owner": "person"}, if_match="*")
    await shop.says("多少钱")
    given = await shop.call("PUT", f"{path}/owner", {"owner": "bot"}, if_match="*")
    await shop.says("多少钱")

    assert (taken.json()["owner"], given.json()["owner"]) == ("person", "bot")
    assert await shop.outcomes() == ["no_match", "person_owns", "replied"]
    timeline = (await shop.get(f"{path}/timeline")).json()["data"]
    assert [m["owner"] for m in timeline if m["kind"] == "owner_changed"] == ["bot", "person"]


async def test_a_timeline_is_walked_page_by_page_without_gap_or_repetition(shop: Shop) -> None:
    await shop.rules(PRICE, GREETING)
    await shop.enters()
    for text in ("多少钱", "在吗", "多少钱", "人工"):
        await shop.says(text)
    path = f"/v1/conversations/{(await shop.conversation())['id']}/timeline"
    whole = (await shop.get(path)).json()["data"]

    page = (await shop.get(f"{path}?limit=2")).json()
    walked = page["data"]
    while page["next_cursor"]:
        page = (await shop.get(f"{path}?limit=2&cursor={page['next_cursor']}")).json()
        walked += page["data"]

    assert walked == whole
    assert len({m["id"] for m in whole}) == len(whole) == 9
    assert [m["outcome"] for m in reversed(whole) if m["direction"] == "in"] == [
        "replied",
        "replied",
        "no_match",
        "replied",
        "handed_over",
    ]


async def test_conversations_are_listed_page_by_page_and_found_by_fan(shop: Shop) -> None:
    for n in range(5):
        await shop.says("在吗", fan=f"fan-{n}")
    path = f"/v1/accounts/{ACC}/conversations"

    first = (await shop.get(f"{path}?limit=3")).json()
    second = (await shop.get(f"{path}?limit=3&cursor={first['next_cursor']}")).json()
    found = (await shop.get(f"{path}?fan=fan-2")).json()["data"]

    fans = [c["fan_open_id"] for c in first["data"] + second["data"]]
    assert fans == [f"fan-{n}" for n in (4, 3, 2, 1, 0)]
    assert second["next_cursor"] is None
    assert [c["fan_open_id"] for c in found] == ["fan-2"]
    for foreign in (f"{path}?fan=fan-1&cursor={first['next_cursor']}", f"{path}?cursor=abc"):
        assert (await shop.get(foreign)).status_code == 400


async def test_the_decision_tells_the_whole_story(shop: Shop) -> None:
    await shop.rules(PRICE, GREETING)
    message = await shop.a_message("请问多少钱")
    await shop.tell(message)
    (request,) = await shop.requests()
    await shop.tell(shop.a_settlement(request, Outcome.SENT))

    story = await shop.story()

    assert story["cause"] == message.cause
    assert (story["outcome"], story["rule"]["name"]) == ("replied", "price")
    assert story["inbound"]["text"] == "请问多少钱"
    assert story["candidates"] == [
        {"rule_id": story["rule"]["id"], "step": "contains", "found": "多少钱", "lost": None}
    ]
    assert story["versions"] == {"rule_set": 1, "policy": 1, "seed": message.id}
    assert story["fan"] == {"open_id": FAN} | dict.fromkeys(story["fan"].keys() - {"open_id"})
    assert story["reservation_id"] == story["quota"]["granted"]["reservation_id"]
    assert story["reservation_id"] == request["reservation_id"]
    assert story["context"]["opened_by"] == story["inbound"]["platform_message_id"]
    (item,) = story["items"]
    assert (item["text"], item["state"], item["platform_message_id"], item["log_id"]) == (
        "99 元",
        "sent",
        "@out0==",
        "log-1",
    )
    by_reply = await shop.get(f"/v1/messages/{item['message_id']}/decision")
    assert by_reply.json() == story


async def test_a_stored_decision_can_be_made_again(shop: Shop) -> None:
    await shop.rules(PRICE)
    await shop.says("多少钱")
    story = await shop.story()
    versions = story["versions"]
    (stored,) = await shop.world.sql("SELECT record::text FROM direct_messages.decision")
    key = (ORG, ACC, versions["rule_set"])
    async with shop.deps.database.transaction(ORG) as tx:
        rules = (await store.rule_sets(tx, [key]))[key]
    (values,) = await shop.world.sql(
        'SELECT "values"::text FROM direct_messages.policy WHERE version = $1', versions["policy"]
    )

    again = decide_again(
        orjson.loads(stored[0]),
        story["inbound"]["text"],
        compile_rules(versions["rule_set"], rules),
        policy_of(versions["policy"], orjson.loads(values[0])),
    )

    assert again.outcome == story["outcome"]
    assert [wording(item) for item in again.items] == [i["text"] for i in story["items"]]


async def test_for_another_organization_there_is_nothing(shop: Shop) -> None:
    await shop.rules(PRICE)
    await shop.says("多少钱")
    conversation = f"/v1/conversations/{(await shop.conversation())['id']}"
    (message,) = await shop.inbound_ids()

    answers = [
        await shop.get(conversation, OTHER_ORG),
        await shop.get(f"{conversation}/timeline", OTHER_ORG),
        await shop.get(f"/v1/messages/{message}/decision", OTHER_ORG),
        await shop.call(
            "PUT", f"{conversation}/owner", {"owner": "bot"}, organization=OTHER_ORG, if_match="*"
        ),
        await shop.call(
            *("POST", f"{conversation}/messages", {"text": "x"}),
            organization=OTHER_ORG,
            Idempotency_Key=KEY,
        ),
        await shop.get("/v1/conversations/conv_nobody"),
        await shop.get(f"/v1/accounts/{ACC}/conversations", OTHER_ORG),
        await shop.get("/v1/accounts/acc_nobody/conversations"),
    ]

    assert [a.status_code for a in answers] == [404] * 8
    assert {a.json()["detail"] for a in answers[-2:]} == {"no such account"}
    assert (await shop.world.sql("SELECT count(*) FROM direct_messages.message"))[0][0] == 2
    assert ORG != OTHER_ORG


@pytest.mark.parametrize(
    ("verb", "path", "scope"),
    [
        ("GET", f"/v1/accounts/{ACC}/rules", "dm:read"),
        ("POST", f"/v1/accounts/{ACC}/rules", "dm:manage"),
        ("GET", "/v1/messages/dm_x/decision", "dm:read"),
        ("PUT", "/v1/conversations/conv_x/owner", "dm:send"),
        ("POST", "/v1/conversations/conv_x/messages", "dm:send"),
    ],
)
async def test_every_call_needs_its_scope(shop: Shop, verb: str, path: str, scope: str) -> None:
    others = frozenset({"dm:read", "dm:send", "dm:manage"} - {scope})
    headers = shop.world.caller(ORG, others) | {"Idempotency-Key": KEY}

    answer = await shop.world.http.request(verb, path, json={}, headers=headers)

    assert answer.status_code in {403, 422}
    refused = await shop.world.http.request(verb, path, headers={"Idempotency-Key": KEY})
    assert refused.status_code in {401, 422}


async def send_item(shop: Shop, item: dict[str, Any] | None, **more: Any) -> httpx2.Response:
    path = f"/v1/conversations/{(await shop.conversation())['id']}/messages"
    return await shop.call("POST", path, {"item": item, **more}, Idempotency_Key=KEY)


async def test_a_person_sends_an_image_and_sees_which(shop: Shop) -> None:
    await shop.says("有图吗")

    answer = await send_item(shop, {"kind": "image", "image_id": "@img001=="})

    assert answer.status_code == 202, answer.text
    (request,) = await shop.requests()
    assert [item["kind"] for item in request["items"]] == ["image"]
    assert orjson.loads(request["texts"][0]) == {"image_id": "@img001=="}
    timeline = await shop.get(f"/v1/conversations/{(await shop.conversation())['id']}/timeline")
    (sent,) = [m for m in timeline.json()["data"] if m["direction"] == "out"]
    assert (sent["kind"], sent["text"], sent["content"]) == (
        "image",
        None,
        {"image_id": "@img001=="},
    )


@pytest.mark.parametrize(
    ("item", "more", "pointer"),
    [
        (None, {}, "#/text"),
        ({"kind": "image", "image_id": "@i=="}, {"text": "both"}, "#/text"),
        ({"kind": "image", "image_id": "@i==", "text": "x"}, {}, "#/item/text"),
        ({"kind": "text", "text": "x"}, {}, "#/item"),
        ({"kind": "question_card", "title": "题" * 31, "questions": ["好"]}, {}, "#/item/title"),
    ],
)
async def test_an_item_that_may_not_be_sent_holds_nothing(
    shop: Shop, item: dict[str, Any] | None, more: dict[str, Any], pointer: str
) -> None:
    await shop.says("在吗")

    answer = await send_item(shop, item, **more)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert await shop.held() == 0
    assert await shop.requests() == []


async def test_what_a_fan_filled_in_or_shared_is_in_the_timeline(shop: Shop) -> None:
    now = await shop.world.now()
    answers = orjson.dumps([["姓名", "张三"], ["手机号", "138****8000"]]).decode()
    sealed = shop.world.resources.sealer.seal(ORG, answers, now.date())
    card = AnsweredCard(card_id="@card001==", status=1, answers=sealed)
    await shop.says(None, kind="retain_consult_card", card=card)
    await shop.says(None, kind="video", item_id="@item001==")

    timeline = await shop.get(f"/v1/conversations/{(await shop.conversation())['id']}/timeline")

    video, lead = timeline.json()["data"][:2]
    assert video["content"] == {"item_id": "@item001=="}
    assert lead["content"] == {
        "card_id": "@card001==",
        "status": 1,
        "answers": [
            {"label": "姓名", "value": "张三"},
            {"label": "手机号", "value": "138****8000"},
        ],
    }
