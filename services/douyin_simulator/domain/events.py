"""The webhook bodies that the platform posts, in its own encodings (an object or a string)."""

from dataclasses import dataclass
from typing import Any, Final

from services.douyin_simulator.domain.platform import Account, Fan

RECEIVED: Final = "im_receive_msg"
SENT: Final = "im_send_msg"
ENTERED: Final = "im_enter_direct_msg"
RECALLED: Final = "im_recall_msg"
READ: Final = "im_message_read"
GROUP_RECEIVED: Final = "im_group_receive_msg"
GROUP_SENT: Final = "im_group_send_msg"
JOIN_AUDIT: Final = "enter_group_audit_change"
GROUP_JOINED: Final = "group_fans_event"
GRANT: Final = "im_authorize"
FOLLOWED: Final = "new_follow_action"
DIGGED: Final = "new_video_digg"
AUTHORISED: Final = "authorize"
UNAUTHORISED: Final = "unauthorize"
CONTRACT_AUTHORISED: Final = "contract_authorize"
CONTRACT_UNAUTHORISED: Final = "contract_unauthorize"
VIDEO_CREATED: Final = "create_video"
COMMENTED: Final = "item_comment_reply"
VERIFY: Final = "verify_webhook"
# Pre-2023 events, which the sandbox still offers.
LEGACY: Final = (
    "receive_msg", "enter_im", "dial_phone", "website_contact", "personal_tab_contact",
)  # fmt: skip
ALL: Final = (
    RECEIVED, SENT, ENTERED, RECALLED, READ, GROUP_RECEIVED, GROUP_SENT, JOIN_AUDIT, GROUP_JOINED,
    GRANT, "im_authorize_message_callback", FOLLOWED, DIGGED, AUTHORISED, UNAUTHORISED,
    CONTRACT_AUTHORISED, CONTRACT_UNAUTHORISED, VIDEO_CREATED, COMMENTED, "union_auth_info_for_c",
    "union_auth_info_for_b", *LEGACY,
)  # fmt: skip

# These carry `content` as a JSON string; all others carry an object.
CONTENT_IS_STRING: Final = frozenset(
    {
        ENTERED, RECALLED, JOIN_AUDIT, GROUP_JOINED, GRANT, "im_authorize_message_callback",
        FOLLOWED, DIGGED, "union_auth_info_for_c", "union_auth_info_for_b",
    }
)  # fmt: skip

# The scopes that an owner can grant.
SCOPES: Final = (
    "user_info", "fans.list", "fans.check", "fans.data.bind", "user.intention", "video.list.bind",
    "item.comment", "aweme.forward", "mobile_alert", "im.direct_message", "im.group_message",
    "im.recall_message", "im.message_card", "im.group_fans.create_list",
)  # fmt: skip

_MESSAGE_TYPES: Final = {1: "text", 2: "image", 3: "video", 8: "retain_consult_card"}
_DIRECT_MESSAGE: Final = 1
_ORDINARY_SCENE: Final = 100
_ENTER_SCENE: Final = 4
_AVATAR: Final = "https://example.com/b.jpeg"

Fields = dict[str, Any]  # Any: JSON, whose shape the platform changes from event to event


@dataclass(frozen=True, slots=True)
class Event:
    """An event before it is written as bytes; `content` is still an object."""

    name: str
    client_key: str
    from_user_id: str
    to_user_id: str
    log_id: str
    content: Fields

    def outer(self, content: Fields | str) -> Fields:
        """The body around a content, in the platform's order of keys."""
        return {
            "event": self.name,
            "client_key": self.client_key,
            "from_user_id": self.from_user_id,
            "to_user_id": self.to_user_id,
            "log_id": self.log_id,
            "content": content,
        }


def user_infos(fan: Fan, account: Account) -> list[Fields]:
    """Both parties as the platform shows them in a message."""
    return [
        {"open_id": fan.open_id, "nick_name": fan.nickname, "avatar": fan.avatar},
        {"open_id": account.open_id, "nick_name": account.nickname, "avatar": _AVATAR},
    ]


def received_content(
    conversation: str, msg_id: str, at_ms: int, users: list[Fields], fields: Fields
) -> Fields:
    """What a fan said. `fields` holds the message type and what belongs to it."""
    return {
        "conversation_short_id": conversation,
        "server_message_id": msg_id,
        "conversation_type": _DIRECT_MESSAGE,
        "create_time": at_ms,
        "message_type": "text",
        "source": "",
        "scene_type": _ORDINARY_SCENE,
        **fields,
        "user_infos": users,
    }


def entered_content(conversation: str, msg_id: str, at_ms: int, users: list[Fields]) -> Fields:
    """A fan opened the chat page; only the fan is named."""
    return {
        "conversation_short_id": conversation,
        "server_message_id": msg_id,
        "conversation_type": _DIRECT_MESSAGE,
        "create_time": at_ms,
        "scene_type": _ENTER_SCENE,
        "user_infos": users[:1],
    }


def followed_content(at_ms: int) -> Fields:
    """A fan followed. This event counts in seconds."""
    return {"action_type": 1, "action_time": at_ms // 1000}


def sent_content(
    conversation: str, msg_id: str, at_ms: int, users: list[Fields], content: Fields, source: str
) -> Fields:
    """The echo of a message of the account; `source` is empty when it was typed in the app."""
    return {
        "conversation_short_id": conversation,
        "server_message_id": msg_id,
        "conversation_type": _DIRECT_MESSAGE,
        "create_time": at_ms,
        "source": source,
        "scene_type": _ORDINARY_SCENE,
        **_echoed_fields(content),
        "user_infos": users,
    }


def _echoed_fields(content: Fields) -> Fields:
    kind = _MESSAGE_TYPES.get(content["msg_type"], "other")
    fields: Fields = {"message_type": kind}
    if kind == "text":
        fields["text"] = content["text"]["text"]
    elif kind == "video":
        fields["item_id"] = content["video"]["item_id"]
    elif kind == "retain_consult_card":
        fields["card_id"] = content["retain_consult_card"]["card_id"]
    return fields
