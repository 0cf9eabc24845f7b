"""Every kind of message can be sent, recalled, and refused for what it names."""

from typing import Any

import aiohttp
import orjson
import pytest

from tests.service.douyin_simulator.conftest import (
    ACCOUNT,
    CONVERSATION,
    FAN,
    Json,
    Platform,
    Receiver,
    Start,
    code_of,
)
from tests.unit.douyin_simulator.test_pictures import PNG

CLIENT_TOKEN = "clt.demo0123456789"
OTHER = {"client_key": "other-app", "client_secret": "s"}
QUESTIONS = {"title": "您想了解", "question_list": [{"text": "价格"}, {"text": "地址"}]}


async def upload(platform: Platform, picture: bytes = PNG, token: str = CLIENT_TOKEN) -> Json:
    form = aiohttp.FormData()
    form.add_field("image", picture, filename="a.png", content_type="image/png")
    url, headers = f"{platform.url}/tool/imagex/client_upload/", {"access-token": token}
    async with platform.http.post(url, data=form, headers=headers) as answer:
        said: Json = await answer.json()
        return said


async def api(
    platform: Platform, path: str, body: Json | None = None, *, method: str = "POST", **query: str
) -> Json:
    """A call of the demo account."""
    headers = {"access-token": "act.x"}
    params = {"open_id": ACCOUNT, **query}
    url = platform.url + path
    async with platform.http.request(
        method, url, params=params, json=body, headers=headers
    ) as answer:
        assert answer.status == 200
        said: Json = await answer.json()
        return said


async def app(platform: Platform, path: str, body: Json) -> Json:
    """A call of the demo app."""
    headers = {"access-token": CLIENT_TOKEN}
    async with platform.http.post(platform.url + path, json=body, headers=headers) as answer:
        said: Json = await answer.json()
        return said


async def other_apps_token(platform: Platform) -> str:
    await platform.call("/_simulator/apps", OTHER)
    fields = {**OTHER, "grant_type": "client_credential"}
    token: str = (await platform.call("/oauth/client_token/", fields))["data"]["access_token"]
    return token


CONTENTS: list[Json] = [
    {"msg_type": 2, "image": {"media_id": "@image001=="}},
    {"msg_type": 3, "video": {"item_id": "@video001=="}},
    {"msg_type": 8, "retain_consult_card": {"card_id": "@card001=="}},
    {"msg_type": 9, "group_invitation": {"group_id": "@group001=="}},
    {"msg_type": 10, "applet_card": {"app_id": "tt1", "path": "/p", "query": "{}"}},
    {"msg_type": 11, "applet_coupon": {"activity_id": 1, "coupon_meta_id": 2}},
    {"msg_type": 204, "question_guide_msg_card": QUESTIONS},
]


async def test_every_kind_is_accepted_recorded_and_echoed(
    platform: Platform, receiver: Receiver
) -> None:
    await platform.call("/_simulator/fans", {"open_id": FAN, "follows": True, "notify": False})
    for content in CONTENTS:
        assert code_of(await platform.send(content=content)) == 0, content
    assert [one["content"] for one in await platform.sent()] == CONTENTS
    echoes = [one.content for one in await receiver.gets(7)]
    kinds = ["image", "video", "retain_consult_card", "other", "other", "other", "other"]
    assert [one["message_type"] for one in echoes] == kinds
    assert echoes[1]["item_id"] == "@video001=="
    assert echoes[2]["card_id"] == "@card001=="


@pytest.mark.parametrize(
    "content",
    [
        {"msg_type": 2, "image": {"media_id": "@unknown=="}},
        {"msg_type": 3, "video": {"item_id": "@unknown=="}},
        {"msg_type": 8, "retain_consult_card": {"card_id": "@unknown=="}},
        {"msg_type": 9, "group_invitation": {"group_id": "@unknown=="}},
        {"msg_type": 10, "applet_card": {"card_template_id": "@unknown=="}},
    ],
    ids=lambda one: str(one["msg_type"]),
)
async def test_an_unknown_id_is_illegal(platform: Platform, content: Json) -> None:
    assert code_of(await platform.send(content=content)) == 28001007
    assert await platform.sent() == []


async def test_an_uploaded_picture_belongs_to_its_app(platform: Platform) -> None:
    ours = await upload(platform)
    theirs = await upload(platform, token=await other_apps_token(platform))
    assert (ours["width"], ours["height"]) == (263, 120)
    assert ours["image_id"].startswith("@")
    for image, code in ((ours, 0), (theirs, 28001007)):
        content = {"msg_type": 2, "image": {"media_id": image["image_id"]}}
        assert code_of(await platform.send(content=content)) == code


@pytest.mark.parametrize("picture", [b"", b"%PDF-1.7"], ids=["nothing", "a document"])
async def test_what_is_no_picture_is_refused(platform: Platform, picture: bytes) -> None:
    assert code_of(await upload(platform, picture)) == 28001007


async def test_a_picture_that_is_too_large_is_refused(platform: Platform) -> None:
    await platform.call("/_simulator/caps", {"image_max_bytes": len(PNG) - 1})
    assert code_of(await upload(platform)) == 28001007


async def test_a_lead_card_is_reviewed_sent_filled_in_and_deleted(
    platform: Platform, receiver: Receiver
) -> None:
    await platform.call("/_simulator/manners", {"card_review_s": 60})
    fields = {"title": "免费报价", "media_id": "@image001==", "components": [1, 2]}
    saved = await api(platform, "/im/save/retain_consult_card/", fields)
    card = {"msg_type": 8, "retain_consult_card": {"card_id": saved["card_id"]}}
    assert code_of(await platform.send(content=card)) == 28001038
    assert await statuses(platform) == [2, 1]

    await platform.advance(60_000)
    assert await statuses(platform) == [2, 2]
    assert code_of(await platform.send(content=card)) == 0
    values = {"姓名": "张三", "手机号": "138****8000"}
    who = {"from": FAN, "to": ACCOUNT, "card_id": saved["card_id"]}
    await platform.call("/_simulator/cards/fill", {**who, "values": values})
    (answered,) = await receiver.gets(1, event="im_receive_msg")
    assert answered.content["message_type"] == "retain_consult_card"
    assert answered.content["card_data"] == [
        {"label": "姓名", "value": "张三"},
        {"label": "手机号", "value": "138****8000"},
    ]
    review = {"id": saved["card_id"], "status": "rejected"}
    await platform.call("/_simulator/reviews", review)
    assert await statuses(platform) == [2, 3]
    path = "/im/del/retain_consult_card/"
    gone = await api(platform, path, method="GET", card_id=saved["card_id"])
    assert code_of(gone) == 0
    assert code_of(await api(platform, path, {"card_id": saved["card_id"]})) == 28001007


async def statuses(platform: Platform) -> list[int]:
    listed = await api(platform, "/im/get/retain_consult_card/", method="GET")
    return [one["status"] for one in listed["cards"]]


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"media_id": "@unknown=="},
        {"components": []},
        {"components": [4]},
        {"components": [1, 1]},
        {"components": "1"},
        {"card_id": "@unknown=="},
    ],
    ids=str,
)
async def test_a_card_that_is_wrong_is_not_saved(platform: Platform, change: Json) -> None:
    fields = {"title": "报价", "media_id": "@image001==", "components": [1], **change}
    assert code_of(await api(platform, "/im/save/retain_consult_card/", fields)) == 28001007
    assert await statuses(platform) == [2]


async def test_templates_of_the_same_looks_are_one(platform: Platform) -> None:
    path = "/api/douyin/v1/im/{}_applet_template/"
    looks = {"title": "预约", "content": "立即预约", "media_id": "@image001==", "app_id": "tt1"}
    made = [await app(platform, path.format("set"), {**looks, "card_type": 1}) for _ in range(2)]
    first, second = (one["data"]["card_template_id"] for one in made)
    assert first == second
    card = {"msg_type": 10, "applet_card": {"card_template_id": first, "path": "/p"}}
    assert code_of(await platform.send(content=card)) == 0
    changed = {**looks, "card_type": 2, "card_template_id": first}
    assert code_of(await app(platform, path.format("set"), changed)) == 2100005

    await platform.call("/_simulator/reviews", {"id": first, "status": "rejected", "reason": "字"})
    (listed,) = (await app(platform, path.format("get"), {}))["data"]["list"]
    assert (listed["status"], listed["reject_reasons"]) == (3, ["字"])
    assert code_of(await platform.send(content=card)) == 28001038
    url = path.format("del")
    assert code_of(await app(platform, url, {"card_template_id": first})) == 0
    assert code_of(await app(platform, url, {"card_template_id": first})) == 2100005


async def test_a_recall_is_announced_once(platform: Platform, receiver: Receiver) -> None:
    msg_id = (await platform.send())["msg_id"]
    body = {"msg_id": msg_id, "conversation_id": CONVERSATION, "conversation_type": 1}
    wrong = {**body, "conversation_id": "@elsewhere=="}
    assert code_of(await api(platform, "/im/recall/msg/", wrong)) == 28003082
    answer = await api(platform, "/im/recall/msg/", body)
    assert (answer["err_no"], answer["data"]) == (0, {})
    assert code_of(await api(platform, "/im/recall/msg/", body)) == 28003082
    (event,) = await receiver.gets(1, event="im_recall_msg")
    assert event.json["msg_id"] == msg_id
    assert isinstance(event.json["content"], str)
    assert event.content == {"server_message_id": msg_id}
    assert (event.json["from_user_id"], event.json["to_user_id"]) == (ACCOUNT, FAN)


async def test_a_fan_takes_back_what_they_said_and_nothing_else(
    platform: Platform, receiver: Receiver
) -> None:
    said = await platform.says()
    back = {"from": FAN, "to": ACCOUNT, "msg_id": said["msg_id"]}
    assert (await refused(platform, {**back, "from": "fan-open-id-0002"}))[0] == 422
    await platform.call("/_simulator/messages/recall", back)
    (event,) = await receiver.gets(1, event="im_recall_msg")
    assert event.json["from_user_id"] == FAN
    assert (await refused(platform, back))[0] == 422


async def refused(platform: Platform, body: Json) -> tuple[int, Json]:
    return await platform.status_of("/_simulator/messages/recall", orjson.dumps(body))


async def test_a_fans_picture_is_fetched_for_an_hour(platform: Platform) -> None:
    said = await platform.says(message_type="user_local_image")
    where = {"conversation_id": said["conversation_id"], "message_id": said["msg_id"]}
    path = "/api/im/message/resources/"
    told = (await api(platform, path, method="GET", **where))["data"]
    assert told["media_type"] == "image"
    async with platform.http.get(told["url"]) as answer:
        assert (answer.status, answer.content_type) == (200, "image/png")
        assert (await answer.read()).startswith(b"\x89PNG")
    await platform.advance(3_600_001)
    async with platform.http.get(told["url"]) as answer:
        assert answer.status == 403
    wrong = {**where, "conversation_id": "@elsewhere=="}
    assert (await api(platform, path, method="GET", **wrong))["err_no"] == 28003082


CARD = {"msg_type": 12, "auth_private_message_card": {"app_info": {"app_id": "tt1"}}}
TEXT = {"msg_type": 1, "text": {"text": "您好"}}


async def push(platform: Platform, *items: Json, fan: str = FAN) -> Json:
    body: dict[str, Any] = {"scene": "im_authorize_message", "to_user_id": fan}
    return await api(platform, "/im/send/msg/", {**body, "content_list": list(items)})


async def test_a_fan_who_agreed_may_be_written_to_once_a_day(
    platform: Platform, receiver: Receiver
) -> None:
    assert code_of(await push(platform, CARD)) == 28001012
    await platform.call("/_simulator/grants", {"from": FAN, "to": ACCOUNT})
    (event,) = await receiver.gets(1, event="im_authorize")
    assert isinstance(event.json["content"], str)
    assert (event.content["auth_status"], event.content["operation_type"]) == (1, 1)

    long = {"msg_type": 1, "text": {"text": "长" * 1001}}
    answer = await push(platform, TEXT, long, CARD)
    assert (code_of(answer), answer["all_send_success"]) == (0, False)
    codes = [one["error_code"] for one in answer["send_msg_status_list"]]
    assert codes == [0, 28001038, 0]
    assert [one["msg_id"] for one in await platform.sent()] == answer["msg_list"]
    assert code_of(await push(platform, CARD)) == 28003070
    await platform.advance(86_400_000)
    assert code_of(await push(platform, CARD)) == 0

    status = {"c_open_id": FAN}
    assert (await api(platform, "/im/authorize/status/", status))["data"]["status"] == 1
    listed = (await api(platform, "/im/authorize/user_list/", {}))["data"]
    assert [one["target_open_id"] for one in listed["auth_user_list"]] == [FAN]
    await platform.call("/_simulator/grants", {"from": FAN, "to": ACCOUNT, "given": False})
    assert (await api(platform, "/im/authorize/status/", status))["data"]["status"] == 2


async def test_only_an_app_that_names_the_scope_may_write_to_strangers(
    platform: Platform,
) -> None:
    card = {"msg_type": 10, "applet_card": {"app_id": "tt1", "path": "/p"}}
    body = {"scene": "im_b2b_direct_message", "to_user_id": FAN, "content_list": [TEXT, card]}
    assert code_of(await api(platform, "/im/send/msg/", body)) == 28001014
    demo = {"client_key": "awtest0123456789", "client_secret": "0123456789abcdef0123456789abcdef"}
    scopes = ["im.direct_message", "im.b2b_direct_message", "im.microapp_card"]
    await platform.call("/_simulator/apps", {**demo, "scopes": scopes})
    answer = await api(platform, "/im/send/msg/", body)
    assert (code_of(answer), len(answer["msg_list"])) == (0, 2)
    await platform.call("/_simulator/apps", {**demo, "scopes": scopes[:2]})
    answer = await api(platform, "/im/send/msg/", body)
    assert [one["error_code"] for one in answer["send_msg_status_list"]] == [0, 28001018]


async def test_an_account_reaches_only_so_many_fans_a_day(start: Start) -> None:
    async with start() as platform:
        await platform.call("/_simulator/caps", {"grant_users_per_day": 1})
        for fan in (FAN, "fan-open-id-0002"):
            await platform.call("/_simulator/grants", {"from": fan, "to": ACCOUNT})
        assert code_of(await push(platform, CARD)) == 0
    async with start() as platform:
        assert code_of(await push(platform, CARD, fan="fan-open-id-0002")) == 28003070


async def test_ids_of_people_hold_for_one_app_alone(platform: Platform) -> None:
    await platform.call("/_simulator/apps", {**OTHER, "own_open_ids": True})
    account = {"open_id": "biz-2", "client_key": "other-app"}
    await platform.call("/_simulator/accounts", account)
    said = await platform.says(to="biz-2")
    fan = {"open_id": FAN, "follows": True, "account": "biz-2"}
    await platform.call("/_simulator/fans", fan)
    (last,) = (await platform.get("/_simulator/fans?account=biz-2&after=20"))["fans"]
    assert last["open_id"].startswith("_000")
    assert last["follows"]
    assert said["conversation_id"] != CONVERSATION


async def test_any_event_of_the_catalogue_can_be_posted(
    platform: Platform, receiver: Receiver
) -> None:
    digg = {"event": "new_video_digg", "from": FAN, "to": ACCOUNT, "content": {"item_id": "@v=="}}
    await platform.call("/_simulator/events", digg)
    (event,) = await receiver.gets(1)
    assert event.json["content"] == '{"item_id":"@v=="}'
    read = {"from": FAN, "to": ACCOUNT, "index": 7}
    await platform.call("/_simulator/messages/read", read)
    (event,) = await receiver.gets(1, event="im_message_read")
    assert event.json["content"]["index"] == 7
