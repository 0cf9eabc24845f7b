"""Who owns an account: asked when somebody wants it, the phone number open to managers only."""

from typing import Any

import httpx2
import pytest

from tests.service.douyin.conftest import ACCOUNT, OPEN_ID, ORGANIZATION, SECRET, Connector
from tests.support.vectors import VECTORS

PATH = f"/v1/accounts/{ACCOUNT}/douyin-owner"
ASKED = "/oauth/userinfo/"
PHONE = VECTORS["decrypt"]


def an_answer(**changed: Any) -> dict[str, Any]:
    data = {"error_code": 0, "open_id": OPEN_ID, "union_id": "u1", "nickname": "企业号", **changed}
    return {"data": data, "message": "success"}


async def call(connector: Connector, which: str, *scopes: str) -> httpx2.Response:
    headers = connector.world.caller(ORGANIZATION, frozenset(scopes or ("account:manage",)))
    return await connector.world.http.get(PATH, params={"anew": which == "anew"}, headers=headers)


async def test_it_is_asked_with_the_header_of_that_one_call_and_remembered(
    quiet: Connector,
) -> None:
    quiet.platform.will(ASKED, an_answer(encrypt_mobile=PHONE["ciphertext_base64"]))
    assert (await call(quiet, "last")).status_code == 404
    read = await call(quiet, "anew")
    assert read.status_code == 200, read.text
    assert read.headers["cache-control"] == "no-store"
    (asked,) = quiet.platform.asked
    assert (asked.method, asked.body) == ("POST", f"open_id={OPEN_ID}".encode())
    assert asked.headers["access_token"] == "act.x"
    shown = (await call(quiet, "last")).json()
    assert shown == read.json()
    assert (shown["nickname"], shown["phone"]) == ("企业号", PHONE["plaintext"])
    assert len(quiet.platform.asked) == 1


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, "not_granted"),
        ({"encrypt_mobile": ""}, "not_granted"),
        ({"encrypt_mobile": 7}, "not_granted"),
        ({"encrypt_mobile": "AAAA"}, "unreadable"),
        ({"nickname": "x" * 2000, "avatar": {}, "union_id": None}, "not_granted"),
    ],
)
async def test_without_a_number_it_says_why(
    quiet: Connector, changed: dict[str, Any], state: str
) -> None:
    quiet.platform.will(ASKED, an_answer(**changed))
    shown = (await call(quiet, "anew")).json()
    assert (shown["phone"], shown["phone_state"]) == (None, state)


async def test_a_number_under_the_secret_that_goes_is_read_while_both_are_active(
    quiet: Connector,
) -> None:
    quiet.platform.will(ASKED, an_answer(encrypt_mobile=PHONE["ciphertext_base64"]))
    await quiet.put_app(client_secrets=["the-next-secret-0123456789abcdef", SECRET])
    assert (await call(quiet, "anew")).json()["phone_state"] == "known"
    await quiet.put_app(client_secrets=["the-next-secret-0123456789abcdef"])
    assert (await call(quiet, "anew")).json()["phone_state"] == "unreadable"
    assert (await call(quiet, "last")).json()["phone"] is None, "the last answer is what counts"


async def test_of_who_was_bound_before_nothing_is_shown(quiet: Connector) -> None:
    quiet.platform.will(ASKED, an_answer(encrypt_mobile=PHONE["ciphertext_base64"]))
    await call(quiet, "anew")
    await quiet.bind(open_id="biz-open-id-0002")
    assert (await call(quiet, "last")).status_code == 404


async def test_others_may_not_see_it(quiet: Connector) -> None:
    quiet.platform.will(ASKED, an_answer(encrypt_mobile=PHONE["ciphertext_base64"]))
    await call(quiet, "anew")
    assert (await call(quiet, "last", "fans:read", "dm:read", "dm:manage")).status_code == 403
    foreign = quiet.world.caller("org_2")
    assert (await quiet.world.http.get(PATH, headers=foreign)).status_code == 404


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"data": {"error_code": 28001003}}, "douyin.busy"),
        ({"data": {"error_code": 10002}}, "douyin.refused"),
        (b"<html>", "douyin.busy"),
        (None, "douyin.busy"),
    ],
    ids=repr,
)
async def test_a_refusal_keeps_what_was_known(quiet: Connector, answer: Any, code: str) -> None:
    quiet.platform.will(ASKED, an_answer(), answer)
    known = (await call(quiet, "anew")).json()
    refused = await call(quiet, "anew")
    assert refused.json()["code"] == code
    assert (await call(quiet, "last")).json() == known
