"""Notes, replies kept ready, and what the rules would say."""

import pytest

from tests.service.direct_messages.conftest import ACC, DEFAULT, PRICE, Shop
from tests.service.direct_messages.people import act, an_agent

CANNED = f"/v1/accounts/{ACC}/canned-replies"


async def test_a_note_is_for_agents_and_never_reaches_the_fan(shop: Shop) -> None:
    qing = await an_agent(shop, "qing")
    await shop.says("在吗")
    made = [await act(shop, "notes", "qing", text=f"第 {number} 条") for number in range(3)]
    path = f"/v1/conversations/{(await shop.conversation())['id']}/notes"

    first = (await shop.get(f"{path}?limit=2")).json()
    rest = (await shop.get(f"{path}?limit=2&cursor={first['next_cursor']}")).json()

    assert [answer.status_code for answer in made] == [201] * 3
    texts = [note["text"] for note in first["data"] + rest["data"]]
    assert texts == ["第 2 条", "第 1 条", "第 0 条"]
    assert {note["agent_id"] for note in first["data"]} == {qing}
    assert await shop.texts() == []


async def test_a_note_mentions_agents_who_are_there(shop: Shop) -> None:
    await an_agent(shop, "qing")
    await shop.says("在吗")
    answer = await act(shop, "notes", "qing", text="看一下", mentions=["agt_nobody"])
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/mentions/0")


async def test_the_rules_suggest_what_they_would_say_and_send_nothing(shop: Shop) -> None:
    await shop.rules(PRICE, DEFAULT)
    await an_agent(shop, "qing")
    await shop.says("在吗")
    await act(shop, "accept", "qing")
    await shop.says("多少钱一件")
    path = f"/v1/conversations/{(await shop.conversation())['id']}/suggestions"

    found = (await shop.get(path)).json()

    assert found["message_id"] == (await shop.inbound_ids())[-1]
    assert [(s["name"], s["replies"][0]["text"]) for s in found["data"]] == [("price", "99 元")]
    assert await shop.texts() == ["稍后回复您"]


async def test_a_reply_is_kept_ready_under_a_shortcut_of_its_own(shop: Shop) -> None:
    hello = await shop.call("POST", CANNED, {"shortcut": "/你好", "text": "您好，我是客服"})
    again = await shop.call("POST", CANNED, {"shortcut": "/你好", "text": "您好"})
    path, tag = f"{CANNED}/{hello.json()['id']}", hello.headers["etag"]
    changed = await shop.call("PUT", path, {"shortcut": "/hi", "text": "您好"}, if_match=tag)
    stale = await shop.call("PUT", path, {"shortcut": "/x", "text": "您好"}, if_match=tag)
    listed = (await shop.get(CANNED)).json()["data"]
    gone = await shop.call("DELETE", path, if_match=changed.headers["etag"])

    assert (again.status_code, again.json()["code"]) == (409, "direct_messages.shortcut_taken")
    assert (changed.status_code, stale.status_code, gone.status_code) == (200, 412, 204)
    assert [(reply["shortcut"], reply["version"]) for reply in listed] == [("/hi", 2)]
    assert (await shop.get(CANNED)).json()["data"] == []


@pytest.mark.parametrize("text", ["长" * 1001, "看 http://evil.example/x"])
async def test_a_reply_that_could_not_be_sent_is_not_kept(shop: Shop, text: str) -> None:
    answer = await shop.call("POST", CANNED, {"shortcut": "/x", "text": text})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/text")
