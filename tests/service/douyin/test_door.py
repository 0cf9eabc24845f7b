"""The door: the order of its checks, what it stores, what it tells."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from structlog.testing import capture_logs

from services.douyin.api.door import BODY_SECONDS
from services.douyin.domain.signature import signature
from shared.observability import metrics
from tests.service.douyin.conftest import (
    ACCOUNT,
    FAN,
    KEY,
    OPEN_ID,
    ORGANIZATION,
    SECRET,
    VECTORS,
    Connector,
)

BY_NAME = {vector["name"]: vector for vector in VECTORS["vectors"]}


def a_message(message_id: str = "@m1==", **changed: Any) -> dict[str, Any]:
    content = {
        "conversation_short_id": "@conv001==",
        "server_message_id": message_id,
        "conversation_type": 1,
        "create_time": 1681799848725,
        "message_type": "text",
        "source": "",
        "text": "hi",
        **changed.pop("content", {}),
    }
    outer = {"event": "im_receive_msg", "client_key": KEY, "from_user_id": FAN}
    return {**outer, "to_user_id": OPEN_ID, "content": content, **changed}


def body_of(name: str) -> bytes:
    body: str = BY_NAME[name]["body"]
    return body.encode()


async def post_vector(connector: Connector, vector: dict[str, Any]) -> httpx2.Response:
    given = vector["headers"]["X-Douyin-Signature"]
    headers = {k: v for k, v in vector["headers"].items() if k == "Msg-Id"}
    return await connector.post(vector["body"], signed=given, headers=headers)


async def rows(connector: Connector) -> list[Any]:
    return await connector.world.sql("SELECT * FROM douyin.inbound ORDER BY id")


def is_problem(answer: httpx2.Response, status: int) -> bool:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    named = answer.headers["request-id"]
    assert named.startswith("req_")
    assert answer.json()["request_id"] == named, "whoever asks us about a refusal can name it"
    return bool(answer.json()["status"] == status)


def counted(result: str) -> float:
    return float(metrics.webhooks.labels(result)._value.get())


@pytest.mark.parametrize("challenge", [10**30, "a\ud800"])
async def test_a_strange_challenge_comes_back_as_it_was(
    quiet: Connector, challenge: int | str
) -> None:
    body = {"event": "verify_webhook", "client_key": KEY, "content": {"challenge": challenge}}
    answer = await quiet.post(body)
    assert (answer.status_code, json.loads(answer.content)) == (200, {"challenge": challenge})


@pytest.mark.parametrize(
    ("name", "kind", "state"),
    [
        ("V2", "douyin.message_received", "handled"),
        ("V3", "douyin.message_received", "handled"),
        ("V4", "douyin.page_entered", "handled"),
        ("V5", "douyin.fan_followed", "handled"),
        ("V6", None, "stored"),
        ("V7", "douyin.message_received", "handled"),
    ],
)
async def test_a_vector_is_stored_and_told(
    quiet: Connector, name: str, kind: str | None, state: str
) -> None:
    answer = await post_vector(quiet, BY_NAME[name])
    assert (answer.status_code, answer.json()) == (200, {"code": 0})
    (row,) = await rows(quiet)
    assert quiet.world.resources.sealer.open_bytes(ORGANIZATION, row["body"]) == body_of(name)
    assert (row["state"], row["account_id"]) == (state, ACCOUNT)
    told = await quiet.events()
    assert [e["type"] for e in told] == ([kind] if kind else [])
    for event in told:
        assert event["cause"] == row["id"], "the stored event is the cause of all that follows"
        assert event["subject"] == FAN
        assert event["tenant"] == {"organization_id": ORGANIZATION, "account_id": ACCOUNT}


async def test_the_text_travels_sealed_and_the_window_opens_at_arrival(quiet: Connector) -> None:
    await post_vector(quiet, BY_NAME["V2"])
    (event,) = await quiet.events()
    assert "多少钱" not in json.dumps(event, ensure_ascii=False)
    data = event["data"]
    assert quiet.world.resources.sealer.open(ORGANIZATION, data["text"]) == "你好，多少钱"
    assert data["created_at"] == "2023-04-18T06:37:28.725000Z"
    assert event["subject_seq"] == 1681799848725
    assert data["window_opened_at"][:16] == (await quiet.world.now()).isoformat()[:16]


async def test_with_a_maximum_age_the_window_opens_when_the_fan_wrote(quiet: Connector) -> None:
    await quiet.put_app(max_event_age_hours=72)
    at = (await quiet.world.now()) - timedelta(hours=1)
    await quiet.post(a_message(content={"create_time": int(at.timestamp() * 1000)}))
    (event,) = await quiet.events()
    assert event["data"]["window_opened_at"] == event["data"]["created_at"]


async def test_an_old_msg_id_does_not_hide_a_new_message(quiet: Connector) -> None:
    for message in ("@m1==", "@m2=="):
        await quiet.post(a_message(message), headers={"Msg-Id": "m-1"})
    assert len(await rows(quiet)) == 2


async def test_every_bit_of_body_and_signature_counts(quiet: Connector) -> None:
    body, sign = BY_NAME["V2"]["body"].encode(), BY_NAME["V2"]["signature"]
    for place in range(0, len(body), 37):
        changed = bytearray(body)
        changed[place] ^= 1
        assert is_problem(await quiet.post(bytes(changed), signed=sign), 401)
    for wrong in (sign.upper(), sign[:-1], sign + "0", "", sign[:-1] + "8"):
        assert is_problem(await quiet.post(body, signed=wrong), 401)
    assert is_problem(await quiet.post(body + b"\x80\x00", signed=sign), 401)
    assert await rows(quiet) == []


async def test_a_signature_counts_for_its_own_app_only(quiet: Connector) -> None:
    await quiet.put_app("other_app", client_secrets=["another-secret-0000"])
    body = json.dumps({**a_message(), "client_key": "other_app"})
    wrong = await quiet.post(body, key="other_app", signed=signature(SECRET, body.encode()))
    assert is_problem(wrong, 401)


async def test_a_secret_that_does_not_open_closes_the_door_of_its_app_only(
    quiet: Connector,
) -> None:
    owner = quiet.world.owner_url.replace("+asyncpg", "")
    connection = await asyncpg.connect(owner)
    await connection.execute(
        "INSERT INTO douyin.app (organization_id, client_key, secrets)"
        " VALUES ('org_2', 'broken', ARRAY['s1.at-rest.' || repeat('A', 60)])"
    )
    await connection.close()
    await quiet.put_app()  # which makes the configuration be read again

    assert (await quiet.post(a_message())).status_code == 200


async def test_while_a_secret_is_rotated_both_are_active(quiet: Connector) -> None:
    await quiet.put_app(client_secrets=[SECRET, "the-next-secret-01"])
    assert (await quiet.post(a_message("@m1=="))).status_code == 200
    assert (await quiet.post(a_message("@m2=="), secret="the-next-secret-01")).status_code == 200
    await quiet.put_app(client_secrets=["the-next-secret-01"])
    assert is_problem(await quiet.post(a_message("@m3==")), 401)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{} {}",
        b'{"client_key":"%b","client_key":"%b"}' % (KEY.encode(), KEY.encode()),
        b'{"client_key":"%b","content":{"a":1,"a":2}}' % KEY.encode(),
        b'{"client_key":"%b","x":NaN}' % KEY.encode(),
        b'{"client_key":"%b","x":-Infinity}' % KEY.encode(),
        b'{"client_key":"%b","x":"\xff"}' % KEY.encode(),
        b"\xef\xbb\xbf{}",
        b'{"client_key":"%b","x":%b%b}' % (KEY.encode(), b"[" * 65, b"]" * 65),
        b"[" * 100_000,
        b'{"client_key":"somebody_else","event":"verify_webhook","content":{"challenge":1}}',
        b'{"event":"verify_webhook","content":{"challenge":1}}',
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_signed_bytes_that_are_no_strict_json_are_refused(
    quiet: Connector, body: bytes
) -> None:
    assert is_problem(await quiet.post(body), 400)
    assert await rows(quiet) == []


async def test_checks_come_in_their_order(quiet: Connector) -> None:
    huge = b"x" * (256 * 1024 + 1)
    assert is_problem(await quiet.post(b"", method="GET", key="nobody"), 405)
    assert is_problem(await quiet.post(huge, key="nobody", signed="wrong"), 413)
    assert is_problem(await quiet.post(b"no json", key="nobody", signed="wrong"), 404)
    assert is_problem(await quiet.post(b"no json", signed="wrong"), 401)
    assert is_problem(await quiet.post(b"no json"), 400)


async def test_bytes_are_counted_even_if_they_are_not_declared(quiet: Connector) -> None:
    async def chunks() -> Any:
        for _ in range(300):
            yield b"x" * 1024

    answer = await quiet.world.http.post(f"/douyin/webhooks/{KEY}", content=chunks())
    assert is_problem(answer, 413)


async def test_a_body_that_does_not_come_is_waited_for_a_few_seconds(quiet: Connector) -> None:
    async def dripping() -> Any:
        while True:
            yield b"x"
            await asyncio.sleep(0.5)

    before, began = counted("too_slow"), asyncio.get_running_loop().time()
    answer = await quiet.world.http.post(f"/douyin/webhooks/{KEY}", content=dripping())
    assert asyncio.get_running_loop().time() - began < BODY_SECONDS + 1
    assert is_problem(answer, 408)
    assert answer.headers["connection"] == "close"
    assert counted("too_slow") == before + 1


async def test_what_is_stored_is_answered_with_a_name_too(quiet: Connector) -> None:
    answers = [await quiet.post(a_message()) for _ in range(2)]
    answers.append(await post_vector(quiet, BY_NAME["V1"]))
    assert len({answer.headers["request-id"] for answer in answers}) == 3


@pytest.mark.parametrize(
    ("max_age", "ahead", "state", "reason"),
    [
        (72, timedelta(hours=-71), "handled", None),
        (72, timedelta(hours=-73), "quarantined", "too_old"),
        (None, timedelta(days=-900), "handled", None),
        (72, timedelta(minutes=4), "handled", None),
        (72, timedelta(minutes=6), "quarantined", "ahead_of_time"),
        (None, timedelta(minutes=6), "quarantined", "ahead_of_time"),
    ],
)
async def test_age_is_judged_by_business_time(
    quiet: Connector, max_age: int | None, ahead: timedelta, state: str, reason: str | None
) -> None:
    await quiet.put_app(max_event_age_hours=max_age)
    await quiet.world.advance(timedelta(days=400))
    at = (await quiet.world.now()) + ahead
    message = a_message(content={"create_time": int(at.timestamp() * 1000)})
    assert (await quiet.post(message)).status_code == 200
    (row,) = await rows(quiet)
    assert (row["state"], row["reason"]) == (state, reason)
    assert len(await quiet.events()) == (state == "handled")


@pytest.mark.parametrize(
    ("changed", "state", "reason", "kind"),
    [
        ({"to_user_id": "somebody"}, "ignored", "account_not_bound", None),
        ({"event": "not_invented_yet"}, "ignored", "unknown_event", None),
        ({"event": "im_authorize_message_callback"}, "ignored", "not_used", None),
        ({"content": {"conversation_type": 2}}, "ignored", "group_message", None),
        ({"content": {"create_time": "soon"}}, "quarantined", "malformed:create_time", None),
        (
            {"content": {"server_message_id": None}},
            "quarantined",
            "malformed:server_message_id",
            None,
        ),
        ({"content": {"create_time": "1681799848725"}}, "handled", None, "douyin.message_received"),
        ({"content": {"text": "a\x00b"}}, "handled", None, "douyin.message_received"),
        ({"content": {"text": "\ud800"}}, "handled", None, "douyin.message_received"),
        ({"event": "x\x00y\ud800"}, "ignored", "unknown_event", None),
        ({"event": "e" * 3000}, "quarantined", "malformed", None),
        ({"from_user_id": "f" * 201}, "quarantined", "malformed:fan", None),
    ],
)
async def test_whatever_is_signed_is_stored(
    quiet: Connector, changed: dict[str, Any], state: str, reason: str | None, kind: str | None
) -> None:
    assert (await quiet.post(a_message(**changed))).status_code == 200
    (row,) = await rows(quiet)
    assert (row["state"], row["reason"]) == (state, reason)
    assert [e["type"] for e in await quiet.events()] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (KEY, "douyin.message_echoed"),
        ("", "douyin.person_answered"),
        (None, "douyin.person_answered"),
        ("another_app", None),
    ],
)
async def test_an_echo_is_told_apart_by_its_source(
    quiet: Connector, source: str | None, kind: str | None
) -> None:
    sent = {"event": "im_send_msg", "from_user_id": OPEN_ID, "to_user_id": FAN}
    assert (await quiet.post(a_message(content={"source": source}, **sent))).status_code == 200
    told = await quiet.events()
    assert [e["type"] for e in told] == ([kind] if kind else [])
    assert all(e["data"]["open_id"] == FAN for e in told)


async def test_an_echo_of_what_was_answered_with_its_id_is_stored_and_told_to_nobody(
    connector: Connector,
) -> None:
    await connector.request("op_1", "hi")
    await connector.until_states("sent")
    sent = {"event": "im_send_msg", "from_user_id": OPEN_ID, "to_user_id": FAN}
    for message_id in ("@out0001==", "@other==", "@out0001=="):
        echo = a_message(message_id, content={"source": KEY}, **sent)
        assert (await connector.post(echo)).status_code == 200
    echoed = [e for e in await connector.events() if e["type"] == "douyin.message_echoed"]
    assert [e["data"]["message_id"] for e in echoed] == ["@other=="]
    assert [row["state"] for row in await rows(connector)] == ["handled", "handled"]


async def test_without_postgresql_the_answer_is_503_within_two_seconds(
    quiet: Connector, postgres: Any
) -> None:
    assert (await quiet.post(a_message("@m0=="))).status_code == 200
    loop = asyncio.get_running_loop()
    postgres.kill()
    try:
        for attempt in range(4):
            began = loop.time()
            answer = await quiet.post(a_message(f"@m{attempt}=="))
            assert is_problem(answer, 503)
            assert answer.json()["retryable"] is True
            assert loop.time() - began < 2
    finally:
        postgres.start()
    assert (await quiet.post(a_message("@m9=="))).status_code == 200


async def test_a_database_that_hangs_is_503_within_two_seconds(quiet: Connector) -> None:
    assert (await quiet.post(a_message("@m0=="))).status_code == 200
    loop = asyncio.get_running_loop()

    held = await asyncpg.connect(quiet.world.owner_url.replace("+asyncpg", ""))
    try:
        async with held.transaction():
            await held.execute("LOCK TABLE douyin.inbound")
            began = loop.time()
            answers = await asyncio.gather(*(quiet.post(a_message(f"@h{n}==")) for n in range(30)))
            assert {a.status_code for a in answers} == {503}
            assert loop.time() - began < 2
    finally:
        await held.close()
    assert (await quiet.post(a_message("@h1=="))).status_code == 200


async def test_what_nobody_expected_is_a_problem_and_one_line_without_texts(
    quiet: Connector,
) -> None:
    await quiet.world.sql("ALTER TABLE douyin.inbound RENAME TO elsewhere")
    before = counted("internal")
    with capture_logs() as logged:
        answer = await quiet.post(a_message(content={"text": "canary-text"}))
    assert is_problem(answer, 500)
    assert answer.json()["code"] == "internal"
    (line,) = logged
    assert (line["event"], line["request_id"]) == ("request_failed", answer.headers["request-id"])
    assert "canary-text" not in answer.text + str(logged)
    assert counted("internal") == before + 1
    await quiet.world.sql("ALTER TABLE douyin.elsewhere RENAME TO inbound")
    assert (await quiet.post(a_message())).status_code == 200, "the next one is taken"
