"""Tokens over the wire, in form and JSON, in the OAuth envelope."""

import pytest

from tests.service.douyin_simulator.conftest import ACCOUNT, Json, Platform, Start, code_of

APP = {"client_key": "awtest0123456789", "client_secret": "0123456789abcdef0123456789abcdef"}
KEY = {"client_key": APP["client_key"]}
DAY_MS = 86_400_000


async def oauth(platform: Platform, path: str, **fields: str) -> Json:
    async with platform.http.post(f"{platform.url}/oauth/{path}/", data=fields) as answer:
        assert answer.status == 200
        body: Json = await answer.json()
    assert body["message"] == ("error" if body["data"]["error_code"] else "success")
    data: Json = body["data"]
    return data


async def authorise(platform: Platform) -> Json:
    code = (await platform.call("/_simulator/codes", {"open_id": ACCOUNT}))["code"]
    fields = {**APP, "code": code, "grant_type": "authorization_code"}
    return await oauth(platform, "access_token", **fields)


async def refresh(platform: Platform, token: str) -> Json:
    fields = {**KEY, "refresh_token": token, "grant_type": "refresh_token"}
    return await oauth(platform, "refresh_token", **fields)


async def send_with(platform: Platform, token: str, open_id: str = ACCOUNT) -> int:
    return code_of(await platform.send_raw(b"{}", token, open_id))


async def test_a_code_becomes_tokens_once(platform: Platform) -> None:
    code = (await platform.call("/_simulator/codes", {"open_id": ACCOUNT}))["code"]
    fields = {**APP, "code": code, "grant_type": "authorization_code"}

    granted = await oauth(platform, "access_token", **fields)

    assert granted["access_token"].startswith("act.")
    assert granted["refresh_token"].startswith("rft.")
    assert (granted["expires_in"], granted["refresh_expires_in"]) == (1_296_000, 2_592_000)
    assert granted["open_id"] == ACCOUNT
    assert await send_with(platform, granted["access_token"]) == 28001007
    assert (await oauth(platform, "access_token", **fields))["error_code"] == 10007


async def test_a_code_lives_ten_minutes(platform: Platform) -> None:
    code = (await platform.call("/_simulator/codes", {"open_id": ACCOUNT}))["code"]
    await platform.advance(600_000)
    fields = {**APP, "code": code, "grant_type": "authorization_code"}
    assert (await oauth(platform, "access_token", **fields))["error_code"] == 10007


async def test_refreshing_gives_a_new_access_token_and_no_more_time(platform: Platform) -> None:
    granted = await authorise(platform)
    await platform.advance(10 * DAY_MS)

    again = await refresh(platform, granted["refresh_token"])

    assert again["access_token"] != granted["access_token"]
    assert again["refresh_token"] == granted["refresh_token"]
    assert again["refresh_expires_in"] <= 20 * 86_400
    await platform.advance(300_000)
    assert await send_with(platform, granted["access_token"]) == 28001003
    assert await send_with(platform, again["access_token"]) == 28001007


async def test_tokens_end_when_their_time_is_up(platform: Platform) -> None:
    granted = await authorise(platform)
    await platform.advance(15 * DAY_MS)
    assert await send_with(platform, granted["access_token"]) == 28001008
    await platform.advance(15 * DAY_MS)
    assert (await refresh(platform, granted["refresh_token"]))["error_code"] == 10010


async def test_a_refresh_token_is_renewed_five_times_and_the_old_one_dies(
    platform: Platform,
) -> None:
    token = (await authorise(platform))["refresh_token"]
    for _ in range(5):
        renewed = await oauth(platform, "renew_refresh_token", **KEY, refresh_token=token)
        assert renewed["expires_in"] == 2_592_000
        assert (await refresh(platform, token))["error_code"] == 10010
        token = renewed["refresh_token"]
    sixth = await oauth(platform, "renew_refresh_token", **KEY, refresh_token=token)
    assert sixth["error_code"] == 10020
    assert (await refresh(platform, token))["error_code"] == 0


async def test_the_501st_client_token_in_five_minutes_is_refused(platform: Platform) -> None:
    fields = {**APP, "grant_type": "client_credential"}
    for _ in range(500):
        answer = await platform.call("/oauth/client_token/", fields)
        assert answer["data"]["error_code"] == 0
    assert (await oauth(platform, "client_token", **fields))["error_code"] == 10020
    await platform.advance(300_000)
    assert (await oauth(platform, "client_token", **fields))["expires_in"] == 7200


@pytest.mark.parametrize(
    ("path", "fields", "code"),
    [
        ("client_token", {}, 10002),
        ("client_token", {**APP}, 10002),
        ("client_token", {**APP, "client_key": "x", "grant_type": "client_credential"}, 10003),
        ("client_token", {**APP, "client_secret": "x", "grant_type": "client_credential"}, 10013),
        ("access_token", {**APP, "grant_type": "authorization_code"}, 10002),
        ("access_token", {**APP, "code": "x", "grant_type": "authorization_code"}, 10007),
        ("refresh_token", {**KEY, "grant_type": "refresh_token"}, 10002),
        ("refresh_token", {**KEY, "refresh_token": "x", "grant_type": "refresh_token"}, 10010),
        ("refresh_token", {**KEY, "refresh_token": "rft.demo0123456789"}, 10002),
        ("renew_refresh_token", {"client_key": "x", "refresh_token": "y"}, 10003),
        ("renew_refresh_token", {**KEY, "refresh_token": "act.x"}, 10010),
    ],
    ids=str,
)
async def test_what_is_wrong_has_its_code(
    platform: Platform, path: str, fields: dict[str, str], code: int
) -> None:
    assert (await oauth(platform, path, **fields))["error_code"] == code


async def test_tokens_of_the_wrong_kind_or_account_do_not_send(platform: Platform) -> None:
    await platform.call(
        "/_simulator/accounts", {"open_id": "biz-2", "client_key": APP["client_key"]}
    )
    assert await send_with(platform, "act.nobody") == 28001003
    assert await send_with(platform, "") == 28001003
    assert await send_with(platform, "clt.demo0123456789") == 28001003
    assert await send_with(platform, "rft.demo0123456789") == 28001003
    assert await send_with(platform, "act.x", "biz-2") == 28001015
    assert await send_with(platform, "act.x", "") == 28001015


async def test_the_older_family_of_codes_is_a_switch(start: Start) -> None:
    async with start(error_family="2190") as platform:
        assert await send_with(platform, "act.nobody") == 2190002
        assert await send_with(platform, "act.x", "biz-2") == 2190015


async def test_an_owner_may_withdraw_at_any_time(platform: Platform) -> None:
    ended = await platform.call("/_simulator/tokens/end", {"open_id": ACCOUNT})
    assert ended == {"ended": 1}
    assert await send_with(platform, "act.x") == 28001003
    assert (await refresh(platform, "rft.demo0123456789"))["error_code"] == 0
