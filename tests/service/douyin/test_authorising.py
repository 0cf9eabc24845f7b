"""An owner authorises an app: a link that works once, the page behind it, and what it binds."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.service.douyin.conftest import ACCOUNT, KEY, OPEN_ID, ORGANIZATION, SECRET, Connector

BROWSER = {"accept": "text/html,application/xhtml+xml", "accept-language": "zh-CN"}
PAGE = "/douyin/authorisation"


async def a_link(quiet: Connector, **changed: Any) -> httpx2.Response:
    organization = changed.pop("organization", ORGANIZATION)
    account = changed.pop("account", ACCOUNT)
    path = f"/v1/accounts/{account}/douyin-authorisation-links"
    body = {"client_key": KEY, **changed}
    return await quiet.world.http.post(path, json=body, headers=quiet.world.caller(organization))


async def a_state(quiet: Connector, **changed: Any) -> str:
    answer = await a_link(quiet, **changed)
    assert answer.status_code == 201, answer.text
    query = parse_qs(urlsplit(str(answer.json()["url"])).query)
    return query["state"][0]


async def come_back(
    quiet: Connector, state: str, code: str | None = "code-1", **headers: str
) -> Any:
    query = {"state": state} | ({} if code is None else {"code": code})
    return await quiet.world.http.get(PAGE, params=query, headers=headers)


async def test_a_link_leads_to_the_platform_and_back_to_us(quiet: Connector) -> None:
    answer = (await a_link(quiet, scopes=["user_info", "im.direct_message"])).json()
    url = urlsplit(answer["url"])
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    state = asked.pop("state")
    assert answer["url"].startswith(f"{quiet.platform.url}/platform/oauth/connect/?")
    assert asked == {
        "client_key": KEY,
        "response_type": "code",
        "scope": "user_info,im.direct_message",
        "redirect_uri": f"http://127.0.0.1:8000{PAGE}",
    }
    assert len(state) > 60
    assert SECRET not in answer["url"]


async def test_an_owner_who_comes_back_has_bound_the_account(quiet: Connector) -> None:
    page = await come_back(quiet, await a_state(quiet), **BROWSER)
    assert page.status_code == 200
    for words in ("授权成功", "Authorised"):
        assert words in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    (exchange,) = quiet.platform.exchanges
    assert exchange == {
        "client_key": KEY,
        "client_secret": SECRET,
        "code": "code-1",
        "grant_type": "authorization_code",
    }
    shown = await quiet.binding()
    assert (shown["state"], shown["open_id"]) == ("active", OPEN_ID)
    assert shown["scopes"] == ["fans.list", "user_info"]
    assert shown["authorisation_needed"] is None
    told = [e for e in await quiet.events() if e["type"] == "douyin.account_authorised"]
    assert told[-1]["data"]["usable_until"][:23] + "Z" == shown["refresh_token_expires_at"]
    assert told[-1]["subject"] == ACCOUNT


async def test_an_account_that_was_never_bound_is_bound_by_its_owner(quiet: Connector) -> None:
    quiet.platform.granted_open_id = "biz-open-id-0002"
    await come_back(quiet, await a_state(quiet, account="acc_2"))
    assert (await quiet.binding("acc_2"))["open_id"] == "biz-open-id-0002"


@pytest.mark.parametrize("kind", ["used", "expired", "foreign", "broken", "short", "nothing"])
async def test_a_link_that_is_not_good_is_one_clear_error_and_nothing_is_asked(
    quiet: Connector, kind: str
) -> None:
    state = await a_state(quiet)
    before = await quiet.binding()
    asked = 0
    if kind == "used":
        await come_back(quiet, state)
        before, asked = await quiet.binding(), 1
    if kind == "expired":
        await quiet.world.advance(timedelta(minutes=31))
    wrong = {"foreign": state[:-4] + "AAAA", "broken": "%%%", "short": "x", "nothing": ""}.get(
        kind, state
    )
    refused = await come_back(quiet, wrong)
    assert (refused.status_code, refused.json()["code"]) == (400, "douyin.link_not_valid")
    page = await come_back(quiet, wrong, **BROWSER)
    assert page.status_code == 400
    for words in ("授权链接无效、已过期或已使用", "has expired"):
        assert words in page.text
    assert len(quiet.platform.exchanges) == asked
    after = await quiet.binding()
    assert {**after, "state": ""} == {**before, "state": ""}


async def test_another_douyin_account_is_refused_and_changes_nothing(quiet: Connector) -> None:
    quiet.platform.granted_open_id = "somebody-else"
    refused = await come_back(quiet, await a_state(quiet))
    assert (refused.status_code, refused.json()["code"]) == (409, "douyin.other_douyin_account")
    assert (await quiet.binding())["open_id"] == OPEN_ID


async def test_a_douyin_account_that_is_bound_elsewhere_is_refused(quiet: Connector) -> None:
    refused = await come_back(quiet, await a_state(quiet, account="acc_2"))
    assert (refused.status_code, refused.json()["code"]) == (409, "douyin.open_id_taken")


async def test_an_owner_who_declines_may_use_the_link_again(quiet: Connector) -> None:
    state = await a_state(quiet)
    refused = await come_back(quiet, state, None)
    assert (refused.status_code, refused.json()["code"]) == (400, "douyin.owner_declined")
    assert (await come_back(quiet, state)).status_code == 200


async def test_a_code_that_the_platform_refuses_is_told_with_its_number(quiet: Connector) -> None:
    quiet.platform.exchange_answer = {
        "data": {"error_code": 10007, "description": "授权码过期", "log_id": "log-7"},
        "message": "error",
    }
    refused = (await come_back(quiet, await a_state(quiet))).json()
    assert (refused["code"], refused["reason"]) == ("douyin.code_refused", "code_used_or_expired")
    assert refused["platform"] == {"code": 10007, "log_id": "log-7"}


async def test_an_answer_without_tokens_binds_nothing(quiet: Connector) -> None:
    before = await quiet.binding()
    quiet.platform.exchange_answer = {"data": {"error_code": 0}}
    refused = await come_back(quiet, await a_state(quiet))
    assert (refused.status_code, refused.json()["code"]) == (409, "douyin.code_refused")
    assert await quiet.binding() == before


@pytest.mark.parametrize("answer", [{"data": None}, {"data": {"error_code": 10001}}])
async def test_after_an_answer_that_says_nothing_the_page_may_be_loaded_again(
    quiet: Connector, answer: Any
) -> None:
    quiet.platform.exchange_answer = answer
    state = await a_state(quiet)
    busy = await come_back(quiet, state)
    assert (busy.status_code, busy.json()["code"]) == (503, "douyin.busy")
    quiet.platform.exchange_answer = None
    assert (await come_back(quiet, state, **BROWSER)).status_code == 200
    assert (await come_back(quiet, state)).status_code == 400, "it was used"


async def test_links_are_for_accounts_and_apps_of_the_caller(quiet: Connector) -> None:
    assert (await a_link(quiet, account="acc_9")).status_code == 404
    assert (await a_link(quiet, organization="org_2")).status_code == 404
    unknown = await a_link(quiet, client_key="nobody")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "douyin.unknown_app")
    foreign = await a_link(quiet, account="acc_2", organization="org_2")
    assert (foreign.status_code, foreign.json()["code"]) == (422, "douyin.unknown_app")
    for scopes in ([], ["a,b"], ["x"] * 51):
        assert (await a_link(quiet, scopes=scopes)).status_code == 422


async def test_an_account_that_does_not_exist_cannot_be_bound(quiet: Connector) -> None:
    refused = await quiet.bind(account="acc_9", open_id="free")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    await quiet.learn("acc_9")
    assert (await quiet.bind(account="acc_9", open_id="free")).status_code == 200
