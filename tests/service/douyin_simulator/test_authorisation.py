"""Owners agree and withdraw; apps see what was granted, by page, code, token and event."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest

from services.douyin_simulator.domain.phones import encrypt_phone
from tests.service.douyin_simulator.conftest import (
    ACCOUNT,
    FAN,
    Json,
    Platform,
    Receiver,
    code_of,
)

KEY, SECRET = "awtest0123456789", "0123456789abcdef0123456789abcdef"
APP = {"client_key": KEY, "client_secret": SECRET}
LINK = {
    "client_key": KEY,
    "response_type": "code",
    "scope": "user_info,im.direct_message",
    "redirect_uri": "http://127.0.0.1:9/back?keep=1",
    "state": "s-1",
}


async def oauth(platform: Platform, path: str, fields: Json, token: str = "") -> Json:
    """An OAuth call with a JSON body."""
    url = f"{platform.url}/oauth/{path}/"
    headers = {"access-token": token}
    async with platform.http.post(url, json=fields, headers=headers) as answer:
        assert answer.status == 200
        said: Json = await answer.json()
        return said


async def page(platform: Platform, **changes: str) -> tuple[int, str]:
    url = f"{platform.url}/platform/oauth/connect/?{urlencode({**LINK, **changes})}"
    async with platform.http.get(url) as answer:
        return answer.status, await answer.text()


async def tokens_of(platform: Platform, **order: Any) -> Json:
    given = await platform.call("/_simulator/authorisations", {"open_id": ACCOUNT, **order})
    fields = {**APP, "code": given["code"], "grant_type": "authorization_code"}
    data: Json = (await oauth(platform, "access_token", fields))["data"]
    return data


async def test_the_page_leads_back_to_the_app_with_a_code(platform: Platform) -> None:
    status, html = await page(platform)
    assert status == 200
    assert f'value="{ACCOUNT}"' in html

    form = {**LINK, "open_id": ACCOUNT}
    url = f"{platform.url}/_simulator/consent"
    async with platform.http.post(url, data=form, allow_redirects=False) as answer:
        assert answer.status == 302
        target = urlsplit(answer.headers["Location"])
    query = parse_qs(target.query)
    assert (target.netloc, query["keep"], query["state"]) == ("127.0.0.1:9", ["1"], ["s-1"])
    fields = {**APP, "code": query["code"][0], "grant_type": "authorization_code"}
    granted = (await oauth(platform, "access_token", fields))["data"]
    assert granted["open_id"] == ACCOUNT
    assert granted["scope"] == "user_info"  # im.* holds and is not shown
    assert code_of(await platform.send_raw(b"{}", granted["access_token"])) == 28001007


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_key": "nobody"}, "10003"),
        ({"response_type": "token"}, "10002"),
        ({"scope": ""}, "10002"),
        ({"redirect_uri": "javascript:alert(1)"}, "10006"),
        ({"redirect_uri": "https://elsewhere.example/"}, "10006"),
        ({"scope": "mobile_alert"}, "28001018"),
    ],
    ids=str,
)
async def test_a_wrong_link_is_told_on_the_page(
    platform: Platform, changes: Json, code: str
) -> None:
    limited = {"redirect_domain": "127.0.0.1", "scopes": ["user_info", "im.direct_message"]}
    await platform.call("/_simulator/apps", {**APP, **limited})
    status, html = await page(platform, **changes)
    assert (status, code in html) == (400, True)
    assert "<script" not in (await page(platform, state="<script>"))[1]


async def test_agreeing_is_announced_in_two_events(platform: Platform, receiver: Receiver) -> None:
    scopes = ["user_info", "im.direct_message", "im.recall_message"]
    await tokens_of(platform, scopes=scopes)
    direct, contract = await receiver.gets(2)
    assert (direct.json["event"], direct.json["content"]) == (
        "authorize",
        {"scopes": ["user_info"]},
    )
    assert contract.json["event"] == "contract_authorize"
    assert contract.json["content"] == {
        "scopes": ["im.direct_message.bind", "im.recall_message.bind"]
    }
    assert contract.json["from_user_id"] == ACCOUNT


async def test_withdrawing_everything_ends_all_tokens_and_is_announced(
    platform: Platform, receiver: Receiver
) -> None:
    granted = await tokens_of(platform, notify=False)
    await platform.call("/_simulator/authorisations/withdraw", {"open_id": ACCOUNT})

    assert code_of(await platform.send_raw(b"{}", granted["access_token"])) == 28001003
    refresh = {
        "client_key": KEY,
        "refresh_token": granted["refresh_token"],
        "grant_type": "refresh_token",
    }
    assert (await oauth(platform, "refresh_token", refresh))["data"]["error_code"] == 10010
    events = [one.json["event"] for one in await receiver.gets(2)]
    assert events == ["unauthorize", "contract_unauthorize"]


async def test_one_scope_can_be_withdrawn_alone(platform: Platform, receiver: Receiver) -> None:
    granted = await tokens_of(platform, notify=False)
    taken = {"open_id": ACCOUNT, "scopes": ["im.direct_message"]}
    await platform.call("/_simulator/authorisations/withdraw", taken)

    assert code_of(await platform.send_raw(b"{}", granted["access_token"])) == 28001012
    (told,) = await receiver.gets(1)
    assert told.json["event"] == "contract_unauthorize"
    assert told.json["content"] == {"scopes": ["im.direct_message.bind"]}


async def test_a_capability_that_the_app_lacks_is_refused(platform: Platform) -> None:
    await platform.call("/_simulator/apps", {**APP, "scopes": ["user_info"]})
    assert code_of(await platform.send()) == 28001018
    renewal = {"client_key": KEY, "refresh_token": "rft.demo0123456789"}
    answer = await oauth(platform, "renew_refresh_token", renewal)
    assert answer["data"]["error_code"] == 10004


async def test_another_app_takes_the_account_over_and_nobody_is_told(
    platform: Platform, receiver: Receiver
) -> None:
    rival = {"client_key": "rival", "client_secret": "s", "own_open_ids": True}
    await platform.call("/_simulator/apps", rival)
    order = {"open_id": ACCOUNT, "client_key": "rival", "notify": False}
    given = await platform.call("/_simulator/authorisations", order)

    assert code_of(await platform.send()) == 28001003
    assert receiver.deliveries == []
    assert given["open_id"].startswith("_000")
    assert given["open_id"] != ACCOUNT


async def test_a_business_token_acts_for_the_account(platform: Platform) -> None:
    issued = await oauth(platform, "business_token", {**APP, "open_id": ACCOUNT})
    assert (issued["error_code"], issued["message"]) == (0, "success")
    first = issued["data"]
    assert first["biz_token"].startswith("bus_act.")
    assert first["biz_expires_in"] == 2_592_000
    assert code_of(await platform.send_raw(b"{}", first["biz_token"])) == 28001007

    fields = {**APP, "refresh_token": first["biz_refresh_token"]}
    second = (await oauth(platform, "refresh_biz_token", fields))["data"]
    assert code_of(await platform.send_raw(b"{}", first["biz_token"])) == 28001003
    assert code_of(await platform.send_raw(b"{}", second["biz_token"])) == 28001007
    again = await oauth(platform, "refresh_biz_token", fields)
    assert (again["error_code"], again["data"]) == (10010, {})


async def test_a_business_token_knows_its_scopes(platform: Platform) -> None:
    fields = {**APP, "open_id": ACCOUNT, "scope": "im.direct_message"}
    token = (await oauth(platform, "business_token", fields))["data"]["biz_token"]
    assert (await oauth(platform, "business_scopes", {}, token))["data"] == ["im.direct_message"]
    assert (await oauth(platform, "business_scopes", {}, "nonsense"))["error_code"] == 28001003
    foreign = await oauth(platform, "business_token", {**APP, "open_id": FAN})
    assert foreign["error_code"] == 28001007


async def test_user_info_shows_the_account_and_its_phone_encrypted(platform: Platform) -> None:
    account = {"open_id": ACCOUNT, "client_key": KEY, "phone": "13800138000"}
    await platform.call("/_simulator/accounts", account)
    url = f"{platform.url}/oauth/userinfo/"
    for headers in ({"access-token": "act.x"}, {"access_token": "act.x"}):
        async with platform.http.post(url, data={"open_id": ACCOUNT}, headers=headers) as answer:
            told = (await answer.json())["data"]
        assert told["nickname"] == "企业号"
        assert told["encrypt_mobile"] == "RJRBlQT3IEhRh6PPOsIyEw=="
    refused = await oauth(platform, "userinfo", {"open_id": FAN}, "act.x")
    assert refused["data"]["error_code"] == 28001015
    assert encrypt_phone("13800138000", "short") is None


async def test_the_token_may_travel_in_the_query_and_the_body_in_chunks(
    platform: Platform,
) -> None:
    async def chunks() -> Any:
        yield b'{"msg_id":"@msg001==","conversation_id":"@conv001==",'
        yield f'"to_user_id":"{FAN}",'.encode()
        yield b'"content":{"msg_type":1,"text":{"text":"\xe5\xa5\xbd"}}}'

    url = f"{platform.url}/im/send/msg/?open_id={ACCOUNT}&access_token=act.x"
    async with platform.http.post(url, data=chunks()) as answer:
        assert isinstance(answer, aiohttp.ClientResponse)
        assert code_of(await answer.json()) == 0
    (message,) = await platform.sent()
    assert message["content"]["text"]["text"] == "好"


async def test_json_that_calls_itself_a_form_is_read_as_json(platform: Platform) -> None:
    body = b'{"msg_id":"@msg001==","conversation_id":"@conv001==","to_user_id":"fan-open-id-0001",'
    body += b'"content":{"msg_type":1,"text":{"text":"x"}}}'
    url = f"{platform.url}/im/send/msg/?open_id={ACCOUNT}"
    headers = {"access-token": "act.x", "Content-Type": "application/x-www-form-urlencoded"}
    async with platform.http.post(url, data=body, headers=headers) as answer:
        assert code_of(await answer.json()) == 0
