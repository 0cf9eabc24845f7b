"""The vectors of the wire, played against the connector alone: through its door, and to a scripted platform."""

import base64
import json
import struct
import zlib
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from services.douyin.domain.answers import read_answer
from services.douyin.domain.phones import decrypt_phone
from shared.observability import metrics
from tests.service.douyin.conftest import ACCOUNT, FAN, KEY, OPEN_ID, ORGANIZATION, Connector
from tests.service.douyin.platform import accept, accept_and_hang_up, reply
from tests.support.vectors import ANSWERS, BY_NAME, SEND, TIMELINES, VECTORS, Proofs, every_name

proofs = Proofs()
NEGATIVES = VECTORS["negatives"]
CAPS = [name for name in ANSWERS if name.startswith("cap_")]


async def post(connector: Connector, vector: dict[str, Any], **changed: Any) -> httpx2.Response:
    """Post the vector's bytes under the vector's headers."""
    headers = {k: v for k, v in vector["headers"].items() if k == "Msg-Id"}
    headers.update(changed)
    signed = vector["headers"]["X-Douyin-Signature"]
    return await connector.post(vector["body"], signed=signed, headers=headers)


async def rows(connector: Connector) -> list[Any]:
    return await connector.world.sql("SELECT * FROM douyin.inbound ORDER BY id")


async def told(connector: Connector) -> list[dict[str, Any]]:
    return await connector.events()


async def as_of(connector: Connector, vector: dict[str, Any]) -> None:
    """An app that judges ages, at the moment of which the vector speaks."""
    await connector.put_app(max_event_age_hours=72)
    await connector.world.set_clock(datetime.fromtimestamp(vector["clock_ms"] / 1000, UTC))


def at(value: str) -> int:
    """A time of an event in milliseconds."""
    return round(datetime.fromisoformat(value).timestamp() * 1000)


def test_every_vector_of_the_file_has_a_test_here() -> None:
    assert proofs.names() == every_name()


@proofs.of("V1")
async def test_v1_the_verification_is_answered_with_its_challenge(quiet: Connector) -> None:
    answer = await post(quiet, BY_NAME["V1"])
    expected = BY_NAME["V1"]["expect"]["reply"]
    assert (answer.status_code, answer.json()) == (expected["status"], expected["json"])
    assert await rows(quiet) == []


@proofs.of(*(one["name"] for one in NEGATIVES))
@pytest.mark.parametrize("negative", NEGATIVES, ids=lambda one: one["name"])
async def test_a_negative_leaves_nothing_but_a_counter(
    quiet: Connector, negative: dict[str, Any]
) -> None:
    expect = negative["expect"]
    malformed = expect["signature_valid"]
    counter = metrics.webhooks.labels("bad_request" if malformed else "unauthenticated")
    before = counter._value.get()
    answer = await post(quiet, negative)
    assert expect["accepted"] is False
    assert answer.status_code == (400 if malformed else 401), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert counter._value.get() == before + 1
    assert await rows(quiet) == []
    assert await told(quiet) == []


@proofs.of("V2", "V3")
@pytest.mark.parametrize("name", ["V2", "V3"])
async def test_v2_v3_a_text_is_told_with_its_reply_context(quiet: Connector, name: str) -> None:
    vector = BY_NAME[name]
    await as_of(quiet, vector)
    answer = await post(quiet, vector)
    assert (answer.status_code, answer.json()) == (200, {"code": 0})
    (event,) = await told(quiet)
    data, expect = event["data"], vector["expect"]
    message, context = expect["message"], expect["reply_context"]
    assert event["type"] == "douyin.message_received"
    assert quiet.world.resources.sealer.open(ORGANIZATION, data["text"]) == message["text"]
    assert (data["kind"], data["open_id"]) == (message["type"], message["from_open_id"])
    assert at(data["created_at"]) == message["create_time_ms"]
    assert (data["message_id"], data["conversation_id"]) == (
        context["msg_id"],
        context["conversation_id"],
    )
    valid_for = TIMELINES["V11-reply"]["config"]["msg_id_valid_s"] * 1000
    assert at(data["window_opened_at"]) + valid_for == context["expires_at_ms"]


@proofs.of("V4")
async def test_v4_an_entry_opens_its_window_when_the_fan_came(quiet: Connector) -> None:
    vector = BY_NAME["V4"]
    await as_of(quiet, vector)
    await post(quiet, vector)
    (event,) = await told(quiet)
    data, context = event["data"], vector["expect"]["enter_context"]
    assert event["type"] == "douyin.page_entered"
    assert (data["message_id"], data["conversation_id"]) == (
        context["msg_id"],
        context["conversation_id"],
    )
    valid_for = TIMELINES["V11-enter"]["config"]["enter_window_s"] * 1000
    assert at(data["window_opened_at"]) + valid_for == context["valid_until_ms"]


@proofs.of("V5")
async def test_v5_a_follow_counts_in_seconds_and_opens_no_window(quiet: Connector) -> None:
    vector = BY_NAME["V5"]
    await as_of(quiet, vector)
    await post(quiet, vector)
    (event,) = await told(quiet)
    follow = vector["expect"]["follow"]
    assert event["type"] == "douyin.fan_followed"
    assert event["data"]["open_id"] == event["subject"] == follow["actor_open_id"]
    assert at(event["data"]["followed_at"]) == follow["at_epoch_s"] * 1000
    assert not [name for name in event["data"] if "window" in name]


@proofs.of("V6")
@pytest.mark.parametrize(
    "kind", BY_NAME["V6"]["expect"]["join"]["create_group_type_accepted_as"], ids=repr
)
async def test_v6_who_joined_is_named_outside(quiet: Connector, kind: str | int) -> None:
    vector = BY_NAME["V6"]
    await as_of(quiet, vector)
    body = json.loads(vector["body"])
    changed = {**json.loads(body["content"]), "create_group_type": kind}
    own = changed == json.loads(body["content"])
    again = {**body, "content": json.dumps(changed)}
    answer = await (post(quiet, vector) if own else quiet.post(again))
    assert answer.status_code == 200
    (row,) = await rows(quiet)
    join, reading = vector["expect"]["join"], json.loads(row["reading"])
    assert row["state"] == "stored", "nobody hears it yet; its reading is kept"
    assert (reading["open_id"], reading["group_id"]) == (join["joiner_open_id"], join["group_id"])
    assert reading["group_kind"] == join["create_group_type"]
    assert at(reading["joined_at"]) == join["create_time_ms"]


@proofs.of("V7")
async def test_v7_an_answered_card_is_one_lead_whose_phone_stays_masked(quiet: Connector) -> None:
    vector = BY_NAME["V7"]
    await as_of(quiet, vector)
    with capture_logs() as logs:
        await post(quiet, vector)
    (event,) = await told(quiet)
    lead, card = vector["expect"]["lead"], event["data"]["card"]
    assert (card["card_id"], card["status"]) == (lead["card_id"], lead["card_status"])
    opened = quiet.world.resources.sealer.open(ORGANIZATION, card["answers"])
    answers = dict(json.loads(opened))
    assert answers == {"姓名": lead["name"], "手机号": lead["phone_masked"], "城市": lead["city"]}
    seen = json.dumps([event, logs], ensure_ascii=False, default=str)
    assert not [value for value in answers.values() if value in seen]


@proofs.of("V8")
async def test_v8_a_phone_is_decrypted_kept_sealed_and_in_no_log(quiet: Connector) -> None:
    vector = VECTORS["decrypt"]
    phone, key = vector["plaintext"], vector["key_utf8"].encode()
    assert decrypt_phone(vector["ciphertext_base64"], [key]) == phone
    owner = {"nickname": "企业号", "encrypt_mobile": vector["ciphertext_base64"]}
    answer = {"data": {"error_code": 0, "open_id": OPEN_ID, **owner}, "message": "success"}
    quiet.platform.will("/oauth/userinfo/", answer)
    path = f"/v1/accounts/{ACCOUNT}/douyin-owner?anew=true"
    with capture_logs() as logs:
        read = await quiet.world.http.get(path, headers=quiet.world.caller(ORGANIZATION))
    assert (read.json()["phone"], read.json()["phone_state"]) == (phone, "known")
    assert phone not in repr(logs)
    (row,) = await quiet.world.sql("SELECT * FROM douyin.owner")
    assert phone not in repr(dict(row))
    assert vector["ciphertext_base64"] not in repr(dict(row))


@proofs.of("V9", "V9-success")
async def test_v9_the_reply_leaves_byte_for_byte(connector: Connector) -> None:
    connector.platform.script.append(reply(json.loads(SEND["success"]["body"])))
    wanted = SEND["request"]
    await connector.request("op_1", "您好")
    await connector.until_states(SEND["success"]["expect"]["outcome"])
    (call,) = connector.platform.calls
    assert call.raw.decode() == wanted["body"]
    assert call.open_id == wanted["query"]["open_id"]
    assert call.token == wanted["headers"]["access-token"]
    (ended,) = await connector.endings()
    assert ended["platform_message_id"] == SEND["success"]["expect"]["msg_id"]


@proofs.of(*(f"V9-{name}" for name in CAPS))
@pytest.mark.parametrize("name", CAPS)
async def test_v9_every_form_of_the_cap_is_the_same_refusal(
    connector: Connector, name: str
) -> None:
    connector.platform.always = reply(json.loads(ANSWERS[name]["body"]))
    await connector.request("op_1", "您好", "还在吗")
    await connector.until_states("failed", "failed")
    assert len(connector.platform.calls) == 1, "what comes behind it does not leave"
    first, _ = await connector.attempts()
    expect = ANSWERS[name]["expect"]
    assert (first["reason"], first["code"]) == (expect["outcome"], expect["code"])
    assert (await connector.endings())[0]["closes_window"] == expect["outcome"]


@proofs.of("V9-partial")
async def test_v9_a_partial_success_is_read_item_by_item_and_not_called_sent(
    connector: Connector,
) -> None:
    body = ANSWERS["partial"]["body"]
    found = read_answer(body.encode())
    assert found is not None
    items = ANSWERS["partial"]["expect"]["items"]
    assert found.item_codes == tuple(one.get("code", 0) for one in items)
    assert found.all_sent is False
    connector.platform.always = reply(json.loads(body))
    await connector.request("op_1", "您好")
    await connector.until_states("unknown")
    assert len(connector.platform.calls) == 1, "what may be there is not sent again"


@proofs.of("V10")
async def test_v10_five_deliveries_of_one_message_are_one_event(quiet: Connector) -> None:
    for step in TIMELINES["V10"]["steps"]:
        for _ in range(step["times"]):
            delivered = {"Msg-Id": step["msg_id_header"]}
            answer = await post(quiet, BY_NAME[step["vector"]], **delivered)
            assert answer.status_code == 200
    replies = TIMELINES["V10"]["expect"]["replies_sent"]
    assert len(await rows(quiet)) == len(await told(quiet)) == replies


_REFUSAL = [28003070]  # what the platform says where the file names no code


@proofs.of("V11-reply", "V11-enter", "V11-enter-late")
@pytest.mark.parametrize("name", ["V11-reply", "V11-enter", "V11-enter-late"])
@pytest.mark.parametrize(
    ("longer_s", "which"),
    [(0, 0), (3600, 0), (3600, -1)],
    ids=["our window ends", "theirs ends, first code", "theirs ends, last code"],
)
async def test_v11_windows_and_budgets(
    connector: Connector, name: str, longer_s: int, which: int
) -> None:
    """The platform keeps to the timeline; nothing leaves after our window, however long it is."""
    timeline, start = TIMELINES[name], await connector.world.now()
    scene = "im_reply_msg" if name == "V11-reply" else "im_enter_direct_msg"
    lives_s = timeline["config"].get("msg_id_valid_s") or timeline["config"]["enter_window_s"]
    opened_s: dict[str, float] = {}
    for number, step in enumerate(timeline["steps"]):
        at_s, context = step["at_s"], step["context"]
        if step["do"] != "send":
            opened_s[context] = at_s
            continue
        await connector.world.set_clock(start + timedelta(seconds=at_s))
        expect, before = step["expect"], len(connector.platform.calls)
        codes = expect.get("codes_any_of", _REFUSAL)
        refusal = reply({"err_no": codes[which]})
        connector.platform.always = accept if expect["result"] == "ok" else refusal
        ends_s = opened_s[context] + lives_s + longer_s
        await connector.request(
            f"op_{number}",
            f"text {number}",
            reply_to=f"@{context}==",
            scene=scene,
            window_opened_at=start + timedelta(seconds=opened_s[context]),
            expires_at=start + timedelta(seconds=ends_s),
        )
        await connector.until(partial(settled, connector, number))
        (attempt,) = [a for a in await connector.attempts() if a["operation_id"] == f"op_{number}"]
        assert attempt["state"] == ("sent" if expect["result"] == "ok" else "failed"), step
        if at_s > ends_s:
            assert attempt["reason"] == "window_expired"
            assert len(connector.platform.calls) == before, "after its window nothing leaves"
        elif expect["result"] == "refused":
            assert attempt["code"] == codes[which]
            assert attempt["reason"] == expect.get("class", "cap_reached")


async def settled(connector: Connector, number: int) -> bool:
    ends = await connector.settled()
    return any(operation == f"op_{number}" for operation, _, _ in ends)


@proofs.of("V12")
@pytest.mark.parametrize("step", TIMELINES["V12"]["steps"], ids=lambda one: one["expect"]["effect"])
async def test_v12_an_echo_is_no_message_of_a_fan(
    connector: Connector, step: dict[str, Any]
) -> None:
    connector.platform.script.append(accept_and_hang_up)
    await connector.request("op_1", "您好")
    await connector.until_states("unknown")
    now = await connector.world.now()
    content = {
        "conversation_short_id": "@conv001==",
        "server_message_id": "@out001==",
        "conversation_type": 1,
        "create_time": int(now.timestamp() * 1000),
        "message_type": "text",
        "text": "您好",
        **step["content"],
    }
    outer = {"event": step["event"], "client_key": KEY, "from_user_id": OPEN_ID, "to_user_id": FAN}
    await connector.post({**outer, "content": content})
    await connector.world.drain()
    types = {event["type"] for event in await told(connector)}
    assert "douyin.message_received" not in types, "so nobody answers it"
    assert step["expect"]["replies_sent"] == 0
    assert len(connector.platform.calls) == 1
    taken_over = step["expect"]["effect"] == "human_takeover"
    assert ("douyin.person_answered" in types) is taken_over
    assert await connector.states() == ["unknown" if taken_over else "sent"]


def a_picture() -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x00\x00")) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


@proofs.of("V13")
@pytest.mark.parametrize("code", TIMELINES["V13"]["steps"][-1]["expect"]["codes_any_of"])
async def test_v13_a_token_that_somebody_replaced_is_used_while_it_lives_and_then_fetched_anew(
    quiet: Connector, code: int
) -> None:
    """T1 is ours; T2 is fetched by somebody else who has the same key, as a second system would."""
    answers: dict[str, dict[str, Any]] = {
        "ok": {"data": {"error_code": 0}, "image_id": "@img=="},
        "refused": {"data": {"error_code": code}, "extra": {"error_code": code}},
    }
    path, now_s, tokens = f"/v1/accounts/{ACCOUNT}/images", 0, []
    body = {"data": a_picture()}
    for step in TIMELINES["V13"]["steps"]:
        await quiet.world.advance(timedelta(seconds=step["at_s"] - now_s))
        now_s = step["at_s"]
        if step["do"] == "client_token":
            continue
        await quiet.world.sql("DELETE FROM douyin.image")  # or it would not be asked again
        quiet.platform.will("/tool/imagex/client_upload/", answers[step["expect"]["result"]])
        answer = await quiet.world.http.post(
            path, json=body, headers=quiet.world.caller(ORGANIZATION)
        )
        assert answer.status_code == (201 if step["expect"]["result"] == "ok" else 503)
        tokens.append(quiet.platform.asked[-1].token)
    assert tokens == ["clt.1", "clt.1"], (
        "it is not replaced while it lives, nor before it is refused"
    )
    quiet.platform.will("/tool/imagex/client_upload/", answers["ok"])
    again = await quiet.world.http.post(path, json=body, headers=quiet.world.caller(ORGANIZATION))
    assert again.status_code == 201
    assert quiet.platform.asked[-1].token == "clt.2"
