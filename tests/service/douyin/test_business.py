"""Business tokens: issued when wanted, refreshed a day ahead by one process, against the simulator."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from services.douyin.actions.business import BusinessKeeper
from tests.service.douyin.conftest import ACCOUNT, ORGANIZATION
from tests.service.douyin.test_life import Life, life

__all__ = ["life"]  # the fixture

PATH = f"/v1/accounts/{ACCOUNT}/douyin-business-token"
SCOPES = ["im.direct_message", "user_info"]


async def want(life: Life, *scopes: str, organization: str = ORGANIZATION) -> httpx2.Response:
    http, headers = life.connector.world.http, life.connector.world.caller(organization)
    there = await http.get(PATH, headers=headers)
    expected = {"If-Match": there.headers["etag"]} if there.is_success else {"If-None-Match": "*"}
    return await http.put(PATH, json={"scopes": list(scopes)}, headers=headers | expected)


async def shown(life: Life) -> dict[str, Any]:
    headers = life.connector.world.caller(ORGANIZATION)
    answer: dict[str, Any] = (await life.connector.world.http.get(PATH, headers=headers)).json()
    return answer


async def look(life: Life) -> None:
    """Every process looks at once what is due."""
    keepers = [BusinessKeeper(k.database, k.sealer, k.directory, k.oauth) for k in life.keepers]
    await asyncio.gather(*(keeper.refresh_due() for keeper in keepers))


async def test_a_wanted_token_is_issued_once_and_says_what_it_grants(life: Life) -> None:
    await life.authorise()
    assert (await want(life, *SCOPES)).json()["state"] == "pending"
    await look(life)
    found = await shown(life)
    assert (found["state"], found["scopes"]) == ("active", SCOPES)
    assert sorted(found["granted_scopes"]) == SCOPES
    (token,) = life.issued("bus_act")
    assert "bus_" not in str(found)
    rows = await life.connector.world.sql("SELECT * FROM douyin.business_token")
    assert token["value"] not in str([dict(row) for row in rows]), "sealed at rest"


async def test_what_somebody_wanted_meanwhile_is_not_replaced_unseen(life: Life) -> None:
    await life.authorise()
    await want(life, *SCOPES)
    http, headers = life.connector.world.http, life.connector.world.caller(ORGANIZATION)
    body = {"scopes": ["user_info"]}
    for version, status in (({}, 428), ({"If-Match": '"old"'}, 412), ({"If-Match": "*"}, 200)):
        answer = await http.put(PATH, json=body, headers=headers | version)
        assert answer.status_code == status
    assert (await shown(life))["scopes"] == ["user_info"]


async def test_it_is_refreshed_a_day_before_it_ends_by_one_process(life: Life) -> None:
    await life.authorise()
    await want(life, *SCOPES)
    await look(life)
    await life.pass_time(timedelta(days=28))
    await look(life)
    assert len(life.issued("bus_act")) == 1
    await life.pass_time(timedelta(days=1, hours=2))
    await look(life)
    assert len(life.issued("bus_act")) == 2
    assert (await shown(life))["state"] == "active"


async def test_a_token_that_the_platform_does_not_give_is_not_asked_for_again(life: Life) -> None:
    await life.authorise()
    app = {"client_key": "awtest0123456789", "client_secret": "0123456789abcdef0123456789abcdef"}
    await life.simulator.call("/_simulator/apps", {**app, "scopes": ["user_info"]})
    await want(life, *SCOPES)
    for _ in range(3):
        await look(life)
    found = await shown(life)
    assert (found["state"], found["refused_reason"]) == ("refused", "capability_missing")
    assert sum((await life.simulator.stats())["refused_by_code"].values()) == 1
    await life.simulator.call("/_simulator/apps", {**app, "scopes": None})
    assert (await want(life, *SCOPES)).json()["state"] == "pending"
    await look(life)
    assert (await shown(life))["state"] == "active"


async def test_an_owner_who_withdraws_ends_it_until_the_next_authorisation(life: Life) -> None:
    await life.authorise()
    await want(life, *SCOPES)
    await look(life)
    await life.simulator.call(
        "/_simulator/authorisations/withdraw", {"open_id": "biz-open-id-0001"}
    )

    async def ended() -> bool:
        await life.connector.world.drain()
        return bool((await shown(life))["state"] == "pending")

    await life.connector.until(ended)
    await look(life)
    assert (await shown(life))["state"] == "pending", "a revoked account asks for nothing"
    await life.authorise()
    await look(life)
    assert (await shown(life))["state"] == "active"


@pytest.mark.parametrize("scopes", [[], ["A"], ["a,b"], ["x"] * 51])
async def test_what_is_wanted_must_be_scopes(life: Life, scopes: list[str]) -> None:
    await life.authorise()
    assert (await want(life, *scopes)).status_code == 422


async def test_it_belongs_to_a_bound_account_of_the_caller(life: Life) -> None:
    assert (await want(life, *SCOPES)).status_code == 404
    await life.authorise()
    assert (await want(life, *SCOPES, organization="org_2")).status_code == 404
    assert (await shown(life))["status"] == 404


async def test_an_account_without_a_token_of_its_own_sends_with_it(life: Life) -> None:
    assert (await life.connector.bind(access_token=None)).json()["state"] == "pending"
    await want(life, *SCOPES)
    await look(life)
    life.sender.forget()
    assert (await life.connector.binding())["state"] == "active"
    assert await life.say_hello(1) == "sent"

    await life.simulator.call("/_simulator/tokens/end", {"open_id": "biz-open-id-0001"})
    await life.connector.request("op_2", "refused", reply_to="@m1==")

    async def dropped() -> bool:
        return bool((await shown(life))["state"] == "pending")

    await life.connector.until(dropped)
    await look(life)
    life.sender.forget()
    assert len(life.issued("bus_act")) == 2
    assert (await life.connector.binding())["state"] == "active"


async def test_a_question_goes_out_with_the_token_that_is_granted_it(life: Life) -> None:
    await life.authorise(scopes=["user_info"])
    world = life.connector.world
    cards = f"/v1/accounts/{ACCOUNT}/cards"
    refused = await world.http.get(cards, headers=world.caller(ORGANIZATION))
    assert (refused.status_code, refused.json()["code"]) == (409, "douyin.not_authorised")

    await want(life, "im.message_card")
    await look(life)
    life.connector.asking.directory.forget()
    listed = await world.http.get(cards, headers=world.caller(ORGANIZATION))
    assert listed.status_code == 200, listed.text

    # refused, it is the business token that is replaced; the account's own is left alone
    dead = {"kind": "business_error", "code": 28001008, "count": 1}
    match = {"path": "/im/get/retain_consult_card/"}
    await life.simulator.call("/_simulator/failures", {**dead, "match": match})
    refused = await world.http.get(cards, headers=world.caller(ORGANIZATION))
    assert (refused.status_code, refused.json()["reason"]) == (503, "token_refused")
    assert (await shown(life))["state"] == "pending"
    await look(life)
    await asyncio.gather(*(keeper.refresh_due() for keeper in life.keepers))
    assert (len(life.issued("bus_act")), len(life.issued("act"))) == (2, 1)
