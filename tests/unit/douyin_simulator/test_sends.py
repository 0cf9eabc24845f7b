"""Which sends the platform accepts."""

from typing import Any

import pytest

from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.contents import check_content
from services.douyin_simulator.domain.platform import ContextKind, ReplyContext, platform_day
from services.douyin_simulator.domain.sends import (
    Caps,
    ProactiveRequest,
    SendRequest,
    Standing,
    decide,
    parse_send,
)

CAPS = Caps()
STRANGER = Standing(follows=False, greetings_today=0, calls_today=0)
FOLLOWER = STRANGER._replace(follows=True)
TEXT = {"msg_type": 1, "text": {"text": "您好"}}
REPLY = SendRequest("fan", "@c==", "@m==", "im_reply_msg", TEXT)
GREETING = REPLY._replace(scene="im_enter_direct_msg")
MESSAGE = ReplyContext("biz", "fan", "@c==", ContextKind.MESSAGE, opened_at_ms=0)
ENTER = MESSAGE._replace(kind=ContextKind.ENTER)
DAY_MS = 86_400_000


@pytest.mark.parametrize(("spent", "code"), [(0, 0), (5, 0), (6, codes.CAP_REACHED)])
def test_a_stranger_gets_six_replies_to_one_message(spent: int, code: int) -> None:
    assert decide(REPLY, MESSAGE._replace(spent=spent), STRANGER, CAPS, 0) == code


def test_a_follower_gets_as_many_as_one_likes() -> None:
    assert decide(REPLY, MESSAGE._replace(spent=600), FOLLOWER, CAPS, 0) == codes.OK


def test_a_follower_is_capped_too_when_the_cap_is_for_everyone() -> None:
    everyone = Caps(reply_applies_to_everyone=True)
    assert decide(REPLY, MESSAGE._replace(spent=6), FOLLOWER, everyone, 0) == codes.CAP_REACHED


@pytest.mark.parametrize(("now_ms", "code"), [(DAY_MS, 0), (DAY_MS + 1, codes.MESSAGE_ID_EXPIRED)])
def test_a_message_can_be_answered_for_24_hours(now_ms: int, code: int) -> None:
    assert decide(REPLY, MESSAGE, FOLLOWER, CAPS, now_ms) == code


@pytest.mark.parametrize(("now_ms", "code"), [(30_000, 0), (30_001, codes.REPLY_WINDOW_CLOSED)])
def test_an_enter_can_be_answered_for_30_seconds(now_ms: int, code: int) -> None:
    assert decide(GREETING, ENTER, STRANGER, CAPS, now_ms) == code


@pytest.mark.parametrize("standing", [STRANGER, FOLLOWER])
def test_an_enter_is_good_for_three_messages_whoever_enters(standing: Standing) -> None:
    assert decide(GREETING, ENTER._replace(spent=2), standing, CAPS, 0) == codes.OK
    assert decide(GREETING, ENTER._replace(spent=3), standing, CAPS, 0) == codes.CAP_REACHED


def test_the_fourth_enter_of_a_day_gets_no_greeting_but_the_third_may_go_on() -> None:
    greeted = STRANGER._replace(greetings_today=3)
    assert decide(GREETING, ENTER, greeted, CAPS, 0) == codes.CAP_REACHED
    assert decide(GREETING, ENTER._replace(spent=1), greeted, CAPS, 0) == codes.OK


def test_a_window_that_starts_with_the_first_use_is_open_at_any_time() -> None:
    waiting = MESSAGE._replace(opened_at_ms=None)
    assert decide(REPLY, waiting, STRANGER, CAPS, 50 * DAY_MS) == codes.OK


@pytest.mark.parametrize(
    ("request_", "context"),
    [
        (REPLY, None),
        (REPLY._replace(to_user_id="somebody else"), MESSAGE),
        (REPLY._replace(conversation_id="@other=="), MESSAGE),
        (REPLY, ENTER),
        (GREETING, MESSAGE),
    ],
    ids=[
        "unknown or own id",
        "receiver",
        "conversation",
        "reply to an enter",
        "greeting a message",
    ],
)
def test_ids_that_do_not_belong_together_are_a_mismatch(
    request_: SendRequest, context: ReplyContext | None
) -> None:
    assert decide(request_, context, STRANGER, CAPS, 0) == codes.MESSAGE_MISMATCH


def test_the_daily_quota_of_an_app_holds_when_there_is_one() -> None:
    busy = STRANGER._replace(calls_today=100)
    assert decide(REPLY, MESSAGE, busy, Caps(calls_per_day=100), 0) == codes.DAILY_QUOTA_USED_UP
    assert decide(REPLY, MESSAGE, busy, CAPS, 0) == codes.OK


def body(**changes: Any) -> dict[str, Any]:
    usual = {
        "scene": "im_reply_msg",
        "msg_id": "@m==",
        "conversation_id": "@c==",
        "to_user_id": "fan",
        "content": TEXT,
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


@pytest.mark.parametrize("scene", ["im_reply_msg", "im_replay_msg", None])
def test_a_reply_may_be_spelled_both_ways_or_not_at_all(scene: str | None) -> None:
    assert isinstance(parse_send(body(scene=scene), CAPS), SendRequest)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        body(scene="im_unknown"),
        body(scene=["im_reply_msg"]),
        body(msg_id=""),
        body(msg_id=None),
        body(to_user_id=7),
        body(conversation_id={}),
        body(content=[]),
        body(content={}),
        body(content={"msg_type": True, "text": {"text": "x"}}),
        body(content={"msg_type": 1, "text": "x"}),
        body(content={"msg_type": 1, "text": {"text": ""}}),
        body(content={"msg_type": [1], "text": {"text": "x"}}),
        body(content={"msg_type": 2, "image": {}}),
    ],
)
def test_a_wrong_shape_is_an_illegal_parameter(wrong: dict[str, Any]) -> None:
    assert parse_send(wrong, CAPS) == codes.ILLEGAL_PARAMETER


def test_a_text_has_at_most_1000_characters() -> None:
    assert check_content({"msg_type": 1, "text": {"text": "您" * 1000}}, 1000) == codes.OK
    too_long = {"msg_type": 1, "text": {"text": "您" * 1001}}
    assert check_content(too_long, 1000) == codes.CONTENT_REFUSED


def test_a_day_of_the_platform_begins_at_midnight_in_shanghai() -> None:
    midnight_ms = 1_735_660_800_000  # 2024-12-31T16:00:00Z
    assert platform_day(midnight_ms) == platform_day(midnight_ms - 1) + 1


def test_a_link_is_refused_unless_it_stays_on_douyin() -> None:
    def said(text: str) -> int:
        return check_content({"msg_type": 1, "text": {"text": text}}, 1000)

    assert said("看 https://shop.example/x") == codes.CONTENT_REFUSED
    assert said("看 http://notdouyin.com/x") == codes.CONTENT_REFUSED
    assert said("看 https://douyin.com.evil.example/") == codes.CONTENT_REFUSED
    assert said("看 https://v.douyin.com/abc") == codes.OK


QUESTIONS = [{"text": "营业时间"}, {"text": "地址"}]
JUMP = {"text": "预约", "jump_type": 1, "schema_data": {"app_id": "tt1"}}
WELL_FORMED: list[dict[str, Any]] = [
    {"msg_type": 2, "image": {"media_id": "@i=="}},
    {"msg_type": 3, "video": {"item_id": "@v=="}},
    {"msg_type": 8, "retain_consult_card": {"card_id": "@c=="}},
    {"msg_type": 9, "group_invitation": {"group_id": "@g==", "group_token": "t"}},
    {"msg_type": 10, "applet_card": {"card_template_id": "1", "query": "{}"}},
    {"msg_type": 11, "applet_coupon": {"activity_id": 1, "coupon_meta_id": 2}},
    {"msg_type": 12, "auth_private_message_card": {"app_info": {"app_id": "tt1"}}},
    {"msg_type": 204, "question_guide_msg_card": {"title": "问什么", "question_list": QUESTIONS}},
    {"msg_type": 205, "question_guide_jump_card": {"title": "去", "question_list": [JUMP]}},
]


@pytest.mark.parametrize("content", WELL_FORMED, ids=lambda one: str(one["msg_type"]))
def test_every_kind_of_message_has_its_shape(content: dict[str, Any]) -> None:
    assert check_content(content, 1000) == codes.OK
    ((name, part),) = ((key, one) for key, one in content.items() if key != "msg_type")
    for field in part:
        if field in ("group_token", "query"):
            continue
        less = {key: one for key, one in part.items() if key != field}
        broken = {"msg_type": content["msg_type"], name: less}
        assert check_content(broken, 1000) == codes.ILLEGAL_PARAMETER, field
    both = {**content, "text": {"text": "x"}}
    assert check_content(both, 1000) == codes.ILLEGAL_PARAMETER


@pytest.mark.parametrize(
    "part",
    [
        {"title": "长" * 31, "question_list": QUESTIONS},
        {"title": "问", "question_list": []},
        {"title": "问", "question_list": QUESTIONS * 4},
        {"title": "问", "question_list": [{"text": "字" * 15}]},
        {"title": "问", "question_list": ["地址"]},
    ],
    ids=["title", "no question", "seven", "long question", "no object"],
)
def test_a_question_card_has_its_sizes(part: dict[str, Any]) -> None:
    content = {"msg_type": 204, "question_guide_msg_card": part}
    assert check_content(content, 1000) == codes.ILLEGAL_PARAMETER


@pytest.mark.parametrize(
    "content",
    [
        {"msg_type": 11, "applet_coupon": {"activity_id": "1", "coupon_meta_id": 2}},
        {"msg_type": 11, "applet_coupon": {"activity_id": True, "coupon_meta_id": 2}},
        {
            "msg_type": 12,
            "auth_private_message_card": {
                "app_info": {"app_id": "tt1"},
                "to_user_info": {"open_id": "o"},
            },
        },
        {
            "msg_type": 205,
            "question_guide_jump_card": {
                "title": "去",
                "question_list": [{**JUMP, "schema_data": {}}],
            },
        },
        {
            "msg_type": 205,
            "question_guide_jump_card": {
                "title": "去",
                "question_list": [{**JUMP, "schema_data": {"app_id": "tt1", "query": {}}}],
            },
        },
    ],
    ids=["text for a number", "truth for a number", "half a person", "no page", "odd query"],
)
def test_a_card_that_lacks_what_it_leads_to_is_illegal(content: dict[str, Any]) -> None:
    assert check_content(content, 1000) == codes.ILLEGAL_PARAMETER


CARD = {"msg_type": 10, "applet_card": {"card_template_id": "1"}}


def proactive(items: object, scene: str = "im_authorize_message") -> Any:
    return parse_send({"scene": scene, "to_user_id": "fan", "content_list": items}, CAPS)


def test_a_proactive_message_has_up_to_three_items_and_a_card() -> None:
    assert isinstance(proactive([TEXT, CARD]), ProactiveRequest)
    assert proactive([TEXT, TEXT]) == codes.ILLEGAL_PARAMETER
    assert proactive([TEXT, TEXT, TEXT, CARD]) == codes.ILLEGAL_PARAMETER
    assert proactive([]) == codes.ILLEGAL_PARAMETER
    assert proactive("card") == codes.ILLEGAL_PARAMETER
    grant_card = {"msg_type": 12, "auth_private_message_card": {"app_info": {"app_id": "tt1"}}}
    assert isinstance(proactive([grant_card]), ProactiveRequest)
    assert proactive([grant_card], "im_b2b_direct_message") == codes.ILLEGAL_PARAMETER


def test_one_item_may_be_refused_while_the_others_go() -> None:
    long = {"msg_type": 1, "text": {"text": "长" * 1001}}
    assert proactive([long, CARD]).refused == (codes.CONTENT_REFUSED, codes.OK)
