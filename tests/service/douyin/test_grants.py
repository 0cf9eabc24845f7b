"""Who lets the account write first: asked of the simulator, and of a platform that is odd."""

from typing import Any

import httpx2
import pytest

from tests.service.douyin.conftest import ACCOUNT, FAN, OPEN_ID, ORGANIZATION, Connector
from tests.service.douyin.wired import Wired, wired
from tests.support.world import ALL_SCOPES

__all__ = ["wired"]  # the fixture

STATUS, LIST = "/im/authorize/status/", "/im/authorize/user_list/"
NOWHERE: dict[str, Any] = {
    "entered_from": None,
    "path": None,
    "query": None,
    "attribution": {},
    "extra": None,
}


def e2(**data: Any) -> dict[str, Any]:
    return {"err_no": 0, "err_msg": "", "log_id": "log-1", "data": data}


async def read(connector: Connector, path: str, **query: Any) -> httpx2.Response:
    organization, scopes = query.pop("by", ORGANIZATION), query.pop("scopes", ALL_SCOPES)
    headers = connector.world.caller(organization, scopes)
    url = f"/v1/accounts/{ACCOUNT}/{path}"
    return await connector.world.http.get(url, params=query, headers=headers)


async def grant(wired: Wired, fan: str, *, given: bool = True) -> None:
    said = {"from": fan, "to": OPEN_ID, "app_id": "tt-shop", "given": given}
    await wired.simulator.call("/_simulator/grants", said)


async def test_a_grant_is_seen_and_gone_when_the_fan_takes_it_back(wired: Wired) -> None:
    before = await read(wired.connector, "grant", open_id=FAN)
    assert before.json() == {"open_id": FAN, "is_granted": False, "granted_from": None}
    await grant(wired, FAN)
    one = await read(wired.connector, "grant", open_id=FAN)
    assert one.json()["is_granted"] is True
    assert one.json()["granted_from"] == NOWHERE | {"entered_from": "micro_app"}
    assert one.headers["cache-control"] == "no-store"
    (listed,) = (await read(wired.connector, "grants")).json()["data"]
    assert (listed["open_id"], listed["app_id"]) == (FAN, "tt-shop")
    await grant(wired, FAN, given=False)
    assert (await read(wired.connector, "grant", open_id=FAN)).json()["is_granted"] is False
    assert (await read(wired.connector, "grants")).json()["data"] == []


async def test_all_are_walked_over_page_by_page(wired: Wired) -> None:
    fans = [f"fan-open-id-{number:04}" for number in range(1, 8)]
    for fan in fans:
        await grant(wired, fan)
    url: str | None = f"/v1/accounts/{ACCOUNT}/grants?limit=3"
    seen: list[str] = []
    while url:
        answer = await wired.world.http.get(url, headers=wired.world.caller(ORGANIZATION))
        seen += [one["open_id"] for one in answer.json()["data"]]
        link = answer.headers.get("link")
        url = link and link.split(">")[0].removeprefix("<")
    assert seen == fans


async def test_what_the_platform_says_of_where_is_read_leniently(quiet: Connector) -> None:
    told = {
        "enter_from": "micro_app",
        "attribution": {"ad": 7, "video": "@v==", "deep": {"x": 1}, "yes": True, "none": None},
        "data-im-extra": "x",
        "query": {"a": 1},
        "path": "pages/index",
    }
    quiet.platform.will(STATUS, e2(status="1", **told))
    found = (await read(quiet, "grant", open_id=FAN, app_id="tt1")).json()
    assert found["granted_from"] == {
        "entered_from": "micro_app",
        "path": "pages/index",
        "query": None,
        "attribution": {"ad": "7", "video": "@v=="},
        "extra": "x",
    }
    (asked,) = quiet.platform.asked
    assert (asked.query, asked.token) == ({"open_id": OPEN_ID}, "act.x")
    assert asked.fields == {"c_open_id": FAN, "app_id": "tt1"}


async def test_odd_rows_are_nobody(quiet: Connector) -> None:
    rows = [None, {}, {"target_open_id": 7}, {"target_open_id": "a"}, {"target_open_id": "a"}]
    quiet.platform.will(LIST, e2(auth_user_list=rows, has_more=False))
    found = (await read(quiet, "grants")).json()
    assert found["data"] == [{"open_id": "a", "app_id": None, "granted_from": NOWHERE}]
    (asked,) = quiet.platform.asked
    assert asked.fields == {"cursor": 0, "limit": 50}


@pytest.mark.parametrize("status", [None, 0, 3, True, "yes", []])
async def test_what_is_neither_yes_nor_no_is_no_answer(quiet: Connector, status: Any) -> None:
    quiet.platform.will(STATUS, e2(status=status))
    got = await read(quiet, "grant", open_id=FAN)
    assert (got.status_code, got.json()["reason"]) == (503, "no_answer"), got.text


async def test_a_list_that_is_none_is_no_answer(quiet: Connector) -> None:
    quiet.platform.will(LIST, e2(auth_user_list={"a": 1}))
    got = await read(quiet, "grants")
    assert (got.status_code, got.json()["reason"]) == (503, "no_list"), got.text


async def test_others_may_not_ask(quiet: Connector) -> None:
    for path, query in (("grants", {}), ("grant", {"open_id": FAN})):
        assert (await read(quiet, path, by="org_2", **query)).status_code == 404
        reader = frozenset({"dm:read"})
        assert (await read(quiet, path, scopes=reader, **query)).status_code == 403
    for odd in ({}, {"open_id": ""}, {"open_id": "x" * 201}):
        assert (await read(quiet, "grant", **odd)).status_code == 422
    assert quiet.platform.asked == []
