"""Events reach the app signed, tried again, and identifiable."""

import orjson
import pytest

from services.douyin_simulator.domain.signature import sign
from tests.service.douyin_simulator.conftest import (
    ACCOUNT,
    CONVERSATION,
    FAN,
    Delivery,
    Json,
    Platform,
    Receiver,
    Start,
)

SECRET = "0123456789abcdef0123456789abcdef"


async def test_an_event_that_is_refused_is_tried_three_more_times_with_the_same_id(
    platform: Platform, receiver: Receiver
) -> None:
    receiver.statuses = [500, 204, 302, 404]

    said = await platform.says()

    tries = await receiver.gets(4)
    assert {one.headers["Msg-Id"] for one in tries} == {said["msg_id_header"]}
    assert len({one.body for one in tries}) == 1
    attempts = (await platform.get("/_simulator/webhooks"))["attempts"]
    assert [one["status"] for one in attempts] == [500, 204, 302, 404]
    assert [one["outcome"] for one in attempts] == ["tried_again"] * 3 + ["given_up"]
    assert (await platform.stats())["webhooks"] == {"delivered": 0, "failed": 1, "pending": 0}
    assert said["delivery"] == {"delivered": False, "attempts": 1, "status": 500, "problem": ""}


async def test_a_try_that_takes_too_long_is_a_failure(start: Start, receiver: Receiver) -> None:
    receiver.pause_s = 0.3
    async with start(webhook_timeout_s=0.1, webhook_retry_after_s=()) as platform:
        said = await platform.says()
        assert said["delivery"]["problem"] == "timeout"
        assert (await platform.stats())["webhooks"]["failed"] == 1


async def test_an_app_that_is_away_gets_the_event_when_it_is_back(
    start: Start, receiver: Receiver
) -> None:
    async with start(webhook_url="http://127.0.0.1:9/away") as platform:
        said = await platform.says()
        assert said["delivery"]["problem"].startswith("no connection")
        app = {"client_key": "awtest0123456789", "client_secret": SECRET}
        await platform.call("/_simulator/apps", {**app, "webhook_url": receiver.url})
        await platform.says("再问一次")
        assert (await receiver.gets(1))[0].content["text"] == "再问一次"


async def test_every_event_has_an_id_of_its_own(platform: Platform, receiver: Receiver) -> None:
    for _ in range(3):
        await platform.says()
    await platform.send()
    await platform.send()
    arrived = await receiver.gets(5)
    assert len({one.headers["Msg-Id"] for one in arrived}) == 5
    assert len({one.content["server_message_id"] for one in arrived}) == 5


async def test_an_accepted_send_is_echoed_with_the_same_id(
    platform: Platform, receiver: Receiver
) -> None:
    answer = await platform.send()

    (echo,) = await receiver.gets(1)
    (message,) = await platform.sent()
    assert echo.headers["X-Douyin-Signature"] == sign(SECRET, echo.body)
    assert echo.headers["Content-Type"] == "application/json"
    outer = {name: value for name, value in echo.json.items() if name not in ("content", "log_id")}
    assert outer == {
        "event": "im_send_msg",
        "client_key": "awtest0123456789",
        "from_user_id": ACCOUNT,
        "to_user_id": FAN,
    }
    content = echo.content
    assert [one["open_id"] for one in content.pop("user_infos")] == [FAN, ACCOUNT]
    assert content == {
        "conversation_short_id": CONVERSATION,
        "server_message_id": answer["msg_id"],
        "conversation_type": 1,
        "create_time": message["accepted_at_ms"],
        "message_type": "text",
        "source": "awtest0123456789",
        "scene_type": 100,
        "text": "您好",
    }


async def test_a_switch_gives_the_echo_another_id(start: Start, receiver: Receiver) -> None:
    async with start(echo_id="different") as platform:
        answer = await platform.send()
        (echo,) = await receiver.gets(1)
        assert echo.content["server_message_id"] != answer["msg_id"]


async def test_a_refused_send_has_no_echo(platform: Platform, receiver: Receiver) -> None:
    await platform.send("@unknown==")
    await platform.says()
    assert [one.json["event"] for one in receiver.deliveries] == ["im_receive_msg"]


async def test_what_staff_types_in_the_app_has_no_source_and_is_not_in_the_record(
    platform: Platform, receiver: Receiver
) -> None:
    typed = {"from": ACCOUNT, "to": FAN, "text": "亲，我是小李"}
    await platform.call("/_simulator/messages", typed)
    (echo,) = await receiver.gets(1)
    assert (echo.json["event"], echo.content["source"]) == ("im_send_msg", "")
    assert echo.content["text"] == "亲，我是小李"
    assert await platform.sent() == []


async def test_following_is_announced_unfollowing_is_not(
    platform: Platform, receiver: Receiver
) -> None:
    for follows in (True, True, False):
        await platform.call("/_simulator/fans", {"open_id": FAN, "follows": follows})
    quiet = {"open_id": "fan-quiet", "follows": True, "notify": False}
    await platform.call("/_simulator/fans", quiet)
    await platform.says()
    events = [one.json["event"] for one in receiver.deliveries]
    assert events == ["new_follow_action", "im_receive_msg"]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (lambda challenge: {"challenge": challenge}, ""),
        (lambda challenge: {"challenge": str(challenge)}, "same integer"),
        (lambda challenge: {"challenge": challenge + 1}, "same integer"),
        (lambda _: {}, "same integer"),
    ],
    ids=["the integer", "a string", "another integer", "nothing"],
)
async def test_the_handshake_wants_the_same_integer_back(
    platform: Platform, receiver: Receiver, answer: object, problem: str
) -> None:
    def reply(delivery: Delivery) -> Json:
        assert callable(answer)
        echoed: Json = answer(delivery.content["challenge"])
        return echoed

    receiver.reply = reply
    report = await platform.call("/_simulator/webhooks/verify", {})
    assert report["verified"] == (not problem)
    assert problem in report["problem"]
    (handshake,) = receiver.deliveries
    assert handshake.headers["X-Douyin-Signature"] == sign(SECRET, handshake.body)


async def test_the_handshake_wants_its_answer_in_time(start: Start, receiver: Receiver) -> None:
    receiver.pause_s = 0.3
    receiver.reply = lambda delivery: delivery.json["content"]
    async with start(webhook_timeout_s=0.1) as platform:
        report = await platform.call("/_simulator/webhooks/verify", {})
    assert (report["verified"], report["problem"]) == (False, "timeout")


async def test_an_event_that_is_switched_off_is_not_posted(
    platform: Platform, receiver: Receiver
) -> None:
    off = orjson.dumps({"list": [{"event": "im_send_msg", "status": 0}]})
    headers = {"access-token": "clt.demo0123456789"}
    url = f"{platform.url}/event/status/update/"
    async with platform.http.post(url, data=off, headers=headers) as answer:
        listed = (await answer.json())["data"]["list"]
    assert {"event": "im_send_msg", "status": 0} in listed
    await platform.send()
    await platform.says()
    assert [one.json["event"] for one in receiver.deliveries] == ["im_receive_msg"]
