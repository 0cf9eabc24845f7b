"""Tokens: refreshed once, by one process, before they end or when the platform refuses them."""

import asyncio
import time
from datetime import timedelta

from services.douyin.actions.directory import Directory
from services.douyin.actions.tokens import TokenKeeper
from services.douyin.clients import OAuth
from shared.http.client import OneTry
from tests.service.douyin.conftest import KEY, Connector
from tests.service.douyin.platform import reply


def a_keeper(quiet: Connector, http: OneTry) -> TokenKeeper:
    resources = quiet.world.resources
    database = resources.database("douyin")
    directory = Directory(database, resources.sealer)
    return TokenKeeper(database, resources.sealer, directory, OAuth(quiet.platform.url, http))


async def test_a_refused_token_is_refreshed_once_and_the_messages_then_go(
    connector: Connector,
) -> None:
    await connector.bind(access_token="act.old", refresh_token="rft.1")
    connector.platform.good_tokens = {"act.new1"}
    requests = [
        await connector.a_request(f"op_{n}", f"text {n}", conversation_id=f"@c{n}==")
        for n in range(20)
    ]
    await connector.world.deliver("douyin", *requests)
    await connector.until_states(*["sent"] * 20)
    (refresh,) = connector.platform.refreshes
    assert refresh == {
        "client_key": "awtest0123456789",
        "grant_type": "refresh_token",
        "refresh_token": "rft.1",
    }
    accepted = [c.token for c in connector.platform.accepted]
    assert len(connector.platform.accepted) == 20
    assert set(accepted) == {"act.new1"}


async def test_a_token_that_is_refused_again_after_a_refresh_ends_the_message(
    connector: Connector,
) -> None:
    await connector.bind(access_token="act.old", refresh_token="rft.1")
    connector.platform.good_tokens = set()
    await connector.request("op_1", "hi")
    await connector.until_states("failed")
    (attempt,) = await connector.attempts()
    assert (attempt["reason"], attempt["code"]) == ("not_authorised", 28001008)
    assert len(connector.platform.calls) == 2
    assert connector.platform.texts() == []


async def test_without_a_refresh_token_a_refusal_ends_the_message(connector: Connector) -> None:
    connector.platform.always = reply({"err_no": 28001003})
    await connector.request("op_1", "hi")
    await connector.until_states("failed")
    assert (await connector.attempts())[0]["reason"] == "not_authorised"
    assert len(connector.platform.calls) == 1


async def test_a_refresh_token_that_is_over_ends_the_account_and_its_owner_is_asked(
    connector: Connector,
) -> None:
    await connector.bind(access_token="act.old", refresh_token="rft.1")
    connector.platform.good_tokens = set()
    connector.platform.refresh_answer = {"data": {"error_code": 10010}, "message": "error"}
    await connector.request("op_1", "hi")
    await connector.until_states("failed")
    shown = await connector.binding()
    assert shown["state"] == "expired"
    assert shown["authorisation_needed"]["reason"] == "refresh_token_expired"


async def test_many_processes_refresh_once(quiet: Connector) -> None:
    soon = (await quiet.world.now()) + timedelta(hours=23)
    await quiet.bind(
        access_token="act.old", refresh_token="rft.1", access_token_expires_at=soon.isoformat()
    )
    async with OneTry() as http:
        keepers = [a_keeper(quiet, http) for _ in range(8)]
        asked = await asyncio.gather(*(keeper.refresh_due() for keeper in keepers))
        assert sum(asked) == 1
        assert len(quiet.platform.refreshes) == 1
        account = await keepers[0].directory.account("org_1", "acc_1")
        assert account is not None
        assert account.access_token == "act.new1"
        assert await keepers[1].refresh_due() == 0, "the new one lives for days"


async def test_a_token_that_lives_for_more_than_a_day_is_left_alone(quiet: Connector) -> None:
    later = (await quiet.world.now()) + timedelta(hours=25)
    await quiet.bind(refresh_token="rft.1", access_token_expires_at=later.isoformat())
    async with OneTry() as http:
        assert await a_keeper(quiet, http).refresh_due() == 0
        await quiet.world.advance(timedelta(hours=2))
        assert await a_keeper(quiet, http).refresh_due() == 1


async def test_many_who_need_the_first_client_token_get_the_same_one(quiet: Connector) -> None:
    async with OneTry() as http:
        keepers = [a_keeper(quiet, http) for _ in range(6)]
        found = await asyncio.gather(*(keeper.client_token(KEY) for keeper in keepers))
    assert found == ["clt.1"] * 6
    assert quiet.platform.client_tokens == 1


async def test_those_who_wait_for_a_client_token_fetch_it_after_a_call_that_failed(
    quiet: Connector,
) -> None:
    busy = {"data": {"error_code": 2100004}, "message": "error"}
    quiet.platform.client_token_answers.append(busy)
    began = time.monotonic()
    async with OneTry() as http:
        keepers = [a_keeper(quiet, http) for _ in range(4)]
        found = await asyncio.gather(*(keeper.client_token(KEY) for keeper in keepers))
    assert [f for f in found if isinstance(f, str)] == ["clt.1"] * 3, "one alone heard the refusal"
    assert quiet.platform.client_tokens == 1
    assert time.monotonic() - began > 1.9, "the platform is not pressed upon"


async def test_a_client_token_that_is_refused_is_fetched_anew(quiet: Connector) -> None:
    async with OneTry() as http:
        keeper = a_keeper(quiet, http)
        first = await keeper.client_token(KEY)
        assert first == "clt.1"
        await keeper.app_refused(KEY, first)
        assert await keeper.client_token(KEY) == "clt.2"
        await keeper.app_refused(KEY, first)
        assert await keeper.client_token(KEY) == "clt.2", "the refusal was of an older one"


async def test_the_client_token_is_fetched_by_one_and_kept(quiet: Connector) -> None:
    async with OneTry() as http:
        keepers = [a_keeper(quiet, http) for _ in range(5)]
        first = await keepers[0].client_token("awtest0123456789")
        others = [await keeper.client_token("awtest0123456789") for keeper in keepers[1:]]
        assert first == "clt.1"
        assert others == ["clt.1"] * 4
        await quiet.world.advance(timedelta(minutes=111))
        assert await keepers[0].client_token("awtest0123456789") == "clt.2"
    assert quiet.platform.client_tokens == 2
