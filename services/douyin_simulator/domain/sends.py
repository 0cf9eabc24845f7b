"""Whether the platform accepts a direct message: shape, context, window, caps, in that order."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.platform import ContextKind, ReplyContext

REPLY_SCENES: Final = frozenset({"im_reply_msg", "im_replay_msg"})
ENTER_SCENE: Final = "im_enter_direct_msg"
# Scenes 3 and 4 exist on the platform; this app has not been given them.
UNGRANTED_SCENES: Final = frozenset({"im_b2b_direct_message", "im_authorize_message"})

TEXT: Final = 1
# msg_type -> its sub-object and the fields that must be there, as non-empty strings
_SHAPES: Final[dict[int, tuple[str, tuple[str, ...]]]] = {
    TEXT: ("text", ("text",)),
    2: ("image", ("media_id",)),
    3: ("video", ("item_id",)),
    8: ("retain_consult_card", ("card_id",)),
    9: ("group_invitation", ("group_id",)),
    10: ("applet_card", ()),
    11: ("applet_coupon", ()),
    12: ("auth_private_message_card", ()),
    204: ("question_guide_msg_card", ("title",)),
    205: ("question_guide_jump_card", ("title",)),
}


@dataclass(frozen=True, slots=True)
class Caps:
    """The platform's numbers. Times in seconds; 0 calls a day means no daily quota."""

    reply_limit: int = 6
    reply_valid_s: int = 86_400
    reply_applies_to_everyone: bool = False
    enter_limit: int = 3
    enter_window_s: int = 30
    enters_per_day: int = 3
    text_max_chars: int = 1000
    calls_per_day: int = 0


class SendRequest(NamedTuple):
    """A send whose shape is right. `content` is what came, untouched."""

    to_user_id: str
    conversation_id: str
    msg_id: str
    scene: str
    content: dict[str, Any]  # Any: the platform hands content through as it came


class Standing(NamedTuple):
    """What the platform knows about fan and app at the moment of the send."""

    follows: bool
    greetings_today: int
    calls_today: int


def parse_send(body: object, caps: Caps) -> SendRequest | int:
    """The request in a parsed body, or the code of what is wrong with it."""
    if not isinstance(body, dict):
        return codes.ILLEGAL_PARAMETER
    scene, content = body.get("scene", "im_reply_msg"), body.get("content")
    receiver, conversation = body.get("to_user_id", ""), body.get("conversation_id", "")
    msg_id = body.get("msg_id", "")
    if isinstance(scene, str) and scene in UNGRANTED_SCENES:
        return codes.NO_CAPABILITY
    known = isinstance(scene, str) and (scene == ENTER_SCENE or scene in REPLY_SCENES)
    if not known or not isinstance(content, dict):
        return codes.ILLEGAL_PARAMETER
    if not (_is_text(receiver) and _is_text(conversation) and _is_text(msg_id)):
        return codes.ILLEGAL_PARAMETER
    wrong = check_content(content, caps)
    return wrong or SendRequest(receiver, conversation, msg_id, scene, content)


def check_content(content: dict[str, Any], caps: Caps) -> int:
    """0, or the code of what is wrong with one message object."""
    kind = content.get("msg_type")
    shape = _SHAPES.get(kind) if type(kind) is int else None
    if shape is None:
        return codes.ILLEGAL_PARAMETER
    name, required = shape
    part = content.get(name)
    if not isinstance(part, dict) or not all(_is_text(part.get(field)) for field in required):
        return codes.ILLEGAL_PARAMETER
    if kind == TEXT and len(part["text"]) > caps.text_max_chars:
        return codes.CONTENT_REFUSED
    return codes.OK


def decide(
    request: SendRequest, context: ReplyContext | None, standing: Standing, caps: Caps, now_ms: int
) -> int:
    """0 if the message is accepted, else the code with which it is refused."""
    if context is None or not _belongs(request, context):
        return codes.MESSAGE_MISMATCH
    if caps.calls_per_day and standing.calls_today >= caps.calls_per_day:
        return codes.DAILY_QUOTA_USED_UP
    age_ms = 0 if context.opened_at_ms is None else now_ms - context.opened_at_ms
    if context.kind is ContextKind.ENTER:
        return _decide_enter(context, standing, caps, age_ms)
    if age_ms > caps.reply_valid_s * 1000:
        return codes.MESSAGE_ID_EXPIRED
    capped = caps.reply_applies_to_everyone or not standing.follows
    return codes.CAP_REACHED if capped and context.spent >= caps.reply_limit else codes.OK


def _decide_enter(context: ReplyContext, standing: Standing, caps: Caps, age_ms: int) -> int:
    if age_ms > caps.enter_window_s * 1000:
        return codes.REPLY_WINDOW_CLOSED
    first = context.spent == 0
    if first and standing.greetings_today >= caps.enters_per_day:
        return codes.CAP_REACHED
    return codes.CAP_REACHED if context.spent >= caps.enter_limit else codes.OK


def _belongs(request: SendRequest, context: ReplyContext) -> bool:
    entered = context.kind is ContextKind.ENTER
    return (
        context.conversation_id == request.conversation_id
        and context.fan == request.to_user_id
        and entered == (request.scene == ENTER_SCENE)
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
