"""Every failure that can be ordered does what its name says, and is counted."""

import asyncio

import aiohttp
import orjson
import pytest

from tests.service.douyin_simulator.conftest import (
    ACCOUNT,
    CONVERSATION,
    FAN,
    TOKEN,
    Platform,
    Receiver,
    code_of,
)

BODY = orjson.dumps(
    {
        "msg_id": "@msg001==",
        "conversation_id": CONVERSATION,
        "to_user_id": FAN,
        "content": {"msg_type": 1, "text": {"text": "您好"}},
    }
)


async def raw_send(platform: Platform, timeout_s: float = 5) -> tuple[int, str, bytes]:
    url = f"{platform.url}/im/send/msg/?open_id={ACCOUNT}"
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    headers = {"access-token": TOKEN, "Content-Type": "application/json"}
    async with platform.http.post(url, data=BODY, headers=headers, timeout=timeout) as answer:
        return answer.status, answer.content_type, await answer.read()


async def injected(platform: Platform) -> dict[str, int]:
    counts: dict[str, int] = (await platform.stats())["injected_by_kind"]
    return counts


async def test_accepted_then_timeout_is_in_the_record_and_is_never_answered(
    platform: Platform, receiver: Receiver
) -> None:
    await platform.fails("accepted_then_timeout")

    with pytest.raises(TimeoutError):
        await raw_send(platform, timeout_s=0.3)

    (message,) = await platform.sent()
    (echo,) = await receiver.gets(1, event="im_send_msg")
    assert echo.content["server_message_id"] == message["msg_id"]
    assert await injected(platform) == {"accepted_then_timeout": 1}
    assert code_of(await platform.send()) == 0


@pytest.mark.parametrize(("kind", "accepted"), [("accepted_then_reset", 1), ("reset", 0)])
async def test_a_reset_breaks_the_connection(platform: Platform, kind: str, accepted: int) -> None:
    await platform.fails(kind)

    with pytest.raises(aiohttp.ClientConnectionError):
        await raw_send(platform)

    assert len(await platform.sent()) == accepted
    assert await injected(platform) == {kind: 1}


@pytest.mark.parametrize(("order", "accepted"), [({}, 0), ({"accepted": True}, 1)])
async def test_an_http_error_comes_before_or_after_acceptance(
    platform: Platform, order: dict[str, bool], accepted: int
) -> None:
    await platform.fails("http_error", status=503, **order)
    assert (await raw_send(platform))[:2] == (503, "text/html")
    assert len(await platform.sent()) == accepted


async def test_a_slow_answer_comes_late_but_comes(platform: Platform) -> None:
    await platform.fails("slow", delay_ms=200)
    began = asyncio.get_running_loop().time()
    assert code_of(await platform.send()) == 0
    assert asyncio.get_running_loop().time() - began >= 0.2


async def test_a_business_error_is_http_200_and_accepts_nothing(platform: Platform) -> None:
    await platform.fails("business_error", code=28003018)
    assert code_of(await platform.send()) == 28003018
    assert await platform.sent() == []


async def test_bodies_that_no_client_hopes_for(platform: Platform) -> None:
    await platform.fails("html_body")
    await platform.fails("truncated_json")
    await platform.fails("wrong_envelope")

    assert (await raw_send(platform))[:2] == (200, "text/html")
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads((await raw_send(platform))[2])
    wrong = await platform.send()

    assert wrong["err_no"] == 0
    assert [one["msg_id"] for one in await platform.sent()][-1] == wrong["data"]["msg_id"]
    assert len(await platform.sent()) == 2
    counted = {"html_body": 1, "truncated_json": 1, "wrong_envelope": 1}
    assert await injected(platform) == counted


async def test_a_failure_strikes_only_whom_it_names(platform: Platform) -> None:
    await platform.fails("business_error", match={"to_user_id": "somebody else"})
    assert code_of(await platform.send()) == 0
    await platform.fails(
        "business_error", match={"to_user_id": FAN, "conversation_id": "@conv001=="}
    )
    assert code_of(await platform.send()) == 28001005


async def test_the_same_seed_strikes_the_same_sends(platform: Platform) -> None:
    async def pattern() -> list[int]:
        await platform.call("/_simulator/reset")
        await platform.call("/_simulator/fans", {"open_id": FAN, "follows": True})
        await platform.fails("business_error", probability=0.5, seed=7)
        return [code_of(await platform.send()) for _ in range(20)]

    first = await pattern()
    assert 0 in first
    assert 28001005 in first
    assert await pattern() == first


async def test_orders_can_be_listed_and_withdrawn(platform: Platform) -> None:
    first = await platform.fails("reset")
    await platform.fails("slow", probability=1)

    await platform.call(f"/_simulator/failures?id={first}", method="DELETE")
    listed = (await platform.get("/_simulator/failures"))["failures"]
    assert [one["kind"] for one in listed] == ["slow"]
    await platform.call("/_simulator/failures", method="DELETE")
    assert (await platform.get("/_simulator/failures"))["failures"] == []
    assert (await platform.status_of("/_simulator/failures?id=99", b"", "DELETE"))[0] == 404


async def test_a_lost_echo_loses_the_echo_and_nothing_else(
    platform: Platform, receiver: Receiver
) -> None:
    await platform.fails("webhook_lost_echo")
    await platform.says()
    await platform.send()
    second = await platform.send()

    (echo,) = await receiver.gets(1, event="im_send_msg")
    assert echo.content["server_message_id"] == second["msg_id"]
    assert len(await platform.sent()) == 2
    assert await injected(platform) == {"webhook_lost_echo": 1}


async def test_a_dropped_event_never_arrives(platform: Platform, receiver: Receiver) -> None:
    await platform.fails("webhook_drop", match={"event": "im_receive_msg"})
    assert (await platform.says("一"))["delivery"]["problem"] == "dropped on order"
    await platform.says("二")
    assert [one.content["text"] for one in receiver.deliveries] == ["二"]


async def test_a_duplicate_has_the_same_id_and_bytes(
    platform: Platform, receiver: Receiver
) -> None:
    await platform.fails("webhook_duplicate")
    await platform.says()
    one, other = await receiver.gets(2)
    assert (one.headers["Msg-Id"], one.body) == (other.headers["Msg-Id"], other.body)


async def test_a_reordered_event_is_overtaken_by_the_next(
    platform: Platform, receiver: Receiver
) -> None:
    await platform.fails("webhook_reorder")
    await platform.says("一", wait=False)
    await platform.says("二", wait=False)
    first, second = await receiver.gets(2)
    assert [first.content["text"], second.content["text"]] == ["二", "一"]


async def test_a_delayed_event_comes_late(platform: Platform, receiver: Receiver) -> None:
    await platform.fails("webhook_delay", delay_ms=200)
    began = asyncio.get_running_loop().time()
    await platform.says(wait=False)
    (late,) = await receiver.gets(1)
    assert late.at - began >= 0.2
