"""What a shop sees: a fan writes, the right reply leaves once, and everything about it can be asked."""

import json
import time
from typing import Any

import pytest

from services.direct_messages.domain.items import wording
from services.embedded.demo import RULES
from tests.e2e import wire
from tests.e2e.house import House, eventually, texts

REPLIES = {rule.name: wording(rule.replies[0]) for rule in RULES}
FAN = "fan-open-id-0001"


def deliver(house: House, name: str, msg_id: str = "") -> None:
    """Post a vector byte for byte."""
    one = wire.vector(name)
    headers = {**one["headers"], **({"Msg-Id": msg_id} if msg_id else {})}
    answer = house.post(one["body"].encode(), headers)
    assert (answer.status_code, answer.json()) == (200, {"code": 0})


def answers(house: House) -> list[tuple[str, str, str]]:
    """What the vectors' fan was sent: scene, inbound, text."""
    found = house.sent(to_user_id=FAN)
    said = texts(found)
    return [
        (m["scene"], m["reply_to_msg_id"], t.partition("，")[0])
        for m, t in zip(found, said, strict=True)
    ]


def test_the_vectors_are_answered_byte_for_byte_each_once(house: House) -> None:
    """V2, V3, V10, V4, V5 and V7 in the life of one fan, as design.md §10.2–3 says."""
    first = wire.said("e2e-first", "你好")  # a process that has just started is still cold
    house.say(first)
    eventually(lambda: house.sent(to_user_id=first.fan))

    began = time.monotonic()
    deliver(house, "V2")
    eventually(lambda: answers(house))
    assert time.monotonic() - began < 1.0
    price = ("im_reply_msg", "@msg001==", "亲")
    assert texts(house.sent(to_user_id=FAN)) == [REPLIES["问价格"]]

    deliver(house, "V3")  # the same event in other bytes
    for _ in range(3):  # V10: five deliveries with the first
        deliver(house, "V2", "m-1")
    deliver(house, "V2", "m-2")
    eventually(house.at_rest)
    assert answers(house) == [price]

    deliver(house, "V4")
    greeting = ("im_enter_direct_msg", "@msg002==", "欢迎来到青禾女装～可以直接问价格、尺码、发货")
    eventually(lambda: answers(house) == [price, greeting], why=lambda: answers(house))

    deliver(house, "V5")
    thanks = ("im_reply_msg", "@msg001==", "谢谢关注青禾女装！新粉丝首单立减 10 元")
    eventually(lambda: len(answers(house)) == 3, why=lambda: answers(house))
    assert answers(house) == [price, greeting, thanks]

    began = time.monotonic()
    deliver(house, "V7")
    place = f"/v1/leads?open_id={FAN}"
    eventually(lambda: house.api("GET", place).json()["data"])
    assert time.monotonic() - began < 5.0
    (lead,) = house.api("GET", place).json()["data"]
    assert (lead["masked_phone"], lead["city"]) == ("138****8000", "北京市")
    contact = house.api("GET", f"/v1/leads/{lead['id']}/contact").json()
    assert (contact["name"], contact["phone"]) == ("张三", None)  # nobody can call a masked number


def test_a_follow_without_a_conversation_has_nothing_to_answer(house: House) -> None:
    content = '{"action_type":1,"action_time":1686811643}'
    house.post(wire.event("new_follow_action", "e2e-follower", content))
    outcome = (
        "SELECT d.outcome FROM direct_messages.decision d"
        " WHERE record #>> '{conversation,fan_open_id}' = 'e2e-follower'"
    )
    eventually(lambda: house.rows(outcome))
    assert house.rows(outcome)[0]["outcome"] == "no_reply_context"
    assert house.sent(to_user_id="e2e-follower") == []


def test_the_handshake_is_answered_with_the_same_integer(house: House) -> None:
    one = wire.vector("V1")
    answer = house.post(one["body"].encode(), one["headers"])
    assert (answer.status_code, answer.json()) == (200, {"challenge": 12345})


def test_text_with_emoji_and_nul_is_understood_and_kept(house: House) -> None:
    asked = wire.said("e2e-emoji", "👗\x00这件多少钱𠮷👨‍👩‍👧")
    assert house.say(asked).status_code == 200
    eventually(lambda: house.sent(to_user_id=asked.fan))
    assert texts(house.sent(to_user_id=asked.fan)) == [REPLIES["问价格"]]
    assert house.decision(asked)["inbound"]["text"].replace("\ufffd", "") == "👗这件多少钱𠮷👨‍👩‍👧"


def test_one_cause_leads_from_the_door_to_the_platform(house: House) -> None:
    """What GET decision tells is what the tables of every service say."""
    asked = wire.said("e2e-cause", "尺码怎么选")
    house.say(asked)
    eventually(lambda: house.sent(to_user_id=asked.fan))
    eventually(lambda: house.decision(asked)["items"][0]["state"] == "sent")
    story = house.decision(asked)
    accepted = house.sent(to_user_id=asked.fan)[0]

    inbound = house.rows(
        "SELECT id, state FROM douyin.inbound WHERE dedupe_key = $1", asked.message_id
    )
    assert inbound == [{"id": story["cause"], "state": "handled"}]
    by_cause = "SELECT * FROM {} WHERE cause = $1"
    reservation = house.rows(by_cause.format("quota.reservation"), story["cause"])[0]
    attempt = house.rows(by_cause.format("douyin.attempt"), story["cause"])[0]
    said = house.rows(by_cause.format("direct_messages.message"), story["cause"])
    assert {row["direction"] for row in said} == {"in", "out"}

    assert (story["outcome"], story["rule"]["name"]) == ("replied", "问尺码")
    assert story["inbound"]["platform_message_id"] == asked.message_id
    assert story["quota"]["granted"]["reservation_id"] == reservation["id"]
    assert story["reservation_id"] == attempt["reservation_id"] == reservation["id"]
    assert story["operation_id"] == attempt["operation_id"] == reservation["operation_id"]
    item = story["items"][0]
    assert item["platform_message_id"] == attempt["msg_id"] == accepted["msg_id"]
    eventually(
        lambda: (
            house.rows(by_cause.format("quota.reservation"), story["cause"])[0]["committed"] == 1
        )
    )
    told = [json.loads(line) for line in house.log("application").splitlines() if line[:1] == "{"]
    events = {line["event"] for line in told if line.get("cause") == story["cause"]}
    assert events >= {"webhook_stored", "quota_answered", "message_decided", "attempt_settled"}
    assert asked.text not in house.log("application")
    assert story["candidates"]
    assert story["versions"]["rule_set"] >= 1


def test_a_person_replies_up_to_the_limit_and_is_told_when_again(house: House) -> None:
    """D8 through the public API: six in a fan's window, the seventh is refused with its facts."""
    fan = "e2e-limit"
    house.say(wire.said(fan, "随便看看"))
    eventually(lambda: house.sent(to_user_id=fan))
    waiting = wire.said(fan, "再看看")  # two misses in a row: a person is asked, nothing is sent
    house.say(waiting)
    story = house.decision(waiting)
    assert story["outcome"] == "handed_over"

    def reply(number: int) -> Any:
        path = f"/v1/conversations/{story['conversation_id']}/messages"
        key = {"Idempotency-Key": f'"e2e-limit-{number}"'}
        return house.api("POST", path, json={"text": f"第 {number} 句"}, headers=key)

    assert [reply(n).status_code for n in range(6)] == [202] * 6
    refused = reply(6)
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    facts = refused.json()
    assert (facts["code"], facts["resets"]["on"]) == ("quota.exhausted", "fan_message")
    assert reply(0).headers["idempotency-replayed"] == "true"

    eventually(lambda: len(house.sent(reply_to_msg_id=waiting.message_id)) == 6)
    assert texts(house.sent(reply_to_msg_id=waiting.message_id)) == [f"第 {n} 句" for n in range(6)]
    again = wire.said(fan, "还在吗")
    house.say(again)
    assert house.decision(again)["outcome"] == "person_owns"
    assert reply(7).status_code == 202


def test_a_month_later_there_are_pushes_again_and_no_old_conversation(house: House) -> None:
    """D7 by the clock of `siyu clock advance`."""
    asked = wire.said("e2e-clock", "有优惠吗")
    house.say(asked)
    conversation = house.decision(asked)["conversation_id"]
    assert [reserve_push(house, n)["granted"] is not None for n in range(9)] == [True] * 8 + [False]
    denied = reserve_push(house, 9)["denied"]
    assert (denied["limit"], denied["cap"]) == ("push.monthly", 8)
    assert denied["resets"]["on"] == "time"
    assert denied["resets"]["at"].endswith(":00:00.000Z")
    assert monthly(house)["available"] == 0

    moved = house.siyu("clock", "advance", "31d")
    assert moved.returncode == 0, moved.stderr
    assert monthly(house)["available"] == 8
    late = house.api(
        "POST",
        f"/v1/conversations/{conversation}/messages",
        json={"text": "还需要吗"},
        headers={"Idempotency-Key": '"e2e-clock"'},
    )
    assert (late.status_code, late.json()["code"]) == (409, "direct_messages.no_reply_context")
    house.say(wire.said("e2e-clock", "多少钱"))
    eventually(lambda: REPLIES["问价格"] in texts(house.sent(to_user_id="e2e-clock")))


def reserve_push(house: House, number: int) -> dict[str, Any]:
    """Ask quota as another service does."""
    asked = {
        "organization_id": house.demo["organization_id"],
        "account_id": house.demo["account_id"],
        "operation_id": f"e2e-push-{number}",
        "purpose": "push.monthly",
        "subject": house.demo["account_id"],
        "items": 1,
        "actor": "person",
        "window": None,
        "planned_at": None,
    }
    answer = house.http.post(
        f"{house.base}/internal/quota/reserve",
        json={"requests": [asked]},
        headers={"Authorization": f"Bearer {house.internal_token()}"},
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["answers"][0]
    return found


def monthly(house: House) -> dict[str, Any]:
    """The account's monthly budget, as a person sees it."""
    answer = house.api("GET", f"/v1/accounts/{house.demo['account_id']}/quotas")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["limits"][0]
    return found


def test_a_message_can_be_sent_from_the_command_line(house: House) -> None:
    ran = house.siyu("send-dm", "--fan", "fan-open-id-0042", "--text", "什么时候发货")
    assert ran.returncode == 0, ran.stderr
    assert REPLIES["发货物流"][:20] in ran.stdout


@pytest.mark.parametrize("words", [("clock", "advance", "soon"), ("run", "nothing", "api")])
def test_a_wrong_command_says_so_in_one_sentence(house: House, words: tuple[str, ...]) -> None:
    ran = house.siyu(*words)
    assert ran.returncode == 2
    assert len(ran.stderr.strip().splitlines()) == 1
