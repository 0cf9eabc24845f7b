"""The message objects that can be sent: thirteen fields of the wire, one check for each kind."""

import re
from collections.abc import Callable
from typing import Any, Final

from services.douyin_simulator.domain import codes

TEXT: Final = 1
IMAGE: Final = 2
VIDEO: Final = 3
LEAD_CARD: Final = 8
GROUP_INVITATION: Final = 9
APPLET_CARD: Final = 10
APPLET_COUPON: Final = 11
GRANT_CARD: Final = 12
QUESTION_CARD: Final = 204
JUMP_CARD: Final = 205

_TITLE_MAX: Final = 30
_QUESTIONS_MAX: Final = 6
_QUESTION_MAX: Final = 14
# A link that leads out of Douyin, in a text.
_LINK: Final = re.compile(
    r"https?://(?!(?:[\w-]+\.)*(?:ies)?douyin\.com(?:[/:?#\s]|$))", re.IGNORECASE
)

Part = dict[str, Any]  # Any: foreign JSON, checked here
Content = dict[str, Any]


def name_of(kind: int) -> str:
    """The name of a message type's sub-object, which is its `message_type` too where it has one."""
    return _KINDS[kind][0]


def part_of(content: Content) -> Part:
    """The sub-object of a content that was checked."""
    part: Part = content[name_of(content["msg_type"])]
    return part


def check_content(content: object, text_max_chars: int) -> int:
    """0, or the code of what is wrong with one message object."""
    if not isinstance(content, dict):
        return codes.ILLEGAL_PARAMETER
    kind = content.get("msg_type")
    if type(kind) is not int or kind not in _KINDS:
        return codes.ILLEGAL_PARAMETER
    name, fits = _KINDS[kind]
    part = content.get(name)
    # Type and part are two keys: only a content of more can hold a second part.
    others = len(content) > 2 and _NAMES.intersection(content) - {name}  # noqa: PLR2004
    if others or not isinstance(part, dict) or not fits(part):
        return codes.ILLEGAL_PARAMETER
    if kind == TEXT and (len(part["text"]) > text_max_chars or _LINK.search(part["text"])):
        return codes.CONTENT_REFUSED
    return codes.OK


def is_text(value: object) -> bool:
    """Whether a field is a text with something in it."""
    return isinstance(value, str) and value != ""


def _texts(*names: str) -> Callable[[Part], bool]:
    return lambda part: all(is_text(part.get(name)) for name in names)


def _is_applet_card(part: Part) -> bool:
    known = is_text(part.get("card_template_id")) or is_text(part.get("card_id"))
    target = is_text(part.get("schema")) or is_text(part.get("app_id"))
    query = part.get("query")
    return (known or target) and (query is None or isinstance(query, str))


def _is_coupon(part: Part) -> bool:
    return all(type(part.get(name)) is int for name in ("activity_id", "coupon_meta_id"))


def _is_grant_card(part: Part) -> bool:
    app, user = part.get("app_info"), part.get("to_user_info")
    if user is not None and not (isinstance(user, dict) and _texts("open_id", "app_id")(user)):
        return False
    return isinstance(app, dict) and is_text(app.get("app_id"))


def _is_question_card(part: Part) -> bool:
    title, questions = part.get("title"), part.get("question_list")
    if not isinstance(title, str) or not 0 < len(title) <= _TITLE_MAX:
        return False
    if not isinstance(questions, list) or not 0 < len(questions) <= _QUESTIONS_MAX:
        return False
    return all(_is_question(question) for question in questions)


def _is_question(question: object) -> bool:
    text = question.get("text") if isinstance(question, dict) else None
    return isinstance(text, str) and 0 < len(text) <= _QUESTION_MAX


def _is_jump_card(part: Part) -> bool:
    return _is_question_card(part) and all(
        type(one.get("jump_type")) is int and _is_page(one.get("schema_data"))
        for one in part["question_list"]
    )


def _is_page(page: object) -> bool:
    if not isinstance(page, dict) or not is_text(page.get("app_id")):
        return False
    return all(isinstance(page.get(name, ""), str) for name in ("path", "query"))


_KINDS: Final[dict[int, tuple[str, Callable[[Part], bool]]]] = {
    TEXT: ("text", _texts("text")),
    IMAGE: ("image", _texts("media_id")),
    VIDEO: ("video", _texts("item_id")),
    LEAD_CARD: ("retain_consult_card", _texts("card_id")),
    GROUP_INVITATION: ("group_invitation", _texts("group_id")),
    APPLET_CARD: ("applet_card", _is_applet_card),
    APPLET_COUPON: ("applet_coupon", _is_coupon),
    GRANT_CARD: ("auth_private_message_card", _is_grant_card),
    QUESTION_CARD: ("question_guide_msg_card", _is_question_card),
    JUMP_CARD: ("question_guide_jump_card", _is_jump_card),
}
_NAMES: Final = frozenset(name for name, _ in _KINDS.values())
