"""Whatever is sent to whichever path, the platform answers in its envelope and does not break."""

import random
from typing import Any

import aiohttp
import orjson
import pytest

from services.douyin_simulator.actions.calling import Needs
from services.douyin_simulator.api.endpoints import ENDPOINTS
from tests.service.douyin_simulator.conftest import ACCOUNT, FAN, Json, Platform

ODD: list[Any] = [
    None, True, 0, -1, 1.5, 2**63, "", "x", "长" * 2000, "@unknown==", [], [[]], [None], {}, {"a": {}},
    [{"msg_type": 1}], {"msg_type": 1, "text": {"text": "x"}}, [{"event": [], "status": 2}],
]  # fmt: skip
NAMES = (
    "to_user_id", "conversation_id", "msg_id", "scene", "content", "content_list", "title", "media_id",
    "components", "card_id", "card_template_id", "card_type", "app_id", "cursor", "count", "status",
    "list", "event_type", "client_key", "client_secret", "grant_type", "code", "refresh_token", "scope",
    "group_id", "group_name", "avatar_uri", "description", "group_type", "fans_limit", "relation_type",
    "apply_id", "group_setting_type", "msg_list", "item_ids", "room_id", "start_time", "end_time",
    "query_session", "c_open_id", "page_num", "page_size", "follower_open_id", "conversation_type",
)  # fmt: skip

WITH_BODY = [route for route in ENDPOINTS if route[0] == "POST"]
WITH_TOKEN = [route for route, endpoint in ENDPOINTS.items() if endpoint.needs is not None]
WITH_SCOPE = [route for route, endpoint in ENDPOINTS.items() if endpoint.scope]


def token_for(needs: Needs | None) -> str:
    return "clt.demo0123456789" if needs is Needs.APP else "act.x"


def code_in(answer: Json) -> int:
    if "err_no" in answer:
        return int(answer["err_no"])
    return int(answer["error_code"] if "error_code" in answer else answer["data"]["error_code"])


async def ask(platform: Platform, route: tuple[str, str], **more: Any) -> int:
    method, path = route
    headers = {"access-token": token_for(ENDPOINTS[route].needs), **more.pop("headers", {})}
    query = {"open_id": ACCOUNT, **more.pop("query", {})}
    async with platform.http.request(
        method, platform.url + path, params=query, headers=headers, **more
    ) as answer:
        assert answer.status == 200, (route, more, await answer.text())
        return code_in(orjson.loads(await answer.read()))


@pytest.mark.parametrize("route", ENDPOINTS, ids=" ".join)
async def test_no_path_breaks_on_odd_fields(platform: Platform, route: tuple[str, str]) -> None:
    dice = random.Random(route[1])
    for _ in range(60):
        fields = {name: dice.choice(ODD) for name in dice.sample(NAMES, 12)}
        if route[0] == "GET":
            query = {name: str(value)[:200] for name, value in fields.items()}
            await ask(platform, route, query=query)
        else:
            await ask(platform, route, data=orjson.dumps(fields, option=orjson.OPT_NON_STR_KEYS))


@pytest.mark.parametrize("route", WITH_BODY, ids=" ".join)
async def test_no_path_breaks_on_odd_bodies(platform: Platform, route: tuple[str, str]) -> None:
    for body in (b"", b"[]", b"{", b"\xff\x00", b"null", b'{"a":' * 900, b"a=%ff&b", b"--b\r\n"):
        for kind in (
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        ):
            await ask(platform, route, data=body, headers={"Content-Type": kind})
    assert await platform.sent() == []


@pytest.mark.parametrize("route", WITH_TOKEN, ids=" ".join)
async def test_a_foreign_token_gets_nowhere(platform: Platform, route: tuple[str, str]) -> None:
    for token in ("", "act.nobody", "rft.demo0123456789", "clt.\udcff"):
        headers = {"access-token": token.encode("utf-8", "replace").decode("latin-1")}
        assert await ask(platform, route, headers=headers) == 28001003
    if ENDPOINTS[route].needs is Needs.ACCOUNT:
        assert await ask(platform, route, query={"open_id": FAN}) == 28001015


@pytest.mark.parametrize("route", WITH_SCOPE, ids=" ".join)
async def test_a_scope_that_was_not_given_is_refused(
    platform: Platform, route: tuple[str, str]
) -> None:
    app = {"client_key": "awtest0123456789", "client_secret": "0123456789abcdef0123456789abcdef"}
    await platform.call("/_simulator/apps", {**app, "scopes": []})
    assert await ask(platform, route) == 28001018


CONTROLS = (
    "caps", "manners", "limits", "apps", "accounts", "codes", "authorisations",
    "authorisations/withdraw", "tokens/end", "messages", "messages/register", "messages/recall",
    "messages/read", "cards/fill", "reviews", "grants", "events", "groups/join", "groups/leave",
    "groups/messages", "videos", "live", "fans", "failures", "clock", "product2021/pushes",
    "product2021/red-packets", "product2021/red-packets/claim", "product2021/lotteries",
    "product2021/lotteries/enter", "product2021/lotteries/draw",
)  # fmt: skip


@pytest.mark.parametrize("control", CONTROLS)
async def test_no_control_breaks_or_hears_what_it_does_not_know(
    platform: Platform, control: str
) -> None:
    dice = random.Random(control)
    names = (
        *NAMES,
        "from",
        "to",
        "text",
        "open_id",
        "fan",
        "id",
        "kind",
        "account",
        "action",
        "path",
    )
    for _ in range(40):
        fields = {name: dice.choice(ODD) for name in dice.sample(names, 4)}
        status, problem = await platform.status_of(f"/_simulator/{control}", orjson.dumps(fields))
        assert status in (400, 422), (fields, problem)
        assert problem["code"].startswith("simulator.")


async def test_a_consent_form_that_is_odd_is_refused(platform: Platform) -> None:
    for form in (
        b"",
        b"\xff",
        b"open_id=x",
        b"client_key=awtest0123456789&redirect_uri=http://%zz[",
    ):
        url = f"{platform.url}/_simulator/consent"
        async with platform.http.post(url, data=form, allow_redirects=False) as answer:
            assert isinstance(answer, aiohttp.ClientResponse)
            assert answer.status == 422
