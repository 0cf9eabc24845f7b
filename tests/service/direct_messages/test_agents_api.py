"""Agents and the queue through the API: versions, pages, and whose key speaks for whom."""

import pytest

from tests.service.direct_messages.conftest import PERSON, Shop
from tests.service.direct_messages.people import AGENT_SCOPES, an_agent


@pytest.mark.parametrize("verb", ["accept", "transfer", "decline", "finish", "return"])
async def test_a_key_that_speaks_for_nobody_must_name_an_agent(shop: Shop, verb: str) -> None:
    await shop.rules(PERSON)
    await shop.says("我要人工")
    path = f"/v1/conversations/{(await shop.conversation())['id']}/{verb}"

    unnamed = await shop.call("POST", path, {})
    sender = shop.caller_with_key("key_x", AGENT_SCOPES)
    qing = await an_agent(shop, "qing")
    another = await shop.world.http.post(path, json={"agent_id": qing}, headers=sender)

    assert (unnamed.status_code, unnamed.json()["errors"][0]["pointer"]) == (422, "#/agent_id")
    assert another.status_code == 403


async def test_a_key_speaks_for_one_agent(shop: Shop) -> None:
    await an_agent(shop, "qing")
    second = await shop.call("POST", "/v1/agents", {"name": "lan", "key_id": "key_qing"})
    assert (second.status_code, second.json()["code"]) == (409, "direct_messages.key_has_agent")


async def test_an_agent_is_changed_by_who_saw_the_last_version(shop: Shop) -> None:
    agent = await an_agent(shop, "qing")
    path = f"/v1/agents/{agent}"
    tag = (await shop.get(path)).headers["etag"]

    changed = await shop.call("PUT", path, {"name": "小青", "capacity": 3}, if_match=tag)
    stale = await shop.call("PUT", path, {"name": "小兰"}, if_match=tag)
    careless = await shop.call("DELETE", path)
    gone = await shop.call("DELETE", path, if_match=changed.headers["etag"])

    assert (changed.json()["name"], changed.json()["capacity"]) == ("小青", 3)
    assert changed.json()["presence"] == "online"  # what the agent said stays
    assert (stale.status_code, careless.status_code, gone.status_code) == (412, 428, 204)


async def test_the_queue_is_walked_page_by_page(shop: Shop) -> None:
    await shop.rules(PERSON)
    for number in range(5):
        await shop.says("我要人工", fan=f"fan-{number}")
    seen: list[str] = []
    query: str | None = "?limit=2"
    while query is not None:
        page = (await shop.get(f"/v1/hand-offs{query}")).json()
        seen += [h["fan_open_id"] for h in page["data"]]
        query = f"?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else None
    assert seen == [f"fan-{number}" for number in range(5)]


async def test_no_notice_takes_what_is_left_for_people(shop: Shop) -> None:
    await shop.policy(dm__reply__limit=5, dm__handoff__queue_notice="前面还有 {ahead} 位")
    words = [{"kind": "text", "text": f"第 {number} 句"} for number in range(3)]
    await shop.rules(PERSON | {"replies": words})
    await an_agent(shop, "qing", capacity=1)
    await shop.says("我要人工", fan="fan-in-front")

    await shop.says("我要人工")  # three for the bot, two for people
    path = f"/v1/conversations/{(await shop.conversation())['id']}/messages"
    written = [
        (
            await shop.call("POST", path, {"text": "您好"}, idempotency_key=f"reserve-{n}")
        ).status_code
        for n in range(3)
    ]

    assert not [text for text in await shop.texts() if text.startswith("前面")]
    assert written == [202, 202, 429]
