"""Images, lead cards and files of fans: asked of the platform, and one clear refusal for what goes wrong."""

import asyncio
import base64
import json
from typing import Any

import httpx2
import pytest

from tests.service.douyin.conftest import ACCOUNT, FAN, KEY, OPEN_ID, ORGANIZATION, Connector
from tests.service.douyin.platform import Gate

UPLOAD = "/tool/imagex/client_upload/"
SAVE, LIST = "/im/save/retain_consult_card/", "/im/get/retain_consult_card/"
DELETE, MEDIA = "/im/del/retain_consult_card/", "/api/im/message/resources/"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
OK = {"error_code": 0, "description": ""}
UNCLEAR = (409, "outcome_unknown")  # the card may have been made
CARD = {"title": "预约试驾", "image_id": "@img==", "components": ["name", "phone"]}


def flat(**payload: Any) -> dict[str, Any]:
    return {"data": OK, "extra": {**OK, "logid": "log-1"}, **payload}


def refused(code: int) -> dict[str, Any]:
    return {"err_no": code, "err_msg": "no", "log_id": "log-9"}


async def call(
    connector: Connector, verb: str, path: str, body: Any = None, **headers: str
) -> httpx2.Response:
    organization = headers.pop("organization", ORGANIZATION)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await connector.world.http.request(
        verb,
        f"/v1/accounts/{ACCOUNT}/{path}",
        json=body,
        headers=connector.world.caller(organization) | named,
    )


async def upload(connector: Connector, image: bytes, **how: str) -> httpx2.Response:
    return await call(
        connector, "POST", "images", {"data": base64.b64encode(image).decode()}, **how
    )


@pytest.fixture
async def asking(quiet: Connector) -> Connector:
    quiet.platform.will(UPLOAD, flat(image_id="@img==", width=3, height=2, md5="x"))
    quiet.platform.will(SAVE, flat(card_id="@card001=="))
    return quiet


async def test_under_one_key_douyin_is_asked_for_one_card(asking: Connector) -> None:
    first = await call(asking, "POST", "cards", CARD, idempotency_key="one-card-1")
    again = await call(asking, "POST", "cards", CARD, idempotency_key="one-card-1")
    other = await call(asking, "POST", "cards", CARD | {"title": "x"}, idempotency_key="one-card-1")
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert [one.path for one in asking.platform.asked].count(SAVE) == 1


async def test_a_card_whose_answer_was_lost_is_not_made_again_under_its_key(
    asking: Connector,
) -> None:
    asking.platform.will(SAVE, None, flat(card_id="@card001=="))
    answers = [
        await call(asking, "POST", "cards", CARD, idempotency_key=key)
        for key in ("one-card-1", "one-card-1", "one-card-2")
    ]
    told = [(answer.status_code, answer.json().get("code")) for answer in answers]
    assert told == [(409, "outcome_unknown")] * 2 + [(201, None)]
    assert [one.path for one in asking.platform.asked].count(SAVE) == 2


async def test_an_image_is_uploaded_once_as_a_form_with_the_apps_token(asking: Connector) -> None:
    first = await upload(asking, PNG)
    again = await upload(asking, PNG)
    assert first.status_code == again.status_code == 201, first.text
    assert first.json() == again.json()
    assert first.json()["image_id"] == "@img=="
    assert (first.json()["width"], first.json()["bytes"]) == (3, len(PNG))
    (asked,) = asking.platform.asked
    assert asked.token == "clt.1"
    assert b'name="image"' in asked.body
    assert PNG in asked.body


@pytest.mark.parametrize(
    "data",
    ["", "no base64!", base64.b64encode(b"GIF9 no image at all").decode(), "YQ="],
    ids=["nothing", "other letters", "another file", "cut off"],
)
async def test_what_is_no_image_is_refused_before_anybody_is_asked(
    asking: Connector, data: str
) -> None:
    answer = await call(asking, "POST", "images", {"data": data})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == "#/data"
    assert asking.platform.asked == []


async def test_an_image_of_ten_megabytes_passes_and_one_byte_more_does_not(
    asking: Connector,
) -> None:
    image = PNG + b"\0" * (10 * 1024 * 1024 - len(PNG))
    answer = await upload(asking, image)
    assert answer.status_code == 201, answer.text
    assert (await upload(asking, image + b"\0")).status_code == 422
    assert (await upload(asking, image + b"\0" * 200_000)).status_code == 413


async def test_only_images_may_be_so_large(asking: Connector) -> None:
    answer = await call(asking, "POST", "cards", {**CARD, "title": "长" * 1_000_000})
    assert answer.status_code == 413


async def test_a_card_is_created_listed_changed_and_deleted(asking: Connector) -> None:
    created = await call(asking, "POST", "cards", CARD)
    assert created.status_code == 201, created.text
    card = created.json()
    assert (card["card_id"], card["status"]) == ("@card001==", None)
    saved = asking.platform.asked[-1]
    assert saved.query == {"open_id": OPEN_ID}
    assert saved.token == "act.x"
    assert saved.fields == {"title": "预约试驾", "media_id": "@img==", "components": [1, 2]}

    shown = {"card_id": "@card001==", "title": "预约试驾", "media_id": "@img=="}
    other = {"card_id": "@card002==", "title": "t", "media_id": "@i==", "components": ["3"]}
    listed = {**shown, "components": [1, 2], "status": 1}
    asking.platform.will(LIST, flat(cards=[listed, {**other, "status": "2"}, 7, {}]))
    found = (await call(asking, "GET", "cards")).json()["data"]
    assert [(c["card_id"], c["components"], c["status"]) for c in found] == [
        ("@card001==", ["name", "phone"], 1),
        ("@card002==", ["city"], 2),
    ]
    assert found[0]["id"] == card["id"], "it keeps its id of ours"

    path = f"cards/{card['id']}"
    stale = await call(asking, "PUT", path, {**CARD, "title": "新"}, If_Match='"1"')
    assert stale.status_code == 412, "the review changed it"
    etag = (await call(asking, "GET", path)).headers["etag"]
    changed = await call(asking, "PUT", path, {**CARD, "title": "新"}, If_Match=etag)
    assert changed.status_code == 200, changed.text
    assert asking.platform.asked[-1].fields["card_id"] == "@card001=="

    assert (await call(asking, "DELETE", path)).status_code == 428
    asking.platform.will(DELETE, flat())
    gone = await call(asking, "DELETE", path, If_Match=changed.headers["etag"])
    assert gone.status_code == 204, gone.text
    assert asking.platform.asked[-1].query == {"open_id": OPEN_ID, "card_id": "@card001=="}
    assert (await call(asking, "GET", path)).status_code == 404


async def told_cards(connector: Connector) -> list[tuple[str, bool, int]]:
    """(card, whether it is there, its place in the order) as told, oldest first."""
    found = [e for e in await connector.events() if e["type"] == "douyin.card_changed"]
    return [(e["data"]["card_id"], e["data"]["is_there"], e["subject_seq"]) for e in found]


def a_card_of_the_list(card_id: str, **changed: Any) -> dict[str, Any]:
    return {"card_id": card_id, "title": "t", "media_id": "@i==", "components": [3]} | changed


async def test_what_is_known_of_a_card_is_told_once(asking: Connector) -> None:
    card = (await call(asking, "POST", "cards", CARD)).json()
    made_elsewhere = a_card_of_the_list("@elsewhere==")
    same = {"title": "预约试驾", "media_id": "@img==", "components": [1, 2]}
    mine = a_card_of_the_list("@card001==", **same)
    for listed in ([mine, made_elsewhere], [mine, made_elsewhere], [{**mine, "status": 1}]):
        asking.platform.will(LIST, flat(cards=listed))
        assert (await call(asking, "GET", "cards")).status_code == 200
    asking.platform.will(DELETE, flat())
    await call(asking, "DELETE", f"cards/{card['id']}", If_Match="*")

    assert await told_cards(asking) == [
        ("@card001==", True, 1),
        ("@elsewhere==", True, 1),
        ("@card001==", True, 2),  # its review
        ("@elsewhere==", False, 2),  # gone from the list
        ("@card001==", False, 3),
    ]


@pytest.mark.parametrize("answer", [{}, {"cards": 7}, {"cards": [a_card_of_the_list(""), 7]}])
async def test_a_list_that_cannot_be_read_whole_takes_no_card_away(
    asking: Connector, answer: dict[str, Any]
) -> None:
    await call(asking, "POST", "cards", CARD)
    asking.platform.will(LIST, flat(**answer))
    assert (await call(asking, "GET", "cards")).json()["data"] == []
    assert await told_cards(asking) == [("@card001==", True, 1)]


async def test_what_is_deleted_while_the_list_is_on_its_way_stays_deleted(
    asking: Connector,
) -> None:
    card = (await call(asking, "POST", "cards", CARD)).json()
    listed = a_card_of_the_list("@card001==")
    asking.platform.will(DELETE, flat())
    asking.platform.will(LIST, flat(cards=[listed]))
    gate = asking.platform.gates[LIST] = Gate()
    listing = asyncio.create_task(call(asking, "GET", "cards"))
    async with asyncio.timeout(10):  # a call that was refused for a slow machine comes to no gate
        await gate.reached.wait()
    assert (await call(asking, "DELETE", f"cards/{card['id']}", If_Match="*")).status_code == 204
    gate.opened.set()
    assert (await listing).json()["data"] == []
    told = await told_cards(asking)
    assert told[-1][:2] == ("@card001==", False)

    asking.platform.will(LIST, flat(cards=[listed]))  # it came back: we were wrong
    assert len((await call(asking, "GET", "cards")).json()["data"]) == 1
    (back,) = (await told_cards(asking))[len(told) :]
    assert back[:2] == ("@card001==", True)
    assert back[2] > told[-1][2], "the newest news"


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"title": ""}, "#/title"),
        ({"components": []}, "#/components"),
        ({"components": ["name", "name"]}, "#/components"),
        ({"components": ["wechat"]}, "#/components/0"),
        ({"image_id": "x" * 257}, "#/image_id"),
        ({"surprise": 1}, "#/surprise"),
    ],
)
async def test_a_card_that_cannot_be_is_refused_before_anybody_is_asked(
    asking: Connector, changed: dict[str, Any], pointer: str
) -> None:
    answer = await call(asking, "POST", "cards", {**CARD, **changed})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert asking.platform.asked == []


@pytest.mark.parametrize(
    ("answer", "status", "code", "reason"),
    [
        (refused(28001007), 409, "douyin.refused", "illegal_parameter"),
        (refused(28001018), 409, "douyin.refused", "capability_missing"),
        (refused(2113001), 409, "douyin.refused", "material_refused"),
        (refused(28001012), 409, "douyin.not_authorised", "not_authorised"),
        (refused(28003017), 429, "douyin.daily_calls_used", "daily_quota_used"),
        (refused(28003018), 503, "douyin.busy", "throttled"),
        (refused(28001005), *UNCLEAR, "system_busy"),
        (refused(28001008), 503, "douyin.busy", "token_refused"),
        (refused(77), *UNCLEAR, "unlisted_code"),
        (b"<html>502 Bad Gateway</html>", *UNCLEAR, "unreadable_answer"),
        (json.dumps(flat(card_id="@c==")).encode()[:-9], *UNCLEAR, "unreadable_answer"),
        (b"[" * 100_000, *UNCLEAR, "unreadable_answer"),
        (b'{"card_id":"' + b"x" * 10_000_000 + b'"}', *UNCLEAR, "answer_too_large"),
        (b"", *UNCLEAR, "unreadable_answer"),
        (None, *UNCLEAR, "no_answer"),
        ({"hello": "world"}, *UNCLEAR, "no_code"),
        (flat(), *UNCLEAR, "no_card_id"),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_each_bad_answer_is_one_clear_refusal_and_keeps_nothing(
    asking: Connector, answer: Any, status: int, code: str, reason: str
) -> None:
    asking.platform.will(SAVE, answer)
    got = await call(asking, "POST", "cards", CARD)
    assert got.status_code == status, got.text
    assert got.headers["content-type"] == "application/problem+json"
    assert (got.json()["code"], got.json()["reason"]) == (code, reason)
    assert len(asking.platform.asked) == 1, "it is not asked twice"
    assert await asking.world.sql("SELECT 1 FROM douyin.lead_card") == []


async def test_a_fans_file_is_found_by_its_message_and_its_address_kept_nowhere(
    asking: Connector,
) -> None:
    url = "https://media.example.com/x?secret=canary-77"
    asking.platform.will(MEDIA, {"err_no": 0, "data": {"media_type": "image", "url": url}})
    content = {
        "conversation_short_id": "@conv001==",
        "server_message_id": "@pic/+==",
        "conversation_type": 1,
        "create_time": 1681799848725,
        "message_type": "user_local_image",
    }
    outer = {"event": "im_receive_msg", "client_key": KEY, "from_user_id": FAN}
    await asking.post({**outer, "to_user_id": OPEN_ID, "content": content})
    found = await asking.world.http.get(
        f"/v1/accounts/{ACCOUNT}/media",
        params={"message_id": "@pic/+=="},
        headers=asking.world.caller(ORGANIZATION),
    )
    assert found.status_code == 200, found.text
    assert found.json() == {"kind": "image", "url": url}
    assert found.headers["cache-control"] == "no-store"
    assert asking.platform.asked[-1].query == {
        "open_id": OPEN_ID,
        "conversation_id": "@conv001==",
        "message_id": "@pic/+==",
    }
    for table in ("inbound", "outbox"):
        rows = await asking.world.sql(f"SELECT t::text FROM douyin.{table} t")
        assert not [row for row in rows if "canary-77" in row[0]]


async def test_a_message_that_never_came_has_no_file(asking: Connector) -> None:
    answer = await call(asking, "GET", "media?message_id=@nothing==")
    assert answer.status_code == 404
    assert asking.platform.asked == []


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("POST", "images", {"data": base64.b64encode(PNG).decode()}),
        ("GET", "cards", None),
        ("POST", "cards", CARD),
        ("GET", "media?message_id=@m==", None),
    ],
)
async def test_for_another_organization_the_account_is_not_there(
    asking: Connector, verb: str, path: str, body: Any
) -> None:
    answer = await call(asking, verb, path, body, organization="org_2")
    assert answer.status_code == 404, answer.text
    assert asking.platform.asked == []


async def test_without_a_token_nothing_is_asked(asking: Connector) -> None:
    await asking.bind(access_token=None)
    answer = await call(asking, "GET", "cards")
    assert (answer.status_code, answer.json()["code"]) == (409, "douyin.not_authorised")
    assert asking.platform.asked == []
