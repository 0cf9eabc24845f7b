"""Groups: created with thresholds, joined after an audit, written into from both sides."""

from typing import Any

import pytest

from tests.service.douyin_simulator.conftest import ACCOUNT, FAN, Json, Platform, Receiver, code_of
from tests.service.douyin_simulator.test_sending import api

WANTED: dict[str, Any] = {
    "group_name": "老客福利群",
    "description": "每周上新",
    "avatar_uri": "@image001==",
    "group_type": 2,
}
SECOND = "fan-open-id-0002"


async def create(platform: Platform, **rules: Any) -> str:
    created = await api(platform, "/im/group/fans/create/", {**WANTED, **rules})
    assert code_of(created) == 0
    group_id: str = created["group_id"]
    return group_id


async def join(platform: Platform, group_id: str, fan: str = FAN) -> Json:
    return await platform.call("/_simulator/groups/join", {"group_id": group_id, "fan": fan})


async def test_a_group_is_created_and_listed(platform: Platform) -> None:
    group_id = await create(platform, relation_type=7, fans_limit=3)
    listed = (await api(platform, "/im/group/fans/list/", method="GET"))["group_list"]
    (group,) = [one for one in listed if one["group_id"] == group_id]
    assert group["entry_limit"] == ["关注超过7天", "粉丝团3级"]
    assert (group["group_name"], group["exist_num"], group["max_num"]) == ("老客福利群", 1, 500)
    left = await api(platform, "/im/group/count/", method="GET")
    assert left["left_count"] == 98


@pytest.mark.parametrize(
    "change",
    [
        {"group_name": ""},
        {"group_type": 3},
        {"fans_limit": 2},
        {"relation_type": 8},
        {"active_fans": 2},
    ],
    ids=str,
)
async def test_a_group_that_is_wrong_is_not_created(platform: Platform, change: Json) -> None:
    answer = await api(platform, "/im/group/fans/create/", {**WANTED, **change})
    assert code_of(answer) == 28001007


async def test_only_so_many_groups_can_be_created(platform: Platform) -> None:
    await platform.call("/_simulator/caps", {"groups_per_account": 2})
    await create(platform)
    answer = await api(platform, "/im/group/fans/create/", WANTED)
    assert code_of(answer) == 28003017


async def test_thresholds_keep_fans_out(platform: Platform) -> None:
    group_id = await create(platform, relation_type=7, fans_limit=3, active_fans=1)
    assert (await join(platform, group_id))["reason"] == "does not follow"
    fan = {"open_id": FAN, "follows": True, "notify": False}
    await platform.call("/_simulator/fans", fan)
    assert "more than 7 days" in (await join(platform, group_id))["reason"]
    await platform.advance(8 * 86_400_000)
    assert "level 3" in (await join(platform, group_id))["reason"]
    await platform.call("/_simulator/fans", {**fan, "club_level": 5, "active": False})
    assert (await join(platform, group_id))["reason"] == "is no active fan"
    await platform.call("/_simulator/fans", {**fan, "active": True})
    assert (await join(platform, group_id))["outcome"] == "joined"


async def test_joining_is_announced_and_greeted(platform: Platform, receiver: Receiver) -> None:
    group_id = await create(platform)
    greeting = {"msg_type": 1, "text": {"text": "欢迎进群"}}
    setting = {"group_id": group_id, "group_setting_type": 1}
    path = "/im/group/setting/{}/"
    assert (
        code_of(await api(platform, path.format("set"), {**setting, "msg_list": [greeting]})) == 0
    )

    await join(platform, group_id)
    (event,) = await receiver.gets(1, event="group_fans_event")
    assert isinstance(event.json["content"], str)
    assert event.content["im_group_id"] == group_id
    assert (event.content["open_id"], event.content["create_group_type"]) == (FAN, "2")
    messages = (await platform.get("/_simulator/groups/messages"))["messages"]
    assert [(one["kind"], one["content"]) for one in messages] == [("greeting", greeting)]

    assert code_of(await api(platform, path.format("disable"), setting)) == 0
    await join(platform, group_id, SECOND)
    assert len((await platform.get("/_simulator/groups/messages"))["messages"]) == 1
    image = {"msg_type": 2, "image": {"media_id": "@image001=="}}
    wrong = await api(platform, path.format("set"), {**setting, "msg_list": [image]})
    assert code_of(wrong) == 28001007


async def test_an_application_waits_for_the_decision(
    platform: Platform, receiver: Receiver
) -> None:
    group_id = await create(platform, open_audit_switch=1)
    first, second = await join(platform, group_id), await join(platform, group_id, SECOND)
    (applied, _) = await receiver.gets(2, event="enter_group_audit_change")
    assert (applied.content["apply_id"], applied.content["apply_status"]) == (first["apply_id"], 1)
    assert applied.content["user_nicker"] == "粉丝甲"

    path = "/im/group/enter/audit/{}/"
    decided = {"apply_id": first["apply_id"], "status": 2}
    assert (await api(platform, path.format("set"), decided))["success"]
    assert not (await api(platform, path.format("set"), decided))["success"]
    page = await api(platform, path.format("get"), method="GET", count="1")
    assert (page["apply_list"]["list"], page["apply_list"]["has_more"]) == ([], True)
    cursor = str(page["apply_list"]["cursor"])
    page = await api(platform, path.format("get"), method="GET", count="1", cursor=cursor)
    assert [one["user_id"] for one in page["apply_list"]["list"]] == [SECOND]
    await api(platform, path.format("set"), {"apply_id": second["apply_id"], "status": 3})
    assert len(await receiver.gets(1, event="group_fans_event")) == 1
    events = await receiver.gets(4, event="enter_group_audit_change")
    assert [one.content["apply_status"] for one in events] == [1, 1, 2, 3]
    (_, group) = (await platform.get("/_simulator/groups"))["groups"]
    assert group["members"] == [FAN]


async def test_messages_go_both_ways_and_can_be_recalled(
    platform: Platform, receiver: Receiver
) -> None:
    group_id = await create(platform)
    await join(platform, group_id)
    sent = await send(platform, group_id)
    (echo,) = await receiver.gets(1, event="im_group_send_msg")
    assert echo.content["server_message_id"] == sent["msg_id"]
    assert (echo.content["conversation_type"], echo.content["owner_id"]) == (2, ACCOUNT)
    assert echo.content["source"] == "awtest0123456789"
    (message,) = await platform.sent()
    assert (message["conversation_id"], message["scene"]) == (group_id, "group")

    speech = {"group_id": group_id, "from": FAN, "text": "多少钱"}
    said = await platform.call("/_simulator/groups/messages", speech)
    (heard,) = await receiver.gets(1, event="im_group_receive_msg")
    assert (heard.json["from_user_id"], heard.content["text"]) == (FAN, "多少钱")
    assert heard.content["user_infos"][0]["open_id"] == FAN

    for msg_id in (sent["msg_id"], said["msg_id"]):
        body = {"msg_id": msg_id, "conversation_id": group_id, "conversation_type": 2}
        assert code_of(await api(platform, "/im/recall/msg/", body)) == 0
    recalls = await receiver.gets(2, event="im_recall_msg")
    assert [one.json["msg_id"] for one in recalls] == [sent["msg_id"], said["msg_id"]]
    (shown,) = (await platform.get("/_simulator/groups/messages"))["messages"]
    assert shown["recalled"]


async def send(platform: Platform, group_id: str, **changes: Any) -> Json:
    content = {"msg_type": 1, "text": {"text": "今晚八点"}}
    body = {"group_id": group_id, "content": content, **changes}
    return await api(platform, "/im/send/msg/group/", body)


async def test_a_member_may_recall_for_two_minutes(platform: Platform) -> None:
    group_id = await create(platform)
    await join(platform, group_id)
    speech = {"group_id": group_id, "from": FAN, "text": "打错了"}
    said = await platform.call("/_simulator/groups/messages", speech)
    await platform.advance(121_000)
    back = f'{{"from":"{FAN}","to":"{ACCOUNT}","msg_id":"{said["msg_id"]}"}}'
    status, problem = await platform.status_of("/_simulator/messages/recall", back.encode())
    assert (status, "120 seconds" in problem["detail"]) == (422, True)


async def test_the_speaker_may_be_hidden_behind_the_owner(
    platform: Platform, receiver: Receiver
) -> None:
    await platform.call("/_simulator/manners", {"group_sender": "owner"})
    await join(platform, "@group001==")
    speech = {"group_id": "@group001==", "from": FAN, "text": "在吗"}
    await platform.call("/_simulator/groups/messages", speech)
    (heard,) = await receiver.gets(1, event="im_group_receive_msg")
    assert heard.json["from_user_id"] == ACCOUNT
    assert heard.content["user_infos"][0]["open_id"] == FAN


async def test_group_messages_have_a_cap_when_there_is_one(platform: Platform) -> None:
    await platform.call("/_simulator/caps", {"group_messages_per_day": 1})
    assert code_of(await send(platform, "@group001==")) == 0
    assert code_of(await send(platform, "@group001==")) == 28003070
    assert code_of(await send(platform, "@unknown==")) == 28001007
    card = {"msg_type": 204, "question_guide_msg_card": {"title": "x"}}
    assert code_of(await send(platform, "@group001==", content=card)) == 28001007


async def test_who_is_no_member_cannot_speak_or_leave(platform: Platform) -> None:
    body = f'{{"group_id":"@group001==","from":"{FAN}","text":"x"}}'.encode()
    assert (await platform.status_of("/_simulator/groups/messages", body))[0] == 422
    body = f'{{"group_id":"@group001==","fan":"{FAN}"}}'.encode()
    assert (await platform.status_of("/_simulator/groups/leave", body))[0] == 422
    await join(platform, "@group001==")
    assert (await platform.status_of("/_simulator/groups/leave", body))[0] == 200


async def test_a_new_video_and_a_live_start_appear_in_groups_that_want_them(
    platform: Platform, receiver: Receiver
) -> None:
    await create(platform, item_auto_sync=1)
    await create(platform, live_auto_sync=1)
    video = await platform.call("/_simulator/videos", {"title": "新品"})
    await platform.call("/_simulator/live", {"action": "start", "title": "上新"})
    first, second = await receiver.gets(2, event="im_group_send_msg")
    assert (first.content["item_id"], first.content["source"]) == (video["id"], "")
    assert second.content["text"] == "正在直播：上新"
