"""New videos and live broadcasts, which no event tells: found by looking, told once, within the app's calls."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.douyin.actions.looking import Looker
from services.douyin.domain import questions as q
from services.douyin_simulator.settings import Settings
from tests.service.douyin.conftest import ACCOUNT, KEY, OPEN_ID, ORGANIZATION, Connector
from tests.service.douyin.platform import ScriptedPlatform
from tests.service.douyin_simulator.conftest import running

VIDEOS, ROOMS = "/api/douyin/v1/video/video_list/", "/room/data/room_id/get/"
EVERY = timedelta(minutes=5)


def a_looker(connector: Connector, subject: str) -> Looker:
    question = q.VIDEOS if subject == "video" else q.ROOMS
    return Looker(connector.asking, question, subject, EVERY)


async def look(connector: Connector, subject: str, *, due: bool = True) -> None:
    if due:
        await connector.world.sql("UPDATE douyin.look SET next_at = now()")
    await a_looker(connector, subject).run()


def videos(*listed: Any, cursor: int = 0, has_more: bool = False) -> dict[str, Any]:
    data = {"error_code": 0, "list": list(listed), "cursor": cursor, "has_more": has_more}
    return {"data": data, "extra": {"error_code": 0}}


def a_video(item_id: str, at: datetime, **changed: Any) -> dict[str, Any]:
    return {"item_id": item_id, "title": item_id, "create_time": int(at.timestamp()), **changed}


def rooms(*ids: Any) -> dict[str, Any]:
    return {"err_no": 0, "err_msg": "", "log_id": "log-1", "room_ids": list(ids)}


async def seen(connector: Connector, path: str) -> dict[str, Any]:
    headers = connector.world.caller(ORGANIZATION)
    url = f"/v1/accounts/{ACCOUNT}/{path}"
    found: dict[str, Any] = (await connector.world.http.get(url, headers=headers)).json()
    return found


async def broadcasts(connector: Connector) -> dict[str, bool]:
    """Room, and whether it is over, the newest first."""
    listed = (await seen(connector, "live-broadcasts"))["data"]
    return {one["room_id"]: one["ended_by"] is not None for one in listed}


async def calls_taken(connector: Connector, kind: str) -> int:
    headers = connector.world.caller(ORGANIZATION)
    answer = await connector.world.http.get(f"/v1/douyin-apps/{KEY}/limits", headers=headers)
    (row,) = [one for one in answer.json()["daily"] if one["calls"] == kind]
    taken: int = row["taken"]
    return taken


async def test_a_new_video_is_found_once_and_an_old_one_is_no_news(quiet: Connector) -> None:
    now = await quiet.world.now()
    old = a_video("@old==", now - timedelta(days=9), is_top=True)
    quiet.platform.will(VIDEOS, videos(old))
    await look(quiet, "video")
    new = a_video("@new==", now + timedelta(seconds=90))
    quiet.platform.will(VIDEOS, videos(old, new))
    await quiet.world.advance(timedelta(minutes=5))
    await look(quiet, "video")
    await look(quiet, "video")
    listed = await seen(quiet, "videos")
    assert [(v["item_id"], v["is_news"]) for v in listed["data"]] == [
        ("@new==", True),
        ("@old==", False),
    ]
    assert listed["error"] is None
    assert listed["looked_until"] is not None
    assert {asked.query["open_id"] for asked in quiet.platform.asked} == {OPEN_ID}


async def test_pages_are_read_until_nothing_on_them_is_new(quiet: Connector) -> None:
    now = await quiet.world.now() + timedelta(minutes=1)
    first = [a_video(f"@a{n}==", now) for n in range(3)]
    second = [a_video(f"@b{n}==", now) for n in range(3)]
    third = videos(a_video("@c==", now), cursor=7)
    pages = (videos(*first, cursor=3, has_more=True), videos(*second, cursor=6, has_more=True))
    quiet.platform.will(VIDEOS, *pages, third)
    await look(quiet, "video")
    assert [a.query["cursor"] for a in quiet.platform.asked] == ["0", "3", "6"]
    quiet.platform.will(VIDEOS, *pages, third)
    await look(quiet, "video")
    assert [a.query["cursor"] for a in quiet.platform.asked][3:] == ["0"], "all of it was known"
    listed = await seen(quiet, "videos?limit=4")
    rest = await seen(quiet, f"videos?limit=4&cursor={listed['next_cursor']}")
    ids = [v["item_id"] for page in (listed, rest) for v in page["data"]]
    assert (
        sorted(ids)
        == sorted({*ids})
        == ["@a0==", "@a1==", "@a2==", "@b0==", "@b1==", "@b2==", "@c=="]
    )


async def test_a_broadcast_begins_and_ends_once(quiet: Connector) -> None:
    for answer in (rooms(), rooms("@r1=="), rooms("@r1=="), rooms(), rooms()):
        quiet.platform.will(ROOMS, answer)
        await quiet.world.advance(timedelta(minutes=5))
        await look(quiet, "live")
    assert await broadcasts(quiet) == {"@r1==": True}
    begins = [int(a.query["start_time"]) for a in quiet.platform.asked]
    ends = [int(a.query["end_time"]) for a in quiet.platform.asked]
    assert all(0 < end - begin <= 130 for end, begin in zip(ends, begins[1:], strict=False)), (
        "each look begins a little before the last one ended"
    )


async def test_one_broadcast_after_another_is_an_end_and_a_beginning(quiet: Connector) -> None:
    for answer in (rooms("@r1=="), rooms("@r2==", "@r2==", 7, None, "")):
        quiet.platform.will(ROOMS, answer)
        await look(quiet, "live")
    assert await broadcasts(quiet) == {"@r1==": True, "@r2==": False, "7": False}


async def test_a_late_answer_of_a_slow_look_changes_nothing(quiet: Connector) -> None:
    """Two looks of one account at once: the one that ends later began from what is no longer true."""
    quiet.platform.will(ROOMS, rooms("@r1=="))
    await look(quiet, "live")
    await quiet.world.sql("UPDATE douyin.look SET next_at = now()")
    slow, quick = a_looker(quiet, "live"), a_looker(quiet, "live")
    due, now = await slow._claim()
    quiet.platform.will(ROOMS, rooms("@r1==", "@r2=="))
    await look(quiet, "live")
    quiet.platform.will(ROOMS, rooms())
    await slow._look(due[0], now)
    assert await broadcasts(quiet) == {"@r2==": False, "@r1==": False}
    await asyncio.gather(*(one.run() for one in (slow, quick)))
    assert await broadcasts(quiet) == {"@r2==": False, "@r1==": False}, "nobody is due"


@pytest.mark.parametrize(
    "bad",
    [b"<html>", None, {"err_no": 28001005}, {"err_no": 0, "data": {}}, rooms() | {"room_ids": {}}],
    ids=repr,
)
async def test_an_answer_that_says_nothing_ends_no_broadcast(quiet: Connector, bad: Any) -> None:
    quiet.platform.will(ROOMS, rooms("@r1=="))
    await look(quiet, "live")
    quiet.platform.will(ROOMS, bad)
    await look(quiet, "live")
    assert await broadcasts(quiet) == {"@r1==": False}


@pytest.mark.parametrize(
    "odd", [[7, None, {}, {"item_id": "@x=="}, {"create_time": 5}], {}, "list"], ids=repr
)
async def test_what_is_no_video_is_passed_over(quiet: Connector, odd: Any) -> None:
    answer = videos()
    answer["data"]["list"] = odd
    quiet.platform.will(VIDEOS, answer)
    await look(quiet, "video")
    assert (await seen(quiet, "videos"))["data"] == []


async def test_an_account_is_not_asked_before_its_time(quiet: Connector) -> None:
    quiet.platform.will(ROOMS, rooms())
    await look(quiet, "live")
    await look(quiet, "live", due=False)
    assert len(quiet.platform.asked) == 1


async def test_without_the_scope_an_account_is_left_alone_for_hours(quiet: Connector) -> None:
    quiet.platform.will(VIDEOS, {"data": {"error_code": 28001018}})
    await look(quiet, "video")
    assert (await seen(quiet, "videos"))["error"] == "capability_missing"
    rows = await quiet.world.sql("SELECT next_at - now() > interval '5 hours' FROM douyin.look")
    assert [row[0] for row in rows] == [True]


async def test_every_look_is_a_call_of_the_day_and_a_used_up_day_asks_nothing(
    quiet: Connector,
) -> None:
    await quiet.learn("acc_1", policy={"api.daily_calls.live_rooms": 2}, version=2)
    quiet.platform.will(ROOMS, rooms("@r1=="))
    for _ in range(4):
        await look(quiet, "live")
    assert len(quiet.platform.asked) == 2
    assert await calls_taken(quiet, "live_rooms") == 2
    assert await calls_taken(quiet, "video_list") == 0
    assert await broadcasts(quiet) == {"@r1==": False}, "no answer is no end"


async def test_the_platform_knows_better_when_the_day_is_used_up(quiet: Connector) -> None:
    quiet.platform.will(ROOMS, {"err_no": 28003017})
    for _ in range(3):
        await look(quiet, "live")
    assert len(quiet.platform.asked) == 1


async def test_where_the_calls_would_not_last_for_a_day_accounts_are_looked_at_less_often(
    quiet: Connector,
) -> None:
    await quiet.learn("acc_1", policy={"api.daily_calls.live_rooms": 100}, version=2)
    quiet.platform.will(ROOMS, rooms())
    await look(quiet, "live")
    rows = await quiet.world.sql("SELECT next_at - now() FROM douyin.look WHERE subject = 'live'")
    assert timedelta(minutes=15) < rows[0][0] <= timedelta(minutes=16), "90 looks in a day"


async def test_looks_keep_to_the_pace_of_the_app(quiet: Connector) -> None:
    await quiet.put_app(calls_per_second=4)
    await quiet.learn(*(f"acc_{n}" for n in range(10, 16)))
    for n in range(10, 16):
        await quiet.bind(f"acc_{n}", f"open-{n}")
    quiet.platform.will(ROOMS, rooms())
    began = asyncio.get_running_loop().time()
    await look(quiet, "live")
    assert len(quiet.platform.asked) == 7
    assert asyncio.get_running_loop().time() - began >= 6 / 4 - 0.1


async def test_an_account_whose_owner_withdrew_is_not_asked(quiet: Connector) -> None:
    await quiet.world.sql(
        "UPDATE douyin.binding SET revoked_at = now(), revoked_reason = 'withdrawn'"
    )
    quiet.asking.directory.forget()
    await look(quiet, "live")
    assert quiet.platform.asked == []


async def test_others_see_nothing_of_it(quiet: Connector) -> None:
    foreign = quiet.world.caller("org_2")
    for path in ("videos", "live-broadcasts"):
        url = f"/v1/accounts/{ACCOUNT}/{path}"
        assert (await quiet.world.http.get(url, headers=foreign)).status_code == 404


async def test_what_is_posted_at_the_simulator_is_seen(
    worlds: Callable[..., Any], tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, demo_fans=5, access_token="act.x")
    async with (
        running(settings) as simulator,
        worlds("douyin", douyin_api_url=simulator.url) as world,
    ):
        connector = Connector(world, ScriptedPlatform())
        assert (await connector.put_app()).status_code == 200
        await connector.learn(ACCOUNT)
        assert (await connector.bind()).status_code == 200
        await world.advance(timedelta(minutes=1))  # what the simulator began with is older
        await simulator.advance(60_000)
        for subject in ("video", "live"):
            await look(connector, subject)
        video = await simulator.call("/_simulator/videos", {"title": "新品"})
        room = await simulator.call("/_simulator/live", {"action": "start"})
        for subject in ("video", "live"):
            await look(connector, subject)
        listed = (await seen(connector, "videos"))["data"]
        assert [(v["item_id"], v["title"]) for v in listed if v["is_news"]] == [
            (video["id"], "新品")
        ]
        assert await broadcasts(connector) == {room["id"]: False}
        await simulator.call("/_simulator/live", {"action": "end"})
        for _ in range(2):  # the look that sees its last minutes, and the one that does not
            await world.advance(timedelta(minutes=5))
            await simulator.advance(5 * 60_000)
            await look(connector, "live")
        assert await broadcasts(connector) == {room["id"]: True}
