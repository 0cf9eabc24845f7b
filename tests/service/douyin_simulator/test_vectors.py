"""The vectors of the wire, played against the simulator."""

from typing import Any

import orjson
import pytest

from services.douyin_simulator.actions.publishing import encode
from services.douyin_simulator.actions.world import Manners
from services.douyin_simulator.domain.events import Event
from services.douyin_simulator.domain.phones import encrypt_phone
from services.douyin_simulator.domain.signature import sign
from tests.service.douyin_simulator.conftest import (
    ACCOUNT,
    CONVERSATION,
    FAN,
    Platform,
    Receiver,
    code_of,
)
from tests.support.vectors import ANSWERS, SEND, TIMELINES, VECTORS, Proofs, every_name

proofs = Proofs()
BODIES = {one["name"]: one["body"] for one in VECTORS["vectors"]}
CAPS = [name for name in ANSWERS if name.startswith("cap_")]


def test_every_vector_of_the_file_has_a_test_here() -> None:
    assert proofs.names() == every_name()


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda one: one["name"])
def test_every_vector_is_signed_as_the_platform_signs(vector: dict[str, Any]) -> None:
    assert sign(VECTORS["client_secret"], vector["body"].encode()) == vector["signature"]


@proofs.of(*(one["name"] for one in VECTORS["negatives"]))
@pytest.mark.parametrize("negative", VECTORS["negatives"], ids=lambda one: one["name"])
def test_no_negative_is_what_the_platform_signs(negative: dict[str, Any]) -> None:
    own = sign(VECTORS["client_secret"], negative["body"].encode())
    assert (own == negative["signature"]) == negative["expect"]["signature_valid"]
    other_body = negative.get("valid_only_for_body")
    if other_body is not None:
        assert len(other_body.encode()) == negative["valid_only_for_bytes"]
        assert sign(VECTORS["client_secret"], other_body.encode()) == negative["signature"]


@proofs.of("V1")
async def test_v1_the_handshake_is_posted_byte_for_byte(
    platform: Platform, receiver: Receiver
) -> None:
    await platform.call("/_simulator/webhooks/verify", {})
    (posted,) = receiver.deliveries
    challenge = posted.json["content"]["challenge"]
    assert posted.body.decode() == BODIES["V1"].replace(":12345}", f":{challenge}}}")
    assert posted.headers["X-Douyin-Signature"] == sign(VECTORS["client_secret"], posted.body)


ENCODED = {"V2": False, "V3": True, "V4": False, "V5": False, "V6": False, "V7": False}


@proofs.of(*ENCODED)
@pytest.mark.parametrize("name", ENCODED)
def test_v2_to_v7_events_are_encoded_byte_for_byte(name: str) -> None:
    outer = orjson.loads(BODIES[name])
    content = outer["content"]
    event = Event(
        outer["event"],
        outer["client_key"],
        outer["from_user_id"],
        outer["to_user_id"],
        outer["log_id"],
        orjson.loads(content) if isinstance(content, str) else content,
    )
    encoded = encode(event, Manners("", escaped_events=ENCODED[name]))
    assert encoded.decode() == BODIES[name]


async def test_v6_and_v7_are_what_fans_do(platform: Platform, receiver: Receiver) -> None:
    await platform.call("/_simulator/groups/join", {"group_id": "@group001==", "fan": FAN})
    values = {"姓名": "张三", "手机号": "138****8000", "城市": "北京市"}
    filled = {"from": FAN, "to": ACCOUNT, "card_id": "@card001==", "values": values}
    await platform.call("/_simulator/cards/fill", filled)
    joined, answered = await receiver.gets(2)
    example = orjson.loads(orjson.loads(BODIES["V6"])["content"])
    assert joined.content.keys() == example.keys()
    changing = ("create_time", "create_group_type")
    for key in example.keys() - set(changing):
        assert joined.content[key] == example[key]
    example = orjson.loads(BODIES["V7"])["content"]
    assert example.keys() <= answered.content.keys()
    for key in ("message_type", "card_id", "card_status", "card_data"):
        assert answered.content[key] == example[key]


@proofs.of("V10")
async def test_v10_a_retry_has_the_same_id_and_a_redelivery_another(
    platform: Platform, receiver: Receiver
) -> None:
    first, second = TIMELINES["V10"]["steps"]
    await platform.fails("webhook_redelivered", delay_ms=300)
    receiver.statuses = [500] * (first["times"] - 1)
    await platform.says()
    deliveries = await receiver.gets(first["times"] + second["times"])
    ids = [one.headers["Msg-Id"] for one in deliveries]
    assert [ids.count(one) for one in dict.fromkeys(ids)] == [first["times"], second["times"]]
    assert len({one.body for one in deliveries}) == 1


@proofs.of("V12")
@pytest.mark.parametrize("step", TIMELINES["V12"]["steps"], ids=lambda one: one["expect"]["effect"])
async def test_v12_the_source_tells_who_sent(
    platform: Platform, receiver: Receiver, step: dict[str, Any]
) -> None:
    if step["expect"]["effect"] == "human_takeover":
        typed = {"from": ACCOUNT, "to": FAN, "text": "亲"}
        await platform.call("/_simulator/messages", typed)
    else:
        await platform.send()
    (event,) = await receiver.gets(1)
    assert event.json["event"] == step["event"]
    assert event.content["source"] == step["content"]["source"]


@proofs.of("V8")
def test_v8_a_phone_is_encrypted_as_the_platform_does() -> None:
    vector = VECTORS["decrypt"]
    assert encrypt_phone(vector["plaintext"], vector["key_utf8"]) == vector["ciphertext_base64"]


@proofs.of("V9-partial")
async def test_v9_a_proactive_message_may_succeed_in_part(platform: Platform) -> None:
    await platform.call("/_simulator/grants", {"from": FAN, "to": ACCOUNT})
    card = {"msg_type": 12, "auth_private_message_card": {"app_info": {"app_id": "tt1"}}}
    link = {"msg_type": 1, "text": {"text": "https://shop.example/"}}
    body = {"scene": "im_authorize_message", "to_user_id": FAN, "content_list": [card, link]}
    answer = await platform.send_raw(orjson.dumps(body))
    shown = orjson.loads(ANSWERS["partial"]["body"])
    assert answer.keys() >= shown.keys()
    assert answer["all_send_success"] is shown["all_send_success"]
    codes = [one["error_code"] for one in answer["send_msg_status_list"]]
    assert codes == [one["error_code"] for one in shown["send_msg_status_list"]]


@proofs.of("V9", "V9-success")
async def test_v9_the_reply_is_accepted_as_it_stands(platform: Platform) -> None:
    request = SEND["request"]
    headers = request["headers"]

    answer = await platform.send_raw(
        request["body"].encode(), headers["access-token"], request["query"]["open_id"]
    )

    example = orjson.loads(SEND["success"]["body"])
    assert answer.keys() == example.keys()
    assert answer["extra"].keys() == example["extra"].keys()
    assert answer["data"] == example["data"]
    assert answer["msg_id"].startswith("@")
    (message,) = await platform.sent()
    assert message["content"] == orjson.loads(request["body"])["content"]
    assert message["msg_id"] == answer["msg_id"]
    assert message["reply_to_msg_id"] == "@msg001=="


@proofs.of(*(f"V9-{name}" for name in CAPS))
async def test_v9_a_cap_is_refused_in_both_envelopes(platform: Platform) -> None:
    for _ in range(6):
        assert code_of(await platform.send()) == 0
    answers = {"cap_e1": await platform.send()}
    for name, envelope in (("cap_e2", "e2"), ("cap_e1_string_code", "text_code")):
        await platform.fails("business_error", code=28003070, envelope=envelope)
        answers[name] = await platform.send("@msg003==")
    assert sorted(answers) == sorted(CAPS)
    for name, answer in answers.items():
        example = orjson.loads(ANSWERS[name]["body"])
        assert answer.keys() == example.keys()
        for part in ("data", "extra"):
            code = answer.get(part, {}).get("error_code")
            assert code == example.get(part, {}).get("error_code")
        assert answer.get("err_no") == example.get("err_no")


@proofs.of("V11-reply", "V11-enter", "V11-enter-late")
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


@proofs.of("V13")
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
