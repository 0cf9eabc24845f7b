"""Who follows, and what they are like together: asked of the simulator, and of a platform that is odd."""

import json
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from services.douyin.actions.walking import MOST_PAGES
from tests.service.conftest import OpenWorld
from tests.service.douyin.conftest import ACCOUNT, FAN, KEY, OPEN_ID, ORGANIZATION, Connector
from tests.service.douyin.platform import ScriptedPlatform
from tests.service.douyin.wired import Wired, wired
from tests.support.world import ALL_SCOPES, World

__all__ = ["wired"]  # the fixture

LIST, DATA = "/fans/list/", "/api/douyin/v1/user/fans_data/"
OK = {"error_code": 0, "description": ""}


def e1(**payload: Any) -> dict[str, Any]:
    return {"data": {**OK, **payload}, "extra": {**OK, "logid": "log-1"}}


def page(*open_ids: Any, **ends: Any) -> dict[str, Any]:
    rows = [{"open_id": one, "nickname": "粉丝", "gender": 2} for one in open_ids]
    return e1(list=rows, **ends)


async def read(connector: Connector, path: str, **query: Any) -> httpx2.Response:
    organization = query.pop("organization", ORGANIZATION)
    headers = connector.world.caller(organization, query.pop("scopes", ALL_SCOPES))
    url = f"/v1/accounts/{ACCOUNT}/{path}"
    return await connector.world.http.get(url, params=query, headers=headers)


async def told(connector: Connector) -> list[str]:
    """Whom the connector said to follow."""
    found = [e for e in await connector.events() if e["type"] == "douyin.follow_checked"]
    assert all(e["data"]["follows"] for e in found)
    return [e["data"]["open_id"] for e in found]


async def test_all_followers_are_walked_over_in_pages_of_ours_and_told(wired: Wired) -> None:
    seen: list[str] = []
    url: str | None = f"/v1/accounts/{ACCOUNT}/followers?limit=70"
    headers = wired.world.caller(ORGANIZATION)
    answers = []
    while url:
        answers.append(await wired.world.http.get(url, headers=headers))
        assert answers[-1].status_code == 200, answers[-1].text
        seen += [one["open_id"] for one in answers[-1].json()["data"]]
        link = answers[-1].headers.get("link")
        url = link and link.split(">")[0].removeprefix("<")
    total = answers[0].json()["total"]
    assert total > 70, "the shop of the simulator has more than one page of them"
    assert len(seen) == len(set(seen)) == total
    assert [len(a.json()["data"]) for a in answers[:-1]] == [70] * (len(answers) - 1)
    assert answers[-1].json()["next_cursor"] is None
    assert answers[0].headers["cache-control"] == "no-store"
    assert sorted(await told(wired.connector)) == sorted(seen)


async def test_who_followed_is_listed_and_part_of_the_portrait(wired: Wired) -> None:
    before = (await wired.call("GET", "fan-portrait")).json()
    follow = {"open_id": "fan-open-id-9001", "follows": True}
    await wired.simulator.call("/_simulator/fans", follow)
    portrait = (await wired.call("GET", "fan-portrait")).json()
    assert portrait["fans"] == before["fans"] + 1
    assert sum(one["fans"] for one in portrait["ages"]) == portrait["fans"]
    assert {one["name"] for one in portrait["ages"]} >= {"1-11", "12-17", "50+"}
    assert {one["name"] for one in portrait["genders"]} <= {"male", "female"}
    assert {one["name"] for one in portrait["flows"]} >= {"vv", "like_cnt"}
    listed = (await wired.call("GET", "followers?limit=200")).json()["data"]
    assert "fan-open-id-9001" in {one["open_id"] for one in listed}


async def test_rows_are_read_leniently_and_each_person_is_there_once(quiet: Connector) -> None:
    people = page("fan-a", "fan-a", "", 7, "x" * 300, has_more=False, total="3")
    people["data"]["list"] += [None, {"open_id": "fan-b", "gender": "1", "city": "", "avatar": {}}]
    quiet.platform.will(LIST, people)
    found = (await read(quiet, "followers")).json()
    assert [(one["open_id"], one["gender"]) for one in found["data"]] == [
        ("fan-a", "female"),
        ("fan-b", "male"),
    ]
    assert (found["data"][1]["city"], found["data"][1]["avatar"]) == (None, None)
    assert (found["total"], found["next_cursor"]) == (3, None)
    assert await told(quiet) == ["fan-a", "fan-b"]
    (asked,) = quiet.platform.asked
    assert asked.query == {"open_id": OPEN_ID, "cursor": "0", "count": "50"}
    assert asked.token == "act.x"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (e1(), "no_list"),
        (e1(list="fan-a"), "no_list"),
        (page("fan-a", has_more=True), "no_cursor"),
        (page("fan-a", has_more=True, cursor=0), "no_cursor"),
        (page("fan-a", has_more=True, cursor="soon"), "no_cursor"),
        (page("fan-a", has_more=True, cursor=2**63), "no_cursor"),
    ],
    ids=["nothing", "no rows", "no cursor", "one that stands still", "no number", "too large"],
)
async def test_a_list_that_cannot_be_walked_over_is_no_answer(
    quiet: Connector, answer: Any, reason: str
) -> None:
    quiet.platform.will(LIST, answer)
    got = await read(quiet, "followers")
    assert (got.status_code, got.json()["code"]) == (503, "douyin.busy"), got.text
    assert got.json()["reason"] == reason
    assert len(quiet.platform.asked) == 1


async def test_pages_without_people_end_the_walk_for_this_time(quiet: Connector) -> None:
    empty = [page(has_more=True, cursor=number) for number in range(1, MOST_PAGES + 1)]
    quiet.platform.will(LIST, *empty, page("fan-a", has_more=False))
    first = (await read(quiet, "followers")).json()
    assert (first["data"], len(quiet.platform.asked)) == ([], MOST_PAGES)
    then = (await read(quiet, "followers", cursor=first["next_cursor"])).json()
    assert [one["open_id"] for one in then["data"]] == ["fan-a"]
    assert quiet.platform.asked[-1].query["cursor"] == str(MOST_PAGES)


@pytest.mark.parametrize("data", [None, [], {}, {"all_fans_num": "many"}])
async def test_a_portrait_of_nobody_is_none(quiet: Connector, data: Any) -> None:
    quiet.platform.will(DATA, e1(fans_data=data))
    got = await read(quiet, "fan-portrait")
    assert (got.status_code, got.json().get("reason")) == (503, "no_portrait"), got.text


async def test_what_makes_no_sense_is_left_out_of_a_portrait(quiet: Connector) -> None:
    ages = [{"item": "18-23", "value": "7"}, {"item": 1, "value": 2}, {"item": "50+"}, None]
    quiet.platform.will(DATA, e1(fans_data={"all_fans_num": 9, "age_distributions": ages}))
    found = (await read(quiet, "fan-portrait")).json()
    assert (found["fans"], found["ages"]) == (9, [{"name": "18-23", "fans": 7}])
    assert found["flows"] == found["genders"] == []


async def test_who_is_listed_follows_and_the_late_webhook_is_no_other_follow(
    worlds: OpenWorld, platform: ScriptedPlatform
) -> None:
    async with worlds("douyin", "fans", douyin_api_url=platform.url) as world:
        connector = Connector(world, platform)
        await connector.put_app()
        await connector.learn(ACCOUNT)
        await connector.bind()
        await world.sql("DELETE FROM douyin.outbox")  # nobody hears here that it was authorised
        listed_at = await world.now()
        platform.will(LIST, page(FAN, has_more=False))
        assert (await read(connector, "followers")).status_code == 200
        await follow(connector, listed_at)
        await world.drain()
        assert await epochs(world) == [(FAN, True, 0)]
        await world.advance(timedelta(minutes=1))
        await follow(connector, await world.now())
        await world.drain()
        assert await epochs(world) == [(FAN, True, 1)], "a later one is"


async def follow(connector: Connector, at: datetime) -> None:
    content = {"action_type": 1, "action_time": int(at.timestamp())}
    outer = {"event": "new_follow_action", "client_key": KEY, "from_user_id": FAN}
    event = {**outer, "to_user_id": OPEN_ID, "content": json.dumps(content)}
    assert (await connector.post(event)).status_code == 200


async def epochs(world: World) -> list[tuple[Any, ...]]:
    rows = await world.sql("SELECT open_id, follows, epoch FROM fans.fan")
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("path", ["followers", "fan-portrait"])
async def test_others_may_not_ask(quiet: Connector, path: str) -> None:
    assert (await read(quiet, path, organization="org_2")).status_code == 404
    assert (await read(quiet, path, scopes=frozenset({"dm:read"}))).status_code == 403
    assert quiet.platform.asked == []


async def test_a_cursor_of_another_list_is_refused(quiet: Connector) -> None:
    quiet.platform.will(LIST, page("fan-a", has_more=True, cursor=1))
    mine = (await read(quiet, "followers", limit=1)).json()["next_cursor"]
    await quiet.learn("acc_2")
    await quiet.bind("acc_2", "another-open-id")
    headers = quiet.world.caller(ORGANIZATION)
    url = "/v1/accounts/acc_2/followers"
    got = await quiet.world.http.get(url, params={"cursor": mine}, headers=headers)
    assert got.status_code == 400
    assert len(quiet.platform.asked) == 1
