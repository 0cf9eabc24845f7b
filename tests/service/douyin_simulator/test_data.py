"""What an app finds out by asking: fans, videos, broadcasts, and what no webhook delivered."""

import orjson
import pytest

from tests.service.douyin_simulator.conftest import ACCOUNT, FAN, Json, Platform, Start, code_of
from tests.service.douyin_simulator.test_sending import api


async def ask(platform: Platform, path: str, **query: object) -> Json:
    return await api(platform, path, None, method="GET", **{k: str(v) for k, v in query.items()})


async def check(platform: Platform, fan: str) -> Json:
    return await ask(platform, "/fans/check/", follower_open_id=fan)


async def test_who_follows_is_known_with_the_time(platform: Platform) -> None:
    assert (await check(platform, FAN))["data"]["is_follower"] is False
    await platform.call("/_simulator/fans", {"open_id": FAN, "follows": True})
    told = (await check(platform, FAN))["data"]
    now_ms = (await platform.get("/_simulator/clock"))["now_ms"]
    assert told["is_follower"] is True
    assert abs(told["follow_time"] - now_ms // 1000) <= 2
    await platform.call("/_simulator/fans", {"open_id": FAN, "follows": False})
    assert (await check(platform, FAN))["data"]["is_follower"] is False


@pytest.mark.parametrize(
    ("standing", "code"), [("closed", 28001045), ("banned", 28001046), ("private", 28001047)]
)
async def test_nothing_is_told_about_who_cannot_be_seen(
    platform: Platform, standing: str, code: int
) -> None:
    await platform.call("/_simulator/fans", {"open_id": FAN, "standing": standing})
    assert code_of(await check(platform, FAN)) == code
    reachable = 0 if standing == "private" else 28003101
    assert code_of(await platform.send()) == reachable


async def test_the_account_is_no_fan_of_its_own(platform: Platform) -> None:
    assert code_of(await check(platform, ACCOUNT)) == 2100006
    assert code_of(await check(platform, "")) == 2100005


async def test_followers_are_listed_in_no_order(start: Start) -> None:
    async with start(demo_fans=60) as platform:
        first = (await ask(platform, "/fans/list/", cursor=0, count=30))["data"]
        rest = (await ask(platform, "/fans/list/", cursor=first["cursor"], count=30))["data"]
        ids = [one["open_id"] for one in first["list"] + rest["list"]]
        assert (first["has_more"], rest["has_more"]) == (True, False)
        assert len(set(ids)) == first["total"] == 39
        assert ids != sorted(ids)
        assert set(first["list"][0]) >= {"union_id", "nickname", "avatar", "gender", "city"}
        assert code_of(await ask(platform, "/fans/list/", count=51)) == 2100005


async def test_only_the_newest_5000_followers_are_listed(platform: Platform) -> None:
    fans = [{"open_id": f"many-{number}", "follows": True} for number in range(5000)]
    await platform.call("/_simulator/fans", {"fans": fans, "notify": False})
    data = (await ask(platform, "/fans/list/", cursor=4990, count=10))["data"]
    assert (data["total"], len(data["list"]), data["has_more"]) == (5000, 10, False)
    assert all(one["open_id"].startswith("many-") for one in data["list"])


async def test_the_portrait_adds_up(platform: Platform) -> None:
    fan = {"open_id": FAN, "follows": True, "gender": 2, "city": "成都"}
    await platform.call("/_simulator/fans", fan)
    portrait = (await ask(platform, "/api/douyin/v1/user/fans_data/"))["data"]["fans_data"]
    number = portrait["all_fans_num"]
    assert number == 14
    assert sum(one["value"] for one in portrait["age_distributions"]) == number
    assert portrait["gender_distributions"] == [{"item": "2", "value": 1}]
    assert portrait["geographical_distributions"] == [{"item": "成都", "value": 1}]


async def test_a_new_video_is_found_by_asking(platform: Platform) -> None:
    path = "/api/douyin/v1/video/video_list/"
    made = await platform.call("/_simulator/videos", {"title": "第二支"})
    listed = (await ask(platform, path, count=1))["data"]
    assert [one["title"] for one in listed["list"]] == ["第二支"]
    assert listed["has_more"]
    wanted = {"item_ids": [made["id"], "@unknown=="]}
    data = (await api(platform, "/api/douyin/v1/video/video_data/", wanted))["data"]
    assert [one["item_id"] for one in data["list"]] == [made["id"]]
    content = {"msg_type": 3, "video": {"item_id": made["id"]}}
    assert code_of(await platform.send(content=content)) == 0


async def test_a_broadcast_is_found_and_its_figures_come_later(platform: Platform) -> None:
    now_s = (await platform.get("/_simulator/clock"))["now_ms"] // 1000
    window = {"start_time": now_s - 60, "end_time": now_s + 600}
    assert (await ask(platform, "/room/data/room_id/get/", **window))["room_ids"] == []
    room = await platform.call("/_simulator/live", {"action": "start", "viewers": 9})
    assert (await ask(platform, "/room/data/room_id/get/", **window))["room_ids"] == [room["id"]]

    figures = (await ask(platform, "/room/data/base/get/", room_id=room["id"]))["data"]
    assert figures["stats"] == []
    assert not any(one["is_ready"] for one in figures["data_ready_status"])
    await platform.advance(60_000)
    figures = (await ask(platform, "/room/data/base/get/", room_id=room["id"]))["data"]
    assert figures["stats"][0]["value"] == 9
    assert all(one["is_ready"] for one in figures["data_ready_status"])
    assert (await platform.call("/_simulator/live", {"action": "end"}))["ended_at_ms"]
    assert (await platform.status_of("/_simulator/live", b'{"action":"end"}'))[0] == 422
    unknown = await ask(platform, "/room/data/audience/get/", room_id="@unknown==")
    assert unknown["err_no"] == 28001007


async def test_the_log_holds_what_was_dropped_on_the_way(start: Start) -> None:
    path = "/api/douyin/v1/interactive/intention/log/list/"
    async with start() as platform:
        await platform.fails("webhook_drop", count=2)
        for text in ("一", "二", "三"):
            await platform.says(text)
    async with start() as platform:
        now_s = (await platform.get("/_simulator/clock"))["now_ms"] // 1000
        window = {"start_time": now_s - 60, "end_time": now_s + 60, "count": 2}
        first = (await ask(platform, path, **window))["data"]
        session = first["query_session"]
        rest = (await ask(platform, path, **window, query_session=session))["data"]
        events = first["intention_log_infos"] + rest["intention_log_infos"]
        assert (first["has_more"], rest["has_more"]) == (True, False)
        bodies = [orjson.loads(one["content"]) for one in events]
        assert [one["content"]["text"] for one in bodies] == ["一", "二", "三"]
        assert {one["open_id"] for one in events} == {FAN}
        assert (await ask(platform, path, **window, event="im_recall_msg"))["data"][
            "intention_log_infos"
        ] == []
        assert (await ask(platform, path, query_session="x"))["err_no"] == 28001007
