"""Kinds of messages on the wire: how each is written, and what it has in common with its echo."""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from services.douyin.domain.attempts import content_hash

Fields = Mapping[str, Any]  # Any: JSON


class Kind(StrEnum):
    """What an item of a send is."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    LEAD_CARD = "lead_card"
    GROUP_INVITATION = "group_invitation"
    APPLET_CARD = "applet_card"
    QUESTION_CARD = "question_card"
    JUMP_CARD = "jump_card"
    COUPON = "coupon"
    GRANT_CARD = "grant_card"


class _Shape(NamedTuple):
    number: int  # msg_type
    part: str  # the sub-object
    echoed_as: str  # message_type of the echo
    mark: str | None  # the field that the echo shows again
    write: Callable[[Fields], dict[str, Any]]


def _as_it_is(fields: Fields) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _image(fields: Fields) -> dict[str, Any]:
    return {"media_id": fields["image_id"]}


def _questions(fields: Fields) -> dict[str, Any]:
    questions = [{"text": question} for question in fields["questions"]]
    return {"title": fields["title"], "question_list": questions}


def _jumps(fields: Fields) -> dict[str, Any]:
    return {"title": fields["title"], "question_list": [_jump(q) for q in fields["questions"]]}


def _jump(question: Fields) -> dict[str, Any]:
    page = {name: question[name] for name in ("app_id", "path", "query") if name in question}
    return {"text": question["text"], "jump_type": question["jump_type"], "schema_data": page}


def _numbers(fields: Fields) -> dict[str, Any]:
    return {name: int(value) for name, value in fields.items()}


def _grant(fields: Fields) -> dict[str, Any]:
    app_id, open_id = fields["app_id"], fields.get("app_open_id")
    receiver = {"to_user_info": {"open_id": open_id, "app_id": app_id}} if open_id else {}
    return {"app_info": {"app_id": app_id}, **receiver}


_SHAPES: Final[dict[Kind, _Shape]] = {
    Kind.TEXT: _Shape(1, "text", "text", "text", _as_it_is),
    Kind.IMAGE: _Shape(2, "image", "image", None, _image),
    Kind.VIDEO: _Shape(3, "video", "video", "item_id", _as_it_is),
    Kind.LEAD_CARD: _Shape(8, "retain_consult_card", "retain_consult_card", "card_id", _as_it_is),
    Kind.GROUP_INVITATION: _Shape(9, "group_invitation", "other", None, _as_it_is),
    Kind.APPLET_CARD: _Shape(10, "applet_card", "other", None, _as_it_is),
    Kind.COUPON: _Shape(11, "applet_coupon", "other", None, _numbers),
    Kind.GRANT_CARD: _Shape(12, "auth_private_message_card", "other", None, _grant),
    Kind.QUESTION_CARD: _Shape(204, "question_guide_msg_card", "other", None, _questions),
    Kind.JUMP_CARD: _Shape(205, "question_guide_jump_card", "other", None, _jumps),
}
# what an echo is called → what it is compared as; every other word is "other"
_ECHOED: Final = {
    "text": "text",
    "image": "image",
    "user_local_image": "image",
    "video": "video",
    "user_local_video": "video",
    "retain_consult_card": "retain_consult_card",
}
_MARKS: Final = {s.echoed_as: s.mark for s in _SHAPES.values() if s.mark}


def fields_of(kind: str, wording: str) -> Fields:
    """What belongs to the kind, from its wording: a text as it is, anything else as a JSON object."""
    if kind == Kind.TEXT:
        return {"text": wording}
    fields: dict[str, Any] = json.loads(wording)
    return fields


def wire(kind: str, fields: Fields) -> dict[str, Any]:
    """The message object of the platform."""
    shape = _SHAPES[Kind(kind)]
    return {"msg_type": shape.number, shape.part: shape.write(fields)}


def sent_hash(kind: str, fields: Fields) -> str:
    """What an attempt has in common with its echo.

    An echo shows an image or most cards without saying which: two of one kind in one conversation
    are alike, so the second waits while nobody knows whether the first arrived.
    """
    shape = _SHAPES[Kind(kind)]
    return content_hash(shape.echoed_as, fields[shape.mark] if shape.mark else "")


def echo_hash(message_type: str, content: Fields) -> str:
    """The same of an echo, from the platform's word and content."""
    kind = _ECHOED.get(message_type, "other")
    mark = content.get(_MARKS.get(kind, ""))
    return content_hash(kind, mark if isinstance(mark, str) else "")
