"""No token, secret or code leaves for a log, an event, the carrier, a page or a table in the clear."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import redis

from shared.http.client import OneTry
from tests.service.douyin.conftest import ACCOUNT, KEY, ORGANIZATION, Connector, dispatching
from tests.service.douyin.platform import ScriptedPlatform, reply
from tests.service.douyin.test_tokens import a_keeper
from tests.service.shared.test_canaries import everything_that_valkey_hears

SECRET = "canary-secret-5e1d"
CANARIES = (
    SECRET,
    "canary-code",
    "act.canary",
    "rft.canary",
    "clt.canary",
    "act.new",
    "rft.renewed",
)


def granted(**changed: Any) -> dict[str, Any]:
    data = {
        "error_code": 0,
        "access_token": "act.canary-1",
        "expires_in": 86400,
        "refresh_token": "rft.canary-1",
        "refresh_expires_in": 86400,
        "open_id": "biz-open-id-0001",
        "scope": "user_info",
        **changed,
    }
    return {"data": data, "message": "success"}


def refused(code: int) -> dict[str, Any]:
    """A refusal that repeats what it was asked with, as such answers sometimes do."""
    said = f"invalid {SECRET} canary-code rft.canary-1 act.canary-1"
    return {"data": {"error_code": code, "description": said, "log_id": "log-1"}, "message": said}


async def follow(connector: Connector, code: str) -> list[str]:
    """What an owner's browser and a program are shown after the platform sent them back."""
    shown = []
    for accept in ("text/html", "application/json"):
        path = f"/v1/accounts/{ACCOUNT}/douyin-authorisation-links"
        headers = connector.world.caller(ORGANIZATION)
        made = await connector.world.http.post(path, json={"client_key": KEY}, headers=headers)
        state = parse_qs(urlsplit(str(made.json()["url"])).query)["state"][0]
        query = {"state": state, "code": code}
        back = await connector.world.http.get(
            "/douyin/authorisation", params=query, headers={"accept": accept}
        )
        shown += [made.text, back.text, str(back.headers)]
    return shown


async def a_life(connector: Connector) -> list[str]:
    """Everything that is done with tokens, and everything that goes wrong with them."""
    platform, shown = connector.platform, list[str]()
    async with OneTry() as http:
        keeper = a_keeper(connector, http)
        platform.exchange_answer = refused(10007)
        shown += await follow(connector, "canary-code-1")
        platform.exchange_answer = granted()
        shown += await follow(connector, "canary-code-2")
        platform.refresh_answer = granted(access_token="act.canary-2", refresh_expires_in=86400)
        await keeper.refresh_due()
        await connector.request("op_1", "hello")
        await connector.until(lambda: len(platform.calls) == 1)
        platform.always = reply(refused(28001003))
        await connector.request("op_2", "hello again", conversation_id="@c2==")
        await connector.until(lambda: len(platform.calls) == 2)
        await keeper.client_token(KEY)
        for answer in (refused(10001), {"data": "act.canary"}, refused(10010)):
            platform.refresh_answer = answer
            await connector.world.sql("UPDATE douyin.binding SET refreshing_until = NULL")
            await keeper.refresh_due()
        await connector.world.advance(timedelta(days=2))
        platform.always = reply(refused(28001012))
        await connector.bind(access_token="act.canary-3", refresh_token="rft.canary-3")
        await connector.request("op_3", "one more", conversation_id="@c3==")
        await connector.until(lambda: len(platform.calls) >= 3)
        wrong = await connector.bind(access_token="act.canary with a space", refresh_token="x")
        shown.append(wrong.text)
        shown.append(json.dumps(await connector.binding()))
    return shown


async def test_nothing_secret_is_written_anywhere(
    worlds: Callable[..., Any],
    platform: ScriptedPlatform,
    redis_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with worlds("douyin", "open_platform", douyin_api_url=platform.url) as world:
        connector = Connector(world, platform)
        assert (await connector.put_app(client_secrets=[SECRET])).status_code == 200
        await connector.learn(ACCOUNT)
        async with everything_that_valkey_hears(redis_url) as heard:
            async with dispatching(world.parts[0], alarms=False):
                shown = await a_life(connector)
            await world.drain()
            with redis.Redis.from_url(redis_url) as client:
                client.ping()
        names = await world.sql(
            "SELECT schemaname || '.' || tablename FROM pg_tables"
            " WHERE schemaname IN ('douyin', 'open_platform')"
        )
        tables = [
            str(dict(r)) for (name,) in names for r in await world.sql(f"SELECT * FROM {name}")
        ]
    written = "".join(capsys.readouterr())
    asked = json.dumps(platform.exchanges) + json.dumps(platform.refreshes)
    for needle in (SECRET, "canary-code", "rft.canary"):
        assert needle in asked, "the platform was really given it"
    for event in ("account_authorised", "token_refreshed", "token_call_refused", "code_refused"):
        assert event in written, "and it was worth a line"
    assert "douyin.authorisation_needed" in "\n".join(heard)
    for place in (written, "\n".join(heard), "\n".join(tables), "\n".join(shown)):
        for canary in CANARIES:
            assert canary not in place, canary
