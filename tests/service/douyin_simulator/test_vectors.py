"""The vectors of the wire, played against the simulator."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from services.douyin_simulator.domain.signature import sign
from tests.service.douyin_simulator.conftest import (
    ACCOUNT,
    CONVERSATION,
    FAN,
    Platform,
    Receiver,
    code_of,
)

VECTORS: dict[str, Any] = orjson.loads(
    (Path(__file__).parents[2] / "contract/douyin/vectors.json").read_bytes()
)
TIMELINES = {one["name"]: one for one in VECTORS["timelines"]}


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda one: one["name"])
def test_every_vector_is_signed_as_the_platform_signs(vector: dict[str, Any]) -> None:
    assert sign(VECTORS["client_secret"], vector["body"].encode()) == vector["signature"]


async def test_v9_the_reply_is_accepted_as_it_stands(platform: Platform) -> None:
    request = VECTORS["send"]["request"]
    headers = request["headers"]

    answer = await platform.send_raw(
        request["body"].encode(), headers["access-token"], request["query"]["open_id"]
    )

    example = orjson.loads(VECTORS["send"]["success"]["body"])
    assert answer.keys() == example.keys()
    assert answer["extra"].keys() == example["extra"].keys()
    assert answer["data"] == example["data"]
    assert answer["msg_id"].startswith("@")
    (message,) = await platform.sent()
    assert message["content"] == orjson.loads(request["body"])["content"]
    assert message["msg_id"] == answer["msg_id"]
    assert message["reply_to_msg_id"] == "@msg001=="


async def test_v9_a_cap_is_refused_in_both_envelopes(platform: Platform) -> None:
    for _ in range(6):
        assert code_of(await platform.send()) == 0
    refused = await platform.send()
    assert refused["data"]["error_code"] == refused["extra"]["error_code"] == 28003070

    await platform.fails("business_error", code=28003070, envelope="e2")
    assert (await platform.send("@msg003=="))["err_no"] == 28003070
    await platform.fails("business_error", code=28003070, envelope="text_code")
    assert (await platform.send("@msg003=="))["data"]["error_code"] == "28003070"


@pytest.mark.parametrize("name", ["V11-reply", "V11-enter", "V11-enter-late"])
async def test_v11_windows_and_budgets(platform: Platform, name: str) -> None:
    ids: dict[str, str] = {}
    scenes: dict[str, str] = {}
    at_ms = 0
    for step in TIMELINES[name]["steps"]:
        await platform.advance(round(step["at_s"] * 1000) - at_ms)
        at_ms = round(step["at_s"] * 1000)
        context = step["context"]
        if step["do"] == "send":
            answer = await platform.send(ids[context], scene=scenes[context])
            expect = step["expect"]
            assert (code_of(answer) == 0) == (expect["result"] == "ok"), (step, answer)
            assert code_of(answer) in expect.get("codes_any_of", [code_of(answer)])
        elif step["do"] == "inbound":
            ids[context] = (await platform.says())["msg_id"]
            scenes[context] = "im_reply_msg"
        else:
            ids[context] = await platform.enters()
            scenes[context] = "im_enter_direct_msg"


async def test_v13_a_replaced_client_token_lives_five_more_minutes(platform: Platform) -> None:
    tokens: dict[str, str] = {}
    at_s = 0
    for step in TIMELINES["V13"]["steps"]:
        await platform.advance((step["at_s"] - at_s) * 1000)
        at_s = step["at_s"]
        if step["do"] == "client_token":
            tokens[step["as"]] = await a_client_token(platform)
        else:
            code = await call_with(platform, tokens[step["token"]])
            expect = step["expect"]
            assert code in expect.get("codes_any_of", [0]), step
    assert await call_with(platform, tokens["T2"]) == 0


async def a_client_token(platform: Platform) -> str:
    fields = {
        "client_key": VECTORS["client_key"],
        "client_secret": VECTORS["client_secret"],
        "grant_type": "client_credential",
    }
    answer = await platform.call("/oauth/client_token/", fields)
    token: str = answer["data"]["access_token"]
    assert token.startswith("clt.")
    return token


async def call_with(platform: Platform, token: str) -> int:
    url = f"{platform.url}/event/status/list/"
    async with platform.http.get(url, headers={"access-token": token}) as answer:
        return code_of(await answer.json())


async def test_posted_events_have_the_shape_of_the_vectors(
    platform: Platform, receiver: Receiver
) -> None:
    example = {one["name"]: orjson.loads(one["body"]) for one in VECTORS["vectors"]}

    await platform.says()
    await platform.enters()
    await platform.call("/_simulator/fans", {"open_id": FAN, "follows": True})

    said, entered, followed = await receiver.gets(3)
    for delivery, vector in ((said, "V2"), (entered, "V4"), (followed, "V5")):
        assert delivery.json.keys() == example[vector].keys()
        assert type(delivery.json["content"]) is type(example[vector]["content"])
        same = ("event", "client_key", "from_user_id", "to_user_id")
        assert [delivery.json[key] for key in same] == [example[vector][key] for key in same]
        content = example[vector]["content"]
        content = orjson.loads(content) if isinstance(content, str) else content
        assert delivery.content.keys() == content.keys()
        signature = sign(VECTORS["client_secret"], delivery.body)
        assert delivery.headers["X-Douyin-Signature"] == signature
    assert said.content["text"] == "你好，多少钱"
    assert said.content["conversation_short_id"] == CONVERSATION
    assert said.content["user_infos"][0]["nick_name"] == "粉丝甲"
    assert said.json["to_user_id"] == ACCOUNT
