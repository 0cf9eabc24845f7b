"""Every kind of message: as it leaves, and settled by what the platform shows of it."""

import json
from typing import Any

import pytest

from shared.contracts.events.direct_messages import SendItem
from tests.service.douyin.conftest import FAN, KEY, OPEN_ID, ORGANIZATION, Connector
from tests.service.douyin.platform import accept_and_hang_up, reply

# kind, fields, the platform's message object, what its echo shows
KINDS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (
        "image",
        {"image_id": "@img=="},
        {"msg_type": 2, "image": {"media_id": "@img=="}},
        {"message_type": "image"},
    ),
    (
        "video",
        {"item_id": "@item=="},
        {"msg_type": 3, "video": {"item_id": "@item=="}},
        {"message_type": "video", "item_id": "@item=="},
    ),
    (
        "lead_card",
        {"card_id": "@card=="},
        {"msg_type": 8, "retain_consult_card": {"card_id": "@card=="}},
        {"message_type": "retain_consult_card", "card_id": "@card=="},
    ),
    (
        "group_invitation",
        {"group_id": "@g==", "group_token": "token-of-the-group"},
        {
            "msg_type": 9,
            "group_invitation": {"group_id": "@g==", "group_token": "token-of-the-group"},
        },
        {"message_type": "other"},
    ),
    (
        "applet_card",
        {"card_template_id": "@t==", "path": "pages/x", "query": "{}"},
        {
            "msg_type": 10,
            "applet_card": {"card_template_id": "@t==", "path": "pages/x", "query": "{}"},
        },
        {"message_type": "other"},
    ),
    (
        "question_card",
        {"title": "想了解什么？", "questions": ["价格", "门店"]},
        {
            "msg_type": 204,
            "question_guide_msg_card": {
                "title": "想了解什么？",
                "question_list": [{"text": "价格"}, {"text": "门店"}],
            },
        },
        {"message_type": "other"},
    ),
    (
        "jump_card",
        {
            "title": "想了解什么？",
            "questions": [
                {"text": "门店", "jump_type": 1, "app_id": "tt1", "path": "p/s", "query": "{}"},
                {"text": "价格", "jump_type": 1, "app_id": "tt1"},
            ],
        },
        {
            "msg_type": 205,
            "question_guide_jump_card": {
                "title": "想了解什么？",
                "question_list": [
                    {
                        "text": "门店",
                        "jump_type": 1,
                        "schema_data": {"app_id": "tt1", "path": "p/s", "query": "{}"},
                    },
                    {"text": "价格", "jump_type": 1, "schema_data": {"app_id": "tt1"}},
                ],
            },
        },
        {"message_type": "other"},
    ),
    (
        "coupon",
        {"activity_id": "7212345678901234567", "coupon_meta_id": "42"},
        {
            "msg_type": 11,
            "applet_coupon": {"activity_id": 7212345678901234567, "coupon_meta_id": 42},
        },
        {"message_type": "other"},
    ),
    (
        "grant_card",
        {"app_id": "tt1", "app_open_id": "_000fan"},
        {
            "msg_type": 12,
            "auth_private_message_card": {
                "app_info": {"app_id": "tt1"},
                "to_user_info": {"open_id": "_000fan", "app_id": "tt1"},
            },
        },
        {"message_type": "other"},
    ),
]
by_kind = pytest.mark.parametrize(
    ("kind", "fields", "content", "shown"), KINDS, ids=[case[0] for case in KINDS]
)


async def ask(
    connector: Connector, operation: str, kind: Any, fields: dict[str, Any], **more: Any
) -> None:
    now = await connector.world.now()
    wording = json.dumps(fields, ensure_ascii=False)
    sealed = connector.world.resources.sealer.seal(ORGANIZATION, wording, now.date())
    await connector.request(operation, items=[SendItem(kind=kind, text=sealed)], **more)


async def show(connector: Connector, shown: dict[str, Any]) -> None:
    """The platform reports a message of our app."""
    now = await connector.world.now()
    content = {
        "conversation_short_id": "@conv001==",
        "server_message_id": "@echo==",
        "conversation_type": 1,
        "create_time": int(now.timestamp() * 1000),
        "source": KEY,
        **shown,
    }
    outer = {"event": "im_send_msg", "client_key": KEY, "from_user_id": OPEN_ID, "to_user_id": FAN}
    assert (await connector.post({**outer, "content": content})).status_code == 200
    await connector.world.drain()


@by_kind
async def test_a_kind_leaves_as_the_platform_wants_it(
    connector: Connector,
    kind: str,
    fields: dict[str, Any],
    content: dict[str, Any],
    shown: dict[str, Any],
) -> None:
    await ask(connector, "op_1", kind, fields)
    await connector.until_states("sent")
    (call,) = connector.platform.calls
    assert call.body["content"] == content
    (attempt,) = await connector.attempts()
    assert attempt["kind"] == kind
    assert not [v for v in fields.values() if isinstance(v, str) and v in attempt["content"]]


@by_kind
async def test_what_may_have_left_is_settled_by_its_echo(
    connector: Connector,
    kind: str,
    fields: dict[str, Any],
    content: dict[str, Any],
    shown: dict[str, Any],
) -> None:
    connector.platform.script.append(accept_and_hang_up)
    await ask(connector, "op_1", kind, fields)
    await connector.until_states("unknown")
    await show(connector, {"message_type": "text", "text": "something else"})
    assert await connector.states() == ["unknown"], "the echo of another kind says nothing"
    await show(connector, {**shown, "server_message_id": "@echo2=="})
    assert await connector.states() == ["sent"]
    assert len(connector.platform.calls) == 1, "it left once"


async def test_the_echo_of_another_card_settles_nothing(connector: Connector) -> None:
    connector.platform.script.append(accept_and_hang_up)
    await ask(connector, "op_1", "lead_card", {"card_id": "@card=="})
    await connector.until_states("unknown")
    await show(connector, {"message_type": "retain_consult_card", "card_id": "@other=="})
    assert await connector.states() == ["unknown"]


async def test_a_second_image_waits_while_nobody_knows_of_the_first(connector: Connector) -> None:
    connector.platform.script.append(accept_and_hang_up)
    window = {"window_opened_at": await connector.world.now()}
    await ask(connector, "op_1", "image", {"image_id": "@one=="}, **window)
    await connector.until_states("unknown")
    await ask(connector, "op_2", "image", {"image_id": "@two=="}, **window)
    assert await connector.states() == ["unknown", "queued"], "their echoes look the same"
    await show(connector, {"message_type": "image"})
    await connector.until_states("sent", "sent")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("image", {"image_id": "@of-another-app=="}), ("lead_card", {"card_id": "@foreign=="})],
)
async def test_cards_and_images_of_another_app_fail_once_and_for_all(
    connector: Connector, kind: str, fields: dict[str, Any]
) -> None:
    codes = {"error_code": 28001007, "description": "illegal"}
    connector.platform.always = reply({"data": codes, "extra": codes})
    await ask(connector, "op_1", kind, fields)
    await connector.until_states("failed")
    (attempt,) = await connector.attempts()
    assert (attempt["reason"], attempt["code"]) == ("illegal_parameter", 28001007)
    assert len(connector.platform.calls) == 1
