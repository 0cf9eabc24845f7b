"""Whether the platform accepts a direct message: shape, context, window, caps, in that order."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from services.douyin_simulator.domain import codes, contents
from services.douyin_simulator.domain.platform import ContextKind, ReplyContext

REPLY_SCENES: Final = frozenset({"im_reply_msg", "im_replay_msg"})
ENTER_SCENE: Final = "im_enter_direct_msg"
B2B_SCENE: Final = "im_b2b_direct_message"
GRANT_SCENE: Final = "im_authorize_message"
# What a group message stands under in the record; on the wire it has no scene.
GROUP_SCENE: Final = "group"
# Scene 3 is given to few: an app must name it among its scopes.
B2B_SCOPE: Final = "im.b2b_direct_message"

# Cards of which a proactive message must carry one.
_CARDS: Final = {
    B2B_SCENE: frozenset({contents.APPLET_CARD}),
    GRANT_SCENE: frozenset({contents.APPLET_CARD, contents.APPLET_COUPON, contents.GRANT_CARD}),
}
_ITEMS_MAX: Final = 3


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
    grant_users_per_day: int = 5000
    grant_sends_per_user_day: int = 1
    recall_valid_s: int = 0
    image_max_bytes: int = 10 * 1024 * 1024
    groups_per_account: int = 100
    group_max_members: int = 500
    group_messages_per_day: int = 0
    member_recall_s: int = 120
    pushes_per_month: int = 8


class SendRequest(NamedTuple):
    """A reply or greeting whose shape is right. `content` is what came, untouched."""

    to_user_id: str
    conversation_id: str
    msg_id: str
    scene: str
    content: contents.Content


class ProactiveRequest(NamedTuple):
    """Up to three messages that answer nothing; `refused` holds a code for each of them, or 0."""

    to_user_id: str
    scene: str
    items: tuple[contents.Content, ...]
    refused: tuple[int, ...]


class Standing(NamedTuple):
    """What the platform knows about fan and app at the moment of the send."""

    follows: bool
    greetings_today: int
    calls_today: int


def parse_send(body: dict[str, Any], caps: Caps) -> SendRequest | ProactiveRequest | int:
    """The request in a JSON object, or the code of what is wrong with it."""
    scene, receiver = body.get("scene", "im_reply_msg"), body.get("to_user_id", "")
    if not isinstance(scene, str) or not contents.is_text(receiver):
        return codes.ILLEGAL_PARAMETER
    if scene in _CARDS:
        return _parse_proactive(body, scene, caps)
    if scene != ENTER_SCENE and scene not in REPLY_SCENES:
        return codes.ILLEGAL_PARAMETER
    conversation, msg_id = body.get("conversation_id", ""), body.get("msg_id", "")
    if not (contents.is_text(conversation) and contents.is_text(msg_id)):
        return codes.ILLEGAL_PARAMETER
    content = body.get("content")
    wrong = contents.check_content(content, caps.text_max_chars)
    if wrong or not isinstance(content, dict):
        return wrong
    return SendRequest(receiver, conversation, msg_id, scene, content)


def _parse_proactive(body: dict[str, Any], scene: str, caps: Caps) -> ProactiveRequest | int:
    items = body.get("content_list")
    if not isinstance(items, list) or not 0 < len(items) <= _ITEMS_MAX:
        return codes.ILLEGAL_PARAMETER
    refused = [contents.check_content(item, caps.text_max_chars) for item in items]
    if codes.ILLEGAL_PARAMETER in refused:
        return codes.ILLEGAL_PARAMETER
    if not any(item["msg_type"] in _CARDS[scene] for item in items):
        return codes.ILLEGAL_PARAMETER
    return ProactiveRequest(body["to_user_id"], scene, tuple(items), tuple(refused))


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
