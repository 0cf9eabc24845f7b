"""The webhook bodies that the platform posts, in its own encodings (an object or a string)."""

from dataclasses import dataclass
from typing import Any, Final

from services.douyin_simulator.domain import contents
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

# Message types of the API that have a name of their own in events; all others are "other".
_NAMED: Final = frozenset({contents.TEXT, contents.IMAGE, contents.VIDEO, contents.LEAD_CARD})
_DIRECT_MESSAGE: Final = 1
_GROUP_MESSAGE: Final = 2
_ORDINARY_SCENE: Final = 100
_ENTER_SCENE: Final = 4
_AVATAR: Final = "https://example.com/b.jpeg"

Fields = dict[str, Any]  # Any: JSON, whose shape the platform changes from event to event


@dataclass(frozen=True, slots=True)
class Event:
    """An event before it is written as bytes; `content` is still an object.

    `msg_id` stands beside the content, in recalls only.
    """

    name: str
    client_key: str
    from_user_id: str
    to_user_id: str
    log_id: str
    content: Fields
    msg_id: str = ""

    def outer(self, content: Fields | str) -> Fields:
        """The body around a content, in the platform's order of keys for either encoding."""
        body: Fields = {
            "event": self.name,
            "client_key": self.client_key,
            "from_user_id": self.from_user_id,
            "to_user_id": self.to_user_id,
        }
        if isinstance(content, str):
            body |= {"content": content, "log_id": self.log_id}
        else:
            body |= {"log_id": self.log_id, "content": content}
        return body | {"msg_id": self.msg_id} if self.msg_id else body


def user_infos(fan: Fan, account: Account) -> list[Fields]:
    """Both parties as the platform shows them in a message."""
    return [fan_info(fan), account_info(account)]


def fan_info(fan: Fan) -> Fields:
    """A fan as the platform shows them in a message."""
    return {"open_id": fan.open_id, "nick_name": fan.nickname, "avatar": fan.avatar}


def account_info(account: Account) -> Fields:
    """An account as the platform shows it in a message."""
    return {"open_id": account.open_id, "nick_name": account.nickname, "avatar": _AVATAR}


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


def entered_content(
    conversation: str, msg_id: str, at_ms: int, users: list[Fields], fields: Fields
) -> Fields:
    """A fan opened the chat page; only the fan is named. `fields` holds where they came from."""
    return {
        "conversation_short_id": conversation,
        "server_message_id": msg_id,
        "conversation_type": _DIRECT_MESSAGE,
        "create_time": at_ms,
        "scene_type": _ENTER_SCENE,
        **fields,
        "user_infos": users[:1],
    }


def group_content(group_id: str, msg_id: str, at_ms: int, owner: str, fields: Fields) -> Fields:
    """What was said in a group. `fields` holds source, message type, its fields and the users."""
    return {
        "conversation_short_id": group_id,
        "server_message_id": msg_id,
        "conversation_type": _GROUP_MESSAGE,
        "create_time": at_ms,
        "owner_id": owner,
        "scene_type": _ORDINARY_SCENE,
        **fields,
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
        **message_fields(content),
        "user_infos": users,
    }


def message_fields(content: Fields) -> Fields:
    """Type and fields of a message object as events show them."""
    kind = content.get("msg_type")
    if kind not in _NAMED:
        return {"message_type": "other"}
    shown = {} if kind == contents.IMAGE else contents.part_of(content)
    names = {contents.TEXT: "text", contents.VIDEO: "item_id", contents.LEAD_CARD: "card_id"}
    fields: Fields = {"message_type": contents.name_of(kind)}
    if kind in names:
        fields[names[kind]] = shown[names[kind]]
    return fields
