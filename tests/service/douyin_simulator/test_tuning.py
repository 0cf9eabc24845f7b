"""Caps, manners and limits can be changed while the platform runs, and stay changed."""

import asyncio

import orjson
import pytest

from tests.service.douyin_simulator.conftest import (
    ACCOUNT,
    Platform,
    Receiver,
    Start,
    code_of,
)


async def test_a_changed_cap_holds_at_once_and_after_a_restart(start: Start) -> None:
    async with start() as platform:
        assert (await platform.get("/_simulator/caps"))["reply_limit"] == 6
        changed = await platform.call("/_simulator/caps", {"reply_limit": 1})
        assert (changed["reply_limit"], changed["enter_limit"]) == (1, 3)
        assert [code_of(await platform.send()) for _ in range(2)] == [0, 28003070]
    async with start() as platform:
        assert code_of(await platform.send()) == 28003070
        await platform.call("/_simulator/caps", method="DELETE")
        assert code_of(await platform.send()) == 0


async def test_calls_to_a_path_are_limited_per_second_and_per_day(platform: Platform) -> None:
    await platform.call("/_simulator/limits", {"path": "/im/send/msg/", "per_day": 3})
    answers = [code_of(await platform.send("@unknown==")) for _ in range(4)]
    assert answers == [28003082] * 3 + [28003017]
    await platform.advance(86_400_000)
    assert code_of(await platform.send()) == 0

    await platform.call("/_simulator/limits", {"path": "*", "per_second": 1})
    await platform.call("/_simulator/limits", {"path": "/im/send/msg/"})
    both = await asyncio.gather(*(platform.send() for _ in range(5)))
    assert {code_of(one) for one in both} == {0, 28003018}
    limits = (await platform.get("/_simulator/limits"))["limits"]
    assert limits == [{"path": "*", "per_second": 1, "per_day": 0}]


async def test_a_daily_limit_is_counted_over_a_restart(start: Start) -> None:
    async with start() as platform:
        await platform.call("/_simulator/limits", {"path": "/im/send/msg/", "per_day": 1})
        await platform.send()
    async with start() as platform:
        assert code_of(await platform.send()) == 28003017


async def test_answers_take_odd_forms_on_order(platform: Platform) -> None:
    odd = {"error_envelope": "text_code", "now_unit": "s", "sparse_extra": True}
    await platform.call("/_simulator/manners", odd)
    refused = await platform.send("@unknown==")
    assert refused["data"]["error_code"] == refused["extra"]["error_code"] == "28003082"
    assert set(refused["extra"]) == {"error_code", "logid", "now"}
    assert len(str(refused["extra"]["now"])) == 10

    await platform.call("/_simulator/manners", {"error_envelope": "e2"})
    assert (await platform.send("@unknown=="))["err_no"] == 28003082
    await platform.call("/_simulator/manners", method="DELETE")
    assert (await platform.send("@unknown=="))["data"]["error_code"] == 28003082


async def test_events_turn_their_content_inside_out_on_order(
    platform: Platform, receiver: Receiver
) -> None:
    await platform.call("/_simulator/manners", {"content_encoding": "flipped"})
    await platform.says()
    await platform.enters()
    said, entered = await receiver.gets(2)
    assert isinstance(said.json["content"], str)
    assert isinstance(entered.json["content"], dict)
    assert said.content["text"] == "你好，多少钱"


async def test_an_app_that_never_answers_loses_its_subscription(
    platform: Platform, receiver: Receiver
) -> None:
    await platform.call("/_simulator/manners", {"cancel_after_failures": 2})
    receiver.statuses = [500] * 8
    await platform.says("一")
    await platform.says("二")
    await receiver.gets(8)
    assert (await platform.says("三"))["delivery"]["problem"] == "event switched off"

    wanted = orjson.dumps({"list": [{"event": "im_receive_msg", "status": 1}]})
    headers = {"access-token": "clt.demo0123456789"}
    url = f"{platform.url}/event/status/update/"
    async with platform.http.post(url, data=wanted, headers=headers) as answer:
        assert code_of(await answer.json()) == 0
    assert (await platform.says("四"))["delivery"]["delivered"]


@pytest.mark.parametrize("event", ["create_video", "authorize", "receive_msg", "enter_im"])
async def test_the_sandbox_posts_one_mock_event(
    platform: Platform, receiver: Receiver, event: str
) -> None:
    assert await sandbox(platform, event) == 0
    (posted,) = await receiver.gets(1)
    assert (posted.json["event"], posted.json["client_key"]) == (event, "awtest0123456789")


async def test_the_sandbox_knows_no_other_event(platform: Platform, receiver: Receiver) -> None:
    assert await sandbox(platform, "im_receive_msg") == 2100005
    assert receiver.deliveries == []


async def sandbox(platform: Platform, event: str) -> int:
    url = f"{platform.url}/sandbox/webhook/event/send/"
    headers = {"access-token": "clt.demo0123456789"}
    async with platform.http.post(url, json={"event_type": event}, headers=headers) as answer:
        return code_of(await answer.json())


async def test_any_path_fails_on_order(platform: Platform) -> None:
    path = "/event/status/list/"
    url, headers = f"{platform.url}{path}", {"access-token": "clt.demo0123456789"}
    match = {"path": path}
    await platform.fails("empty_body", match=match)
    await platform.fails("huge_body", match=match)
    await platform.fails("http_error", match={"path": "*"}, status=502)
    await platform.fails("wrong_envelope", match=match)

    async with platform.http.get(url, headers=headers) as answer:
        assert await answer.read() == b""
    async with platform.http.get(url, headers=headers) as answer:
        body = await answer.read()
        assert len(body) == 10 * 1024 * 1024
        assert orjson.loads(body)["data"]["error_code"] == 0
    async with platform.http.get(url, headers=headers) as answer:
        assert answer.status == 502
    async with platform.http.get(url, headers=headers) as answer:
        assert (await answer.json())["err_no"] == 0
    assert code_of(await platform.send()) == 0


@pytest.mark.parametrize(
    ("traits", "code"),
    [
        ({"workbench": True}, 28003095),
        ({"certified": False}, 28029003),
        ({"banned": True}, 28029004),
    ],
    ids=str,
)
async def test_an_account_may_be_kept_from_sending(
    platform: Platform, traits: dict[str, bool], code: int
) -> None:
    account = {"open_id": ACCOUNT, "client_key": "awtest0123456789"}
    await platform.call("/_simulator/accounts", {**account, **traits})
    assert code_of(await platform.send()) == code
    back = {name: not value for name, value in traits.items()}
    await platform.call("/_simulator/accounts", {**account, **back})
    assert code_of(await platform.send()) == 0
