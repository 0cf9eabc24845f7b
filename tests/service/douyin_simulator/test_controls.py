"""The controls: what they answer, and what they say to bad input."""

import time

import orjson
import pytest

from tests.service.douyin_simulator.conftest import (
    ACCOUNT,
    CONVERSATION,
    FAN,
    Json,
    Platform,
    Receiver,
    code_of,
)


async def test_the_record_is_read_page_by_page(platform: Platform) -> None:
    ids = [(await platform.send())["msg_id"] for _ in range(5)]

    first = await platform.get("/_simulator/sent?after=0&limit=2")
    rest = await platform.get(f"/_simulator/sent?after={first['next_after']}")

    assert [one["msg_id"] for one in first["messages"] + rest["messages"]] == ids
    assert rest["next_after"] == 5
    assert await platform.get("/_simulator/sent?after=5") == {"messages": [], "next_after": 5}
    assert list(first["messages"][0]) == [
        "seq", "accepted_at_ms", "client_key", "open_id", "to_user_id", "conversation_id",
        "scene", "reply_to_msg_id", "msg_id", "content",
    ]  # fmt: skip


async def test_content_is_shown_as_it_came(platform: Platform) -> None:
    content = {"text": {"text": "好 \u2028😀", "odd": [1.5, None]}, "msg_type": 1, "more": True}
    await platform.send(content=content)
    assert [one["content"] for one in await platform.sent()] == [content]


async def test_registered_ids_can_be_answered_although_we_posted_nothing(
    platform: Platform, receiver: Receiver
) -> None:
    messages = [
        {"msg_id": f"@in{n}==", "conversation_id": f"@c{n}==", "from": f"f{n}", "to": ACCOUNT}
        for n in range(5000)
    ]
    body = {"messages": messages}
    assert await platform.call("/_simulator/messages/register", body) == {
        "registered": 5000,
        "already_known": 0,
    }
    body = {"messages": [{**messages[0], "kind": "enter"}]}
    assert await platform.call("/_simulator/messages/register", body) == {
        "registered": 0,
        "already_known": 1,
    }
    where = {"conversation_id": "@c4999==", "to_user_id": "f4999"}
    assert receiver.deliveries == []
    assert code_of(await platform.send("@in4999==", **where)) == 0
    assert code_of(await platform.send("@in4999==", **{**where, "to_user_id": "f1"})) == 28003082


async def test_a_registered_enter_can_wait_for_its_first_use(platform: Platform) -> None:
    one = {"conversation_id": CONVERSATION, "from": FAN}
    for msg_id, window in (("@now==", "arrival"), ("@later==", "first_use")):
        body = {"messages": [{**one, "msg_id": msg_id}], "kind": "enter", "window": window}
        await platform.call("/_simulator/messages/register", body)
    await platform.advance(60_000)
    scene = {"scene": "im_enter_direct_msg"}
    assert code_of(await platform.send("@now==", **scene)) == 28003080
    assert code_of(await platform.send("@later==", **scene)) == 0
    await platform.advance(31_000)
    assert code_of(await platform.send("@later==", **scene)) == 28003080


async def test_only_three_enters_a_day_are_greeted(platform: Platform) -> None:
    scene = {"scene": "im_enter_direct_msg"}
    answers = [code_of(await platform.send(await platform.enters(), **scene)) for _ in range(4)]
    assert answers == [0, 0, 0, 28003070]
    await platform.advance(86_400_000)
    assert code_of(await platform.send(await platform.enters(), **scene)) == 0


async def test_own_ids_cannot_be_answered(platform: Platform) -> None:
    own = (await platform.send())["msg_id"]
    assert code_of(await platform.send(own)) == 28003082


async def test_a_follower_has_no_cap_until_unfollowing(platform: Platform) -> None:
    for _ in range(3):
        await platform.send()
    await platform.call("/_simulator/fans", {"open_id": FAN, "follows": True})
    assert [code_of(await platform.send()) for _ in range(5)] == [0] * 5
    await platform.call("/_simulator/fans", {"open_id": FAN, "follows": False})
    assert code_of(await platform.send()) == 28003070


async def test_fans_are_there_from_the_start_and_can_be_added(platform: Platform) -> None:
    page = await platform.get("/_simulator/fans?limit=3")
    assert [one["open_id"] for one in page["fans"]] == [f"fan-open-id-000{n}" for n in (1, 2, 3)]
    assert page["fans"][0]["nickname"] == "粉丝甲"
    assert (page["next_after"], page["total"]) == (3, 20)

    fans = [{"open_id": f"new-{n}", "nickname": "新粉"} for n in range(1000)]
    added = await platform.call("/_simulator/fans", {"fans": fans, "notify": False})
    assert added == {"created": 1000, "total": 1020}
    (last,) = (await platform.get("/_simulator/fans?after=1019"))["fans"]
    assert (last["open_id"], last["follows"]) == ("new-999", None)


async def test_the_clock_moves(platform: Platform) -> None:
    await platform.advance(1000)
    await platform.advance(500)
    clock = await platform.get("/_simulator/clock")
    assert clock["offset_ms"] == 1500
    assert abs(clock["now_ms"] - time.time() * 1000 - 1500) < 1000
    assert (await platform.call("/_simulator/clock", {"offset_ms": -5}))["offset_ms"] == -5


async def test_refusals_are_counted_by_code(platform: Platform) -> None:
    await platform.send("@unknown==")
    await platform.send(content={})
    await platform.send()
    stats = await platform.stats()
    assert (stats["accepted"], stats["refused"]) == (1, 2)
    assert stats["refused_by_code"] == {"28001007": 1, "28003082": 1}


async def test_two_accounts_know_nothing_of_each_other(platform: Platform) -> None:
    app = {"client_key": "other-app", "client_secret": "s"}
    await platform.call("/_simulator/apps", app)
    await platform.call("/_simulator/accounts", {"open_id": "biz-2", "client_key": "other-app"})
    said = await platform.says(to="biz-2")
    ours = await platform.says()
    assert said["conversation_id"] != ours["conversation_id"]
    assert code_of(await platform.send(said["msg_id"])) == 28003082


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_health_is_ok(platform: Platform, path: str) -> None:
    assert await platform.get(path) == {"status": "ok"}


async def test_metrics_are_there(platform: Platform) -> None:
    async with platform.http.get(f"{platform.url}/metrics") as answer:
        assert "siyu_simulator_accepted_total 0" in await answer.text()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/_simulator/clock", b"{", 400),
        ("/_simulator/clock", b"\xff", 400),
        ("/_simulator/clock", b"", 422),
        ("/_simulator/clock", b"[]", 422),
        ("/_simulator/clock", b"7", 422),
        ("/_simulator/clock", b'{"advance_ms":-1}', 422),
        ("/_simulator/clock", b'{"advance_ms":1,"offset_ms":1}', 422),
        ("/_simulator/clock", b'{"advance_ms":"1"}', 422),
        ("/_simulator/clock", b'{"offset_ms":1e400}', 400),
        ("/_simulator/clock", b'{"offset_ms":99999999999999999999}', 422),
        ("/_simulator/failures", b'{"kind":"earthquake","count":1}', 422),
        ("/_simulator/failures", b'{"kind":"reset"}', 422),
        ("/_simulator/failures", b'{"kind":"reset","probability":2}', 422),
        ("/_simulator/failures", b'{"kind":"reset","count":0}', 422),
        ("/_simulator/failures", b'{"kind":"reset","count":1,"mach":{}}', 422),
        ("/_simulator/messages", b'{"from":"f","to":"nobody","text":"x"}', 422),
        ("/_simulator/messages", b'{"from":"f","to":"biz-open-id-0001"}', 422),
        ("/_simulator/messages", b'{"from":"","to":"biz-open-id-0001","text":"x"}', 422),
        ("/_simulator/messages/register", b'{"messages":[{}]}', 422),
        ("/_simulator/messages/register", b'{"messages":7}', 422),
        ("/_simulator/fans", b'{"fans":[{"open_id":7}]}', 422),
        ("/_simulator/fans", b'{"open_id":"f","follows":"yes"}', 422),
        ("/_simulator/fans", b'{"open_id":"f","account":"nobody"}', 422),
        ("/_simulator/apps", b'{"client_key":"a/b","client_secret":"s"}', 422),
        ("/_simulator/apps", b'{"client_key":"a","client_secret":"s","webhook_url":"x"}', 422),
        ("/_simulator/accounts", b'{"open_id":"b","client_key":"none"}', 422),
        ("/_simulator/codes", b'{"open_id":"nobody"}', 422),
        ("/_simulator/webhooks/verify", b'{"client_key":"none"}', 422),
        ("/_simulator/nothing", b"", 404),
        ("/_simulator/stats", b"", 405),
    ],
    ids=lambda value: value.decode(errors="replace") if isinstance(value, bytes) else str(value),
)
async def test_bad_input_gets_a_clear_problem(
    platform: Platform, path: str, body: bytes, status: int
) -> None:
    answered, problem = await platform.status_of(path, body)
    assert (answered, problem["status"]) == (status, status)
    assert problem["code"].startswith("simulator.")
    assert problem["detail"]


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=1.5", f"after={'9' * 30}"])
async def test_a_bad_query_gets_a_clear_problem(platform: Platform, query: str) -> None:
    status, problem = await platform.status_of(f"/_simulator/sent?{query}", b"", "GET")
    assert (status, problem["code"]) == (422, "simulator.query_invalid")


async def test_bodies_have_a_limit(platform: Platform) -> None:
    big = b" " * (1024 * 1024 + 1)
    assert (await platform.status_of("/_simulator/clock", big))[0] == 413
    assert (await platform.status_of("/im/send/msg/", big))[0] == 413
    registered = await platform.status_of("/_simulator/messages/register", big + b"{}")
    assert registered[0] == 422
    assert (await platform.status_of("/_simulator/messages/register", big * 11))[0] == 413


DEEP = b'{"a":' * 400 + b"1" + b"}" * 400


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"content":{"msg_type":1}}', b"\x00" * 99, b"[" * 2000],
    ids=["empty", "torn", "list", "null", "half", "zeros", "deep"],
)
async def test_a_malformed_send_is_an_illegal_parameter(platform: Platform, body: bytes) -> None:
    assert code_of(await platform.send_raw(body)) == 28001007


async def test_a_send_nested_beyond_reason_is_refused(platform: Platform) -> None:
    usual: Json = {"msg_id": "@msg001==", "conversation_id": CONVERSATION, "to_user_id": FAN}
    content = b'{"msg_type":1,"text":{"text":"x"},"deep":' + DEEP + b"}"
    body = orjson.dumps(usual)[:-1] + b',"content":' + content + b"}"
    assert code_of(await platform.send_raw(body)) == 28001007
    said = b'{"from":"f","to":"biz-open-id-0001","text":"x","fields":' + DEEP + b"}"
    assert (await platform.status_of("/_simulator/messages", said))[0] == 422
    assert await platform.sent() == []


async def test_an_unknown_path_of_the_platform_says_so(platform: Platform) -> None:
    status, answer = await platform.status_of("/im/nothing/", b"{}")
    assert (status, code_of(answer)) == (404, 28001017)
